"""Where an app keeps its letters and its outbox, written beside the record and read from there."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from outboard.hops.files.databases import AppDatabase, databases_told, tell_database
from outboard.hops.files.segments import record_files

LETTERS = AppDatabase("shop", "letters", "sqlite:////srv/shop.db", "outboard_")
OUTBOX = AppDatabase("api", "outbox", "postgresql+psycopg://app@db/shop", "shop_")


def test_what_is_told_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "hops"
    for each in (LETTERS, OUTBOX, LETTERS):
        tell_database(folder, each)
    assert databases_told(folder) == [OUTBOX, LETTERS]
    assert record_files(folder) == []


def test_nothing_is_told_where_nothing_is(tmp_path: Path) -> None:
    assert databases_told(tmp_path / "nowhere") == []


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"app_id": "a"}', '{"app_id":"a","holds":"secrets","url":"u","prefix":""}']
)
def test_what_is_no_telling_is_left_out(tmp_path: Path, content: str) -> None:
    tell_database(tmp_path, LETTERS)
    (tmp_path / "other.database.json").write_text(content, encoding="utf-8")
    assert databases_told(tmp_path) == [LETTERS]


@pytest.mark.skipif(os.name == "nt", reason="files have owners on POSIX")
def test_it_is_for_its_owner_alone(tmp_path: Path) -> None:
    tell_database(tmp_path / "hops", LETTERS)
    (file,) = (tmp_path / "hops").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
