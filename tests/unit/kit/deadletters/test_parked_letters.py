"""What an outbox has parked is seen, published and dropped in the same way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, MetaData, select, update

from outboard import Outboard, Outbox
from outboard.kit.deadletters.sql.dead_letters import DeadLetters
from outboard.kit.outbox.partitions import lane_of, partition_of
from support.inbox import engines_of
from support.outboxes import filled_outbox
from support.scripted import FakeClock

pytestmark = pytest.mark.anyio


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made, other = engines_of(f"sqlite:///{(tmp_path / 'app.db').as_posix()}", "sqlite+aiosqlite")
    filled_outbox(made, waiting=2, parked=3, seconds=10)
    yield made
    made.dispose()
    other.sync_engine.dispose()


@pytest.fixture
def letters(engine: Engine, clock: FakeClock) -> DeadLetters:
    board = Outboard(app_id="shop", environ={}, clock=clock, outbox=Outbox(engine))
    made = board.dead_letters(engine)
    made.create_tables(engine)
    return made


def rows(engine: Engine) -> dict[str, Any]:
    metadata = MetaData()
    metadata.reflect(engine)
    table = metadata.tables["outboard_outbox"]
    with engine.connect() as connection:
        return {row.event_id: row for row in connection.execute(select(table))}


async def test_they_are_found_and_grouped(letters: DeadLetters) -> None:
    (group,) = await letters.groups()
    assert (group.count, group.handler, group.pattern) == (3, "shop (outbox)", "the topic is not allowed")
    found = await letters.find()
    assert [each.event_id for each in found] == ["p0", "p1", "p2"]
    assert {each.id[0] for each in found} == {"p"}
    assert await letters.find(1, after=found[0].id) == [found[1]]
    assert await letters.count(ids=[found[0].id, "1"]) == 1
    assert await letters.count(group=group.group, reason="NOT ALLOWED", text="p1") == 1
    assert await letters.count(state="replayed") == await letters.count(topic="other") == 0
    assert await letters.envelope(found[0].id) == b"{}"
    assert await letters.get(found[2].id) == found[2]


async def test_they_are_published_after_all(letters: DeadLetters, engine: Engine) -> None:
    first, second, third = await letters.find()
    plan = await letters.replay(ids=[first.id], dry_run=True)
    assert (plan.found, plan.replayed) == (1, 1)
    assert rows(engine)["p0"].parked_at is not None
    assert (await letters.replay(everything=True, limit=2)).replayed == 2
    assert (await letters.replay(ids=[first.id])).replayed == 0
    assert [each.id for each in await letters.find()] == [third.id]
    assert {name for name, row in rows(engine).items() if row.parked_at is None} == {"w0", "w1", "p0", "p1"}
    assert second.id != third.id


async def test_they_may_be_changed(letters: DeadLetters, engine: Engine) -> None:
    first = (await letters.find())[0]
    (metadata := MetaData()).reflect(engine)
    with engine.begin() as connection:
        body = json.dumps({"id": "p0", "data_base64": "AA==", "subject": "x"}).encode()
        connection.execute(update(metadata.tables["outboard_outbox"]).values(body=body))
    assert (await letters.replay(ids=[first.id], to="others", data={"id": 1})).replayed == 1
    row = rows(engine)["p0"]
    assert (row.topic, row.parked_at) == ("others", None)
    assert json.loads(row.body)["data"] == {"id": 1}
    assert json.loads(row.body)["subject"] == "x"
    assert "data_base64" not in json.loads(row.body)
    assert row.lane == lane_of("pubsub", "others", None, "p0")
    assert row.partition == partition_of(row.lane)
    assert (await letters.replay(ids=[first.id], to="others")).replayed == 0


async def test_they_are_dropped(letters: DeadLetters, engine: Engine) -> None:
    first = (await letters.find())[0]
    assert await letters.drop(ids=[first.id], dry_run=True) == 1
    assert await letters.drop(ids=[first.id]) == 1
    assert await letters.drop(ids=[first.id]) == 0
    assert "p0" not in rows(engine)
    assert await letters.drop(everything=True) == 2
    assert set(rows(engine)) == {"w0", "w1"}
