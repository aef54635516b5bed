"""What Prometheus sees of an app with the kit: how its events end, and how often it took."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import REGISTRY, generate_latest

from outboard import Drop, Event, Outboard
from outboard.kit.telemetry import providers
from outboard.testing import Harness

pytestmark = pytest.mark.anyio


@pytest.fixture
def scraped(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    provider = MeterProvider([PrometheusMetricReader()], shutdown_on_exit=False)
    monkeypatch.setattr(providers, "meter", lambda: provider.get_meter("outboard"))
    yield
    provider.shutdown()


def samples(name: str) -> dict[tuple[str, str, str], float]:
    """By handler, topic, and outcome."""
    found = {}
    for line in generate_latest(REGISTRY).decode().splitlines():
        if line.startswith(f"{name}{{"):
            labels = dict(re.findall(r'(\w+)="([^"]*)"', line))
            key = (
                labels["outboard_handler"],
                labels["messaging_destination_name"],
                labels.get("outboard_outcome", ""),
            )
            found[key] = float(line.rpartition(" ")[2])
    return found


@pytest.mark.usefixtures("scraped")
@pytest.mark.parametrize("bulk", [False, True])
async def test_how_events_end_is_counted_by_topic_and_handler(outboard: Harness, bulk: bool) -> None:
    board, failures = Outboard(), iter(range(2))
    good, bad, gone, late = (board.topic(name) for name in ("good", "bad", "gone", "late"))

    @good.subscribe("/good", bulk=bulk)
    async def on_good(event: Event[object]) -> None: ...

    @bad.subscribe("/bad", bulk=bulk)
    async def on_bad(event: Event[object]) -> None:
        raise Drop("no order")

    @gone.subscribe("/gone", bulk=bulk, on_invalid="drop")
    async def on_gone(event: Event[object]) -> None:
        raise Drop("no order")

    @late.subscribe("/late", bulk=bulk)
    async def on_late(event: Event[object]) -> None:
        if next(failures, None) is not None:
            raise RuntimeError("not yet")

    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)
    async with outboard.serving(app, board):
        for topic in (good, bad, gone, late):
            await topic.publish(1)
        await outboard.settled()

    where = "test_how_events_end_is_counted_by_topic_and_handler.<locals>."
    outcomes = {
        (handler.removeprefix(where), topic, outcome): count
        for (handler, topic, outcome), count in samples("outboard_handler_outcomes_total").items()
    }
    assert outcomes == {
        ("on_good", "good", "success"): 1,
        ("on_bad", "bad", "dead-letter"): 1,
        ("on_gone", "gone", "drop"): 1,
        ("on_late", "late", "retry"): 2,
        ("on_late", "late", "success"): 1,
    }
    attempts = {topic: count for (_, topic, _), count in samples("outboard_handler_attempts_sum").items()}
    assert attempts == {"good": 1, "bad": 1, "gone": 1, "late": 3}


@pytest.mark.usefixtures("scraped")
async def test_no_label_says_what_is_in_an_event(outboard: Harness) -> None:
    """Neither its ids, nor its key, nor its data, nor what was raised for it: labels are kept for long."""
    board = Outboard()
    orders = board.topic("secrets")

    @orders.subscribe("/secrets")
    async def on_order(event: Event[object]) -> None:
        raise Drop(f"hunter2-reason of {event.data}")

    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)
    async with outboard.serving(app, board):
        await orders.publish(
            {"card": "hunter2-data"}, key="hunter2-key", id="hunter2-id", subject="hunter2-subject"
        )
        await outboard.settled()

    scraped = generate_latest(REGISTRY).decode()
    assert 'messaging_destination_name="secrets"' in scraped
    assert "hunter2" not in scraped


async def test_without_a_provider_nothing_is_measured(outboard: Harness) -> None:
    board = Outboard()
    good = board.topic("good")

    @good.subscribe("/good")
    async def on_good(event: Event[object]) -> None: ...

    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)
    async with outboard.serving(app, board):
        await good.publish(1)
        await outboard.settled()
    assert "outboard_handler" not in generate_latest(REGISTRY).decode()
