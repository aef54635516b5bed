"""Where a database is."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from outboard.sidecar.components.sqlite.paths import located

FOLDER = Path("some folder")


@pytest.mark.parametrize(
    "written", [":memory:", "file:x?mode=memory", "file::memory:?cache=shared", "file:/data/x.db?mode=ro"]
)
def test_what_has_its_place_keeps_it(written: str) -> None:
    assert located(written, FOLDER) == written


def test_a_relative_path_begins_in_the_folder() -> None:
    assert located("state.db", FOLDER) == str(FOLDER / "state.db")
    assert located(str(FOLDER.absolute() / "x.db"), Path("other")) == str(FOLDER.absolute() / "x.db")


@pytest.mark.parametrize("written", ["state.db", "file:state.db", "file:a/../state.db?mode=ro"])
def test_without_a_folder_it_is_as_it_is_written(written: str) -> None:
    assert located(written, Path()) == written


@pytest.mark.parametrize("written", ["file:grüezi%20wohl.db", "file:grüezi wohl.db?mode=rwc"])
def test_a_relative_uri_begins_in_the_folder_and_keeps_its_options(tmp_path: Path, written: str) -> None:
    folder = tmp_path / "a folder?"
    folder.mkdir()
    sqlite3.connect(located(written, folder), uri=True).close()
    connection = sqlite3.connect(located(written, folder), uri=True)
    connection.execute("CREATE TABLE t (x)")
    connection.close()
    assert (folder / "grüezi wohl.db").is_file()
