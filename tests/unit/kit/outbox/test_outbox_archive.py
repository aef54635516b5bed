"""What was published may be kept, in the transaction that takes it out of the outbox."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, inspect, select, update
from sqlalchemy.orm import Session

from outboard import Outboard, Outbox
from outboard.kit.outbox.port import FetchRequest, Settlement
from outboard.kit.outbox.sql.looking import has_archive
from support.inbox import engines_of

pytestmark = pytest.mark.anyio


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made, other = engines_of(f"sqlite:///{(tmp_path / 'app.db').as_posix()}", "sqlite+aiosqlite")
    yield made
    made.dispose()
    other.sync_engine.dispose()


def kept(outbox: Outbox, engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(select(outbox.metadata.tables["outboard_outbox_archive"])))


async def settled(outbox: Outbox, engine: Engine, **arguments: Any) -> list[int]:
    """Stage one event, and settle it as published, twice: as two relays do that both believe to have it."""
    outbox.create_tables(engine)
    with Session(engine) as session:
        Outboard(app_id="shop", environ={}, outbox=outbox).topic("t").stage(session, 1, **arguments)
        session.commit()
    await outbox.store.prepare()
    await outbox.store.claim("token", 30)
    sequences = [event.sequence for event in await outbox.store.fetch("token", FetchRequest(10))]
    for _ in range(2):
        await outbox.store.settle("token", Settlement(delivered=sequences))
    return sequences


async def test_what_is_published_is_in_the_archive_once(engine: Engine) -> None:
    outbox = Outbox(engine, keep="archive")
    (sequence,) = await settled(outbox, engine, id="e-1", key="k")
    (row,) = kept(outbox, engine)
    assert (row.sequence, row.event_id, row.topic, row.key) == (sequence, "e-1", "t", "k")
    assert b'"id":"e-1"' in row.body
    assert row.published_at >= row.staged_at
    assert await outbox.waiting() == 0


async def test_the_archive_is_cleared_by_time(engine: Engine) -> None:
    outbox = Outbox(engine, keep="archive")
    await settled(outbox, engine)
    assert await outbox.clear_archive(timedelta(days=1)) == 0
    with engine.begin() as connection:
        connection.execute(update(outbox.metadata.tables["outboard_outbox_archive"]).values(published_at=1))
    assert await outbox.clear_archive(timedelta(days=1)) == 1
    assert kept(outbox, engine) == []
    with pytest.raises(TypeError, match="older_than"):
        await outbox.clear_archive(5)  # type: ignore[arg-type]


async def test_unless_asked_nothing_is_kept(engine: Engine) -> None:
    outbox = Outbox(engine)
    await settled(outbox, engine)
    assert sorted(inspect(engine).get_table_names()) == [
        "outboard_outbox",
        "outboard_outbox_lease",
        "outboard_outbox_relay",
    ]
    assert await outbox.clear_archive(timedelta(0)) == 0
    with pytest.raises(TypeError, match="keep"):
        Outbox(engine, keep="forever")  # type: ignore[arg-type]


async def test_a_relay_alone_sees_that_there_is_an_archive(engine: Engine) -> None:
    Outbox(engine, prefix="a_").create_tables(engine)
    Outbox(engine, prefix="b_", keep="archive").create_tables(engine)
    url = str(engine.url)
    assert [await has_archive(url, prefix) for prefix in ("a_", "b_")] == [False, True]
