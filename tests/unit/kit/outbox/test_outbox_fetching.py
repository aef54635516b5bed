"""How SQLite, which has no statistics, answers what the relay asks."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from outboard.kit.outbox.port import FetchRequest, Postponed, Refused, Settlement
from support.outbox import OutboxBench

pytestmark = pytest.mark.anyio


async def test_events_are_read_in_order_and_what_blocks_them_from_few_rows(bench: OutboxBench) -> None:
    plan: list[str] = []

    def explain(_: object, cursor: Any, statement: str, parameters: Any, *__: object) -> None:
        if "ORDER BY" in statement:
            cursor.execute("EXPLAIN QUERY PLAN " + statement, parameters)
            plan.extend(row[3] for row in cursor.fetchall())

    bench.commit(1, key="a")
    await bench.store.claim("r", 30.0)
    event.listen(bench.engine, "before_cursor_execute", explain)
    assert await bench.store.fetch("r", FetchRequest(10, held=[1], lanes=[7], pubsubs=["q"])) == []
    assert [step for step in plan if "INDEX ix_outboard_outbox_ready" in step], plan
    assert [step for step in plan if "INDEX ix_outboard_outbox_holding (lane=? AND sequence<?)" in step], plan
    assert not [step for step in plan if "ORDER BY" in step], "nothing is sorted"


async def test_what_is_held_left_out_or_behind_is_not_among_them(bench: OutboxBench) -> None:
    with Session(bench.engine) as session:
        for key in ("put off", "parked", "holding", "held", "left out", "free"):
            for number in range(2):
                bench.stage(session, number, key, hold=key == "holding")
        bench.stage(session, 0, "elsewhere", pubsub="q")
        session.commit()
    await bench.store.claim("r", 30.0)
    first = {event.publication.metadata["partitionKey"]: event
             for event in reversed(await bench.store.fetch("r", FetchRequest(20)))}  # fmt: skip
    await bench.store.settle(
        "r",
        Settlement(
            postponed=[Postponed(first["put off"].sequence, 1.0, "x")],
            refused=[Refused(first[key].sequence, "x") for key in ("parked", "holding")],
        ),
    )
    wanted = FetchRequest(20, [first["held"].sequence], [first["left out"].lane], ["q"])
    found = await bench.store.fetch("r", wanted)
    assert [event.sequence for event in found] == [
        first[key].sequence + further
        for key, further in (("parked", 1), ("held", 1), ("free", 0), ("free", 1))
    ]
    bench.clock.advance(2)
    again = await bench.store.fetch("r", wanted)
    assert [event.sequence for event in again][:2] == [
        first["put off"].sequence,
        first["put off"].sequence + 1,
    ]
