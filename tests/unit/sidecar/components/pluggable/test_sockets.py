"""Which types sockets stand for, by their names alone."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from outboard.sidecar.components.pluggable.sockets import (
    SOCKETS_FOLDER,
    plugged_types,
    socket_of,
    sockets_folder,
)
from support.sidecars import component

needs_sockets = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="a platform without Unix sockets")


@pytest.fixture
def folder(short_folder: Path) -> Path:
    return short_folder


def environ(folder: Path) -> dict[str, str]:
    return {SOCKETS_FOLDER: str(folder)}


def bind(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))


@needs_sockets
def test_a_socket_stands_for_the_types_that_are_named_as_it_is(folder: Path) -> None:
    bind(folder / "My-Store.sock")

    assert plugged_types(environ(folder)) == ["pubsub.my-store", "state.my-store", "secretstores.my-store"]
    for type in ("state.my-store", "pubsub.MY-STORE"):
        assert socket_of(component("thing", type=type), environ(folder)) == folder / "My-Store.sock"


@needs_sockets
def test_what_is_no_socket_stands_for_nothing(folder: Path) -> None:
    (folder / "file.sock").write_text("")
    (folder / "folder.sock").mkdir()
    bind(folder / "target")
    os.symlink(folder / "target", folder / "link")

    assert plugged_types(environ(folder)) == ["pubsub.target", "state.target", "secretstores.target"]


@needs_sockets
def test_other_categories_have_no_sockets(folder: Path) -> None:
    bind(folder / "mine")

    assert socket_of(component("thing", type="bindings.mine"), environ(folder)) is None
    assert socket_of(component("thing", type="state.other"), environ(folder)) is None


def test_without_the_folder_there_is_none(tmp_path: Path) -> None:
    assert plugged_types(environ(tmp_path / "missing")) == []


def test_a_platform_without_unix_sockets_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "AF_UNIX", raising=False)

    assert sockets_folder(environ(tmp_path)) is None
    assert plugged_types(environ(tmp_path)) == []
