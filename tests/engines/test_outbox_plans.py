"""How PostgreSQL answers the outbox where its statistics are wrong.

They are of a queue: it was empty when they were gathered.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event, insert, text

from outboard.kit.outbox.partitions import partition_of
from outboard.kit.outbox.port import FetchRequest, Postponed, Settlement
from support.outbox import OutboxBench

pytestmark = pytest.mark.anyio

EVENTS = 5_000
KEYS = 10
LIMIT = 50


@pytest.fixture
def engine(postgresql_url: str) -> Iterator[Engine]:
    engine = create_engine(postgresql_url)
    yield engine
    engine.dispose()


class Plans:
    """How each statement with `words` in it was answered."""

    def __init__(self, engine: Engine, words: str) -> None:
        self._words = words
        self.found: list[dict[str, Any]] = []
        event.listen(engine, "before_cursor_execute", self._explain)

    def _explain(
        self, _: object, cursor: Any, statement: str, parameters: Any, context: object, many: bool
    ) -> None:
        if self._words in statement and not many:
            cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + statement, parameters)
            (answer,) = cursor.fetchone()
            self.found.append((answer if isinstance(answer, list) else json.loads(answer))[0]["Plan"])

    def rows_read(self) -> int:
        """Of tables, in all."""
        return sum(_rows_read(plan) for plan in self.found)


def _rows_read(plan: dict[str, Any]) -> int:
    own = 0
    if "Relation Name" in plan:
        own = round(
            (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * max(plan["Actual Loops"], 1)
        )
    return own + sum(_rows_read(part) for part in plan.get("Plans", ()))


def fill(bench: OutboxBench) -> None:
    """A backlog of a few keys, in turn."""
    rows = [
        {"event_id": f"backlog-{number}", "pubsub": "p", "topic": "t", "key": f"k{number % KEYS}",
         "lane": number % KEYS, "partition": partition_of(number % KEYS), "body": b"{}",
         "details": '{"metadata": {}, "headers": {}, "traceid": ""}', "hold": False, "staged_at": 0,
         "available_at": 0, "attempts": 0}
        for number in range(EVENTS)
    ]  # fmt: skip
    with bench.engine.begin() as connection:
        connection.execute(insert(bench.tables.outbox), rows)


def parked_one(bench: OutboxBench) -> None:
    """All that there was when statistics were gathered."""
    bench.commit(0, key="old")
    with bench.engine.begin() as connection:
        connection.execute(bench.tables.outbox.update().values(parked_at=1, available_at=1, hold=True))


@pytest.fixture(params=["none", "of an empty table", "of a parked event"])
async def bench(request: pytest.FixtureRequest, engine: Engine) -> OutboxBench:
    """A backlog of which the database knows nothing, or something that is not so any more."""
    made = OutboxBench(engine, real_time=True)
    await made.store.prepare()
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE outboard_outbox SET (autovacuum_enabled = false)"))
    if request.param == "of a parked event":
        parked_one(made)
    if request.param != "none":
        with engine.begin() as connection:
            connection.execute(text("ANALYZE"))
    fill(made)
    return made


async def test_a_backlog_is_not_read_to_its_end_for_the_first_of_it(bench: OutboxBench) -> None:
    await bench.store.claim("r", 30.0)
    plans = Plans(bench.engine, "ORDER BY")
    found = await bench.store.fetch("r", FetchRequest(LIMIT))
    assert len(found) == LIMIT
    assert plans.rows_read() <= 2 * LIMIT

    held = [event.sequence for event in found]
    nine = sorted({event.lane for event in found})[1:]
    found = await bench.store.fetch("r", FetchRequest(LIMIT, held, nine))
    assert len(found) == LIMIT
    assert plans.rows_read() <= 2 * LIMIT + KEYS * (LIMIT + 1) + 2 * LIMIT, "one of ten is of that lane"


async def test_lanes_in_back_off_are_looked_up_among_few_rows(bench: OutboxBench) -> None:
    await bench.store.claim("r", 30.0)
    heads = (await bench.store.fetch("r", FetchRequest(LIMIT)))[: KEYS - 1]
    put_off = [Postponed(event.sequence, 59.0, "no leader") for event in heads]
    await bench.store.settle("r", Settlement(postponed=put_off))
    plans = Plans(bench.engine, "ORDER BY")
    found = await bench.store.fetch("r", FetchRequest(LIMIT))
    assert {event.lane for event in found} == {9}
    assert plans.rows_read() <= 3 * KEYS * LIMIT, "a row, and the one that keeps it back"


async def test_what_is_settled_is_found_by_its_number(bench: OutboxBench) -> None:
    await bench.store.claim("r", 30.0)
    numbers = [event.sequence for event in await bench.store.fetch("r", FetchRequest(LIMIT))]
    plans = Plans(bench.engine, "DELETE")
    await bench.store.settle("r", Settlement(delivered=numbers))
    assert len(plans.found) == 1
    assert plans.rows_read() <= LIMIT
    plans = Plans(bench.engine, "UPDATE outboard_outbox")
    await bench.store.settle("r", Settlement(postponed=[Postponed(numbers[-1] + 1, 1.0, "no leader")]))
    assert len(plans.found) == 1
    assert plans.rows_read() <= 2 + 16
