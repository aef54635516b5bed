"""Which changes of files are told, and when."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from outboard.sidecar.logs import SidecarLog
from outboard.sidecar.runtime.watching import FolderWatch
from support.sidecars import AutojumpClock

pytestmark = pytest.mark.anyio

LOG = SidecarLog("api", "info", "1")


class WritingClock(AutojumpClock):
    """Somebody goes on writing while it is slept."""

    def __init__(self, write: Callable[[], object]) -> None:
        super().__init__()
        self._write = write

    async def sleep(self, seconds: float) -> None:
        self._write()
        await super().sleep(seconds)


def watch_of(folder: Path, clock: AutojumpClock | None = None) -> FolderWatch:
    return FolderWatch([folder], clock or AutojumpClock(), LOG)


async def changed(watch: FolderWatch) -> list[str]:
    watch.look()
    return [path.name for path in await watch.changed()]


async def test_what_is_new_written_or_gone_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a")
    (tmp_path / "b.yaml").write_text("b")
    watch = watch_of(tmp_path)
    (tmp_path / "a.yaml").unlink()
    (tmp_path / "b.yaml").write_text("bb")
    (tmp_path / "c.yml").write_text("c")
    (tmp_path / "d.txt").write_text("d")
    assert await changed(watch) == ["a.yaml", "b.yaml", "c.yml"]
    (tmp_path / "e.yaml").write_text("e")
    assert await changed(watch) == ["e.yaml"]


async def test_a_file_that_is_put_in_the_place_of_another_is_a_change(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a")
    watch = watch_of(tmp_path)
    (tmp_path / "new").write_text("b")
    os.replace(tmp_path / "new", tmp_path / "a.yaml")
    assert await changed(watch) == ["a.yaml"]


@pytest.mark.skipif(os.name == "nt", reason="needs symbolic links")
async def test_a_folder_as_kubernetes_mounts_it_changes_by_a_link(tmp_path: Path) -> None:
    for name in ("..1", "..2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.yaml").write_text(f"in {name}")
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "a.yaml").symlink_to(Path("..data", "a.yaml"))
    watch = watch_of(tmp_path)
    (tmp_path / "..tmp").symlink_to("..2")
    os.replace(tmp_path / "..tmp", tmp_path / "..data")
    assert await changed(watch) == ["a.yaml"]


async def test_an_empty_file_may_be_about_to_be_written(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("a")
    clock = WritingClock(lambda: file.write_text("whole"))
    watch = watch_of(tmp_path, clock)
    file.write_text("")
    assert await changed(watch) == ["a.yaml"]
    assert file.read_text() == "whole"
    assert clock.slept == [0.3]


async def test_whether_something_is_written_yet(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    assert await watch_of(tmp_path, WritingClock(lambda: file.write_text("a"))).until_settled()
    assert not await watch_of(tmp_path).until_settled()


async def test_the_operating_system_tells(tmp_path: Path) -> None:
    watch = FolderWatch([tmp_path], AutojumpClock(), LOG)
    async with watch.watching():
        (tmp_path / "a.yaml").write_text("a")
        assert [path.name for path in await watch.changed()] == ["a.yaml"]


async def test_without_the_library_folders_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    watch = watch_of(tmp_path)
    with caplog.at_level(logging.INFO):
        await watch._listen()
    assert "looked at each 1 s" in caplog.text
    (tmp_path / "a.yaml").write_text("a")
    assert await watch.changed()
