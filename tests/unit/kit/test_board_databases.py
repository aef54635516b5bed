"""An app tells, beside the record of its hops, where its letters and its outbox lie."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import create_engine

from outboard import Outboard, Outbox
from outboard.hops.files.databases import AppDatabase, databases_told
from outboard.hops.files.recording import HOPS_FOLDER
from outboard.kit.databases import BoardDatabases
from outboard.kit.outbox.sql.engine import LazyEngine, location_of

pytestmark = pytest.mark.anyio


async def test_a_board_tells_where_its_tables_are_once_the_app_runs(tmp_path: Path) -> None:
    hops, file = tmp_path / "hops", tmp_path / "shop.db"
    engine = create_engine(f"sqlite:///{file.as_posix()}")
    Outbox.make_durable(engine)
    outbox = Outbox(engine, prefix="own_")
    outbox.create_tables(engine)
    board = Outboard(app_id="shop", environ={HOPS_FOLDER: str(hops)}, outbox=outbox)
    letters = board.dead_letters(engine)
    letters.create_tables(engine)
    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)
    assert databases_told(hops) == []
    async with board.lifespan(app):
        pass
    url = f"sqlite:///{file}"
    assert databases_told(hops) == [
        AppDatabase("shop", "letters", url, "outboard_"),
        AppDatabase("shop", "outbox", url, "own_"),
    ]
    engine.dispose()


def test_nothing_is_told_where_no_hops_are_recorded(tmp_path: Path) -> None:
    databases = BoardDatabases({}, "shop")
    databases.add("letters", _Kept())
    databases.tell()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_to_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    databases = BoardDatabases({HOPS_FOLDER: str(tmp_path / "file" / "hops")}, "shop")
    databases.add("letters", _Kept())
    with caplog.at_level(logging.WARNING):
        databases.tell()
    assert "the dashboard is not told where the letters of this app lie" in caplog.text


async def test_an_engine_that_a_function_gives_is_told_at_its_first_use(tmp_path: Path) -> None:
    file = tmp_path / "late.db"
    made = [create_engine(f"sqlite:///{file.as_posix()}")]
    lazy, told = LazyEngine(lambda: made[0]), list[str]()
    lazy.when_known(told.append)
    assert told == []
    await lazy.run("look", lambda connection: None, read_only=True)
    await lazy.run("look", lambda connection: None, read_only=True)
    assert told == [f"sqlite:///{file}"]
    lazy.when_known(told.append)
    assert told == [f"sqlite:///{file}"] * 2
    made[0].dispose()


def test_no_password_is_told_and_a_path_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for url, told in (
        ("postgresql+psycopg://app:geheim@db:5433/shop", "postgresql+psycopg://app@db:5433/shop"),
        ("postgresql+psycopg://db/shop?password=geheim&options=x", "postgresql+psycopg://db/shop?options=x"),
        ("sqlite:///shop.db", f"sqlite:///{tmp_path / 'shop.db'}"),
        ("sqlite://", "sqlite://"),
    ):
        engine = create_engine(url)
        assert location_of(engine) == told
        engine.dispose()


class _Kept:
    def when_known(self, told: object) -> None:
        assert callable(told)
        told("sqlite:////srv/shop.db", "outboard_")
