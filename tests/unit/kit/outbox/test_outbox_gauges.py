"""How much an outbox holds, and when its database is asked."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from sqlalchemy import event

from outboard.errors import PublishForbidden
from outboard.kit.outbox.gauges import OutboxGauges
from outboard.kit.outbox.port import Depth
from outboard.kit.outbox.relay import Relay
from outboard.kit.outbox.sender import SendContext
from outboard.kit.outbox.sql.store import SqlOutboxStore
from outboard.kit.telemetry import providers
from outboard.kit.telemetry.messaging import Messaging
from support.outbox import OutboxBench

pytestmark = pytest.mark.anyio


def questions(bench: OutboxBench) -> list[str]:
    """What the database is asked from here on, to count."""
    asked: list[str] = []

    def keep(_: object, __: object, statement: str, *___: object) -> None:
        if "count(*)" in statement:
            asked.append(statement)

    event.listen(bench.engine, "before_cursor_execute", keep)
    return asked


def relay_of(bench: OutboxBench, telemetry: Messaging) -> Relay:
    context = SendContext(bench.broker.publish, bench.clock, lambda: 0.5, 5.0)
    return Relay("r", bench.store, context, OutboxGauges(bench.store, telemetry, bench.clock))


async def test_the_depth_tells_what_waits_since_when_and_what_is_parked(bench: OutboxBench) -> None:
    assert await bench.store.depth() == Depth(0, 0, 0.0)
    bench.broker.answers = lambda item: PublishForbidden("p", "t", "no")
    bench.commit("bad")
    await bench.work(bench.relay())
    bench.commit(1)
    bench.clock.advance(3.0)
    bench.commit(2)
    bench.clock.advance(4.0)
    of_the_app = SqlOutboxStore(
        bench.tables, bench.runner, lambda _: round(bench.clock.now().timestamp() * 1000)
    )
    depth = await of_the_app.depth()
    assert (depth.waiting, depth.parked) == (2, 1)
    assert depth.oldest_age == pytest.approx(7.0)


async def test_what_waits_is_read_from_its_index(bench: OutboxBench) -> None:
    plan: list[str] = []

    def explain(_: object, cursor: Any, statement: str, parameters: Any, *__: object) -> None:
        if "IS NULL" in statement or "due_at" in statement:
            cursor.execute("EXPLAIN QUERY PLAN " + statement, parameters)
            plan.extend(row[3] for row in cursor.fetchall())

    event.listen(bench.engine, "before_cursor_execute", explain)
    await bench.store.depth()
    assert len(plan) == 5
    assert sum("INDEX ix_outboard_outbox_ready" in step for step in plan) == 2, plan
    assert sum("INDEX ix_outboard_outbox_delayed" in step for step in plan) == 3, plan


async def test_a_relay_tells_it_every_few_seconds(
    bench: OutboxBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    monkeypatch.setattr(providers, "meter", lambda: provider.get_meter("outboard"))
    telemetry = Messaging("http://127.0.0.1:3500")
    telemetry.look()
    relay, asked = relay_of(bench, telemetry), questions(bench)
    for _ in range(4):
        await relay.step()
        bench.clock.advance(2.0)
    assert len(asked) == 2 * 4, "at once, and after five seconds"

    data = reader.get_metrics_data()
    assert data is not None
    told = {
        metric.name: [point.value for point in metric.data.data_points]  # type: ignore[union-attr]
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    provider.shutdown()
    assert told == {
        "outboard.outbox.waiting": [0],
        "outboard.outbox.parked": [0],
        "outboard.outbox.delayed": [0],
        "outboard.outbox.oldest.age": [0.0],
    }


async def test_nobody_asks_where_nobody_measures(bench: OutboxBench) -> None:
    relay, asked = relay_of(bench, Messaging("http://127.0.0.1:3500")), questions(bench)
    await relay.step()
    assert asked == []
