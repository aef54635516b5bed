"""Where daprd is looked for, and what is said where it is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from outboard.errors import CommandError
from outboard.run.plan.daprd_executable import find_daprd

NAME = "daprd.exe" if os.name == "nt" else "daprd"


def program(folder: Path) -> Path:
    folder.mkdir(parents=True)
    file = folder / NAME
    file.touch(mode=0o755)
    return file


def test_it_is_found_on_path_before_the_home_folder(tmp_path: Path) -> None:
    on_path = program(tmp_path / "bin")
    program(tmp_path / "home" / ".dapr" / "bin")
    assert find_daprd(None, {"PATH": str(on_path.parent)}, tmp_path / "home") == on_path


def test_it_is_found_where_dapr_init_puts_it(tmp_path: Path) -> None:
    installed = program(tmp_path / ".dapr" / "bin")
    assert find_daprd(None, {"PATH": ""}, tmp_path) == installed


@pytest.mark.parametrize("folder", [".", ".dapr/bin"])
def test_a_named_folder_holds_it_itself_or_as_a_runtime_path(tmp_path: Path, folder: str) -> None:
    there = program(tmp_path / "runtime" / folder) if folder != "." else program(tmp_path / "runtime")
    assert find_daprd(tmp_path / "runtime", {}, tmp_path) == there


def test_a_named_file_counts_before_everything(tmp_path: Path) -> None:
    named = program(tmp_path / "mine")
    program(tmp_path / "bin")
    assert find_daprd(named, {"PATH": str(tmp_path / "bin")}, tmp_path) == named


def test_without_one_the_way_to_get_it_is_told(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"no daprd on PATH.*dapr init --slim.*--daprd-path FILE"):
        find_daprd(None, {"PATH": str(tmp_path)}, tmp_path)


def test_a_named_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="there is no such file"):
        find_daprd(tmp_path / "gone", {}, tmp_path)
    with pytest.raises(CommandError, match="there is no daprd in this folder"):
        find_daprd(tmp_path, {}, tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permission")
def test_a_file_that_may_not_be_executed_is_told_with_what_to_do(tmp_path: Path) -> None:
    named = tmp_path / "daprd"
    named.touch(mode=0o644)
    with pytest.raises(CommandError, match=r"may not be executed\. Allow it: `chmod \+x"):
        find_daprd(named, {}, tmp_path)
