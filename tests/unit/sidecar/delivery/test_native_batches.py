"""Bulk subscriptions of a component that hands over batches by itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from outboard.clock import SystemClock
from outboard.hops.journal import Journal
from outboard.hops.record import HopKind
from outboard.resources.resiliency import Policies, RetryPolicy
from outboard.sidecar.channel.http import HttpChannel
from outboard.sidecar.components.kafka.pubsub import KafkaPubSub
from outboard.sidecar.components.port import (
    BulkBounds,
    BulkHandler,
    ComponentError,
    Interrupted,
    Message,
    MessageHandler,
    NotAcknowledged,
    PubSubTraits,
)
from outboard.sidecar.delivery.batches import NativeBatches, bounds_of
from outboard.sidecar.delivery.consumer import Consumer, DeliveryContext
from outboard.sidecar.delivery.drain import Drain
from outboard.sidecar.delivery.subscriber import subscribing
from outboard.sidecar.logs import SidecarLog
from outboard.sidecar.publishing.pubsubs import LoadedPubSub, PubSubPublisher
from outboard.sidecar.publishing.scopes import TopicAccess
from outboard.sidecar.resiliency.guard import Resilience
from outboard.sidecar.subscriptions.active import ActiveSubscription
from outboard.sidecar.subscriptions.routes import compile_rules
from outboard.wire.http import Response
from outboard.wire.subscriptions import BulkSubscribe, Rule, Subscription
from support.sidecars import AutojumpClock, Hops, ScriptedApp

pytestmark = pytest.mark.anyio

SUBSCRIPTION = Subscription("ps", "t", (Rule("/bulk"),), metadata={"x": "y"}, bulk=BulkSubscribe(True, 3, 50))


class Broker:
    """Hands over batches; keeps what is published, and what was asked of it."""

    traits = PubSubTraits()

    def __init__(self) -> None:
        self.published: list[tuple[str, bytes]] = []
        self.asked: list[tuple[str, Mapping[str, str], BulkBounds]] = []
        self.handle: BulkHandler | None = None
        self.failures = 0
        self.ready = asyncio.Event()

    async def publish(self, topic: str, message: Message) -> None:
        self.published.append((topic, message.data))

    async def consume(
        self, topic: str, metadata: Mapping[str, str], handle: MessageHandler, subscribed: Callable[[], None]
    ) -> None:
        raise AssertionError("a bulk subscription takes batches")

    async def consume_bulk(
        self,
        topic: str,
        metadata: Mapping[str, str],
        bounds: BulkBounds,
        handle: BulkHandler,
        subscribed: Callable[[], None],
    ) -> None:
        self.asked.append((topic, metadata, bounds))
        if self.failures:
            self.failures -= 1
            raise ComponentError("not yet")
        self.handle = handle
        self.ready.set()
        subscribed()
        await asyncio.Event().wait()

    async def close(self) -> None: ...


class Bench:
    def __init__(
        self, subscription: Subscription = SUBSCRIPTION, retries: int = 0, pause: float = 5.0
    ) -> None:
        self.app, self.hops, self.broker, self.clock = ScriptedApp(), Hops(), Broker(), AutojumpClock()
        resilience, ids = Resilience(self.clock, lambda: 0.5, SidecarLog("api", "info", "v")), count(1)
        inbound = Policies(retry=RetryPolicy(duration=pause, max_retries=retries)) if retries else Policies()
        guards = resilience.guard("ps", "output", Policies()), resilience.guard("ps", "input", inbound)
        self.pubsub = LoadedPubSub("ps", self.broker, TopicAccess(prefix="space."), *guards)
        journal = Journal("api", self.clock, self.hops)
        self.drain = Drain()
        self.shared = DeliveryContext(
            HttpChannel(self.app, "api"), PubSubPublisher({"ps": self.pubsub}, "api", journal), journal,
            self.clock,
            lambda: 0.5, lambda: f"id{next(ids)}", SidecarLog("api", "info", "v"), self.drain,
        )  # fmt: skip
        self.routes = compile_rules(subscription.rules)
        self.active = ActiveSubscription(subscription, self.routes, "PROGRAMMATIC")
        self.handle = NativeBatches(Consumer(subscription, self.routes, self.pubsub, self.shared))

    async def outcomes(self, *payloads: bytes) -> list[bool]:
        """Whether each was settled."""
        told = await self.handle([Message(payload, {"partitionKey": "k"}) for payload in payloads])
        assert all(outcome is None or isinstance(outcome, NotAcknowledged) for outcome in told)
        return [outcome is None for outcome in told]

    def answer(self, *statuses: str) -> None:
        """To the entries that are sent, by the ids that they have from now on."""
        entries = [dict(zip(("entryId", "status"), text.split(":"), strict=True)) for text in statuses]
        self.app.answer("/bulk", Response(200, body=json.dumps({"statuses": entries}).encode()))

    @property
    def batches(self) -> list[list[Any]]:
        return [[e["event"]["data"] for e in batch["entries"]] for batch in self.app.events_at("/bulk")]


def events(*numbers: int) -> list[bytes]:
    return [json.dumps({"id": str(number), "data": number}).encode() for number in numbers]


async def test_each_entry_is_settled_by_its_status_and_named_by_its_place() -> None:
    bench = Bench()
    bench.answer("0:SUCCESS", "1:RETRY", "2:DROP")
    assert await bench.outcomes(*events(1, 2, 3)) == [True, False, True]
    [request] = bench.app.events_at("/bulk")
    assert [entry["entryId"] for entry in request["entries"]] == ["0", "1", "2"]
    assert request["entries"][0]["metadata"] == {"partitionKey": "k"}
    assert [hop.outcome for hop in bench.hops.of(HopKind.DELIVERED)] == ["SUCCESS", "RETRY", "DROP"]


async def test_what_the_app_wants_again_it_gets_in_order_and_nothing_else() -> None:
    bench = Bench(retries=1)
    bench.answer("0:SUCCESS", "1:RETRY", "2:SUCCESS", "3:RETRY")
    bench.answer("1:SUCCESS", "3:SUCCESS")
    assert await bench.outcomes(*events(1, 2, 3, 4)) == [True] * 4
    assert bench.batches == [[1, 2, 3, 4], [2, 4]]


async def test_what_cannot_be_read_and_what_is_not_for_the_app_leave_the_others_alone() -> None:
    bench = Bench(replace(SUBSCRIPTION, rules=(Rule("/bulk", "event.data < 5.0"),)))
    bench.answer("1:SUCCESS")
    assert await bench.outcomes(b"not json", *events(1, 9)) == [False, True, True]
    assert bench.batches == [[1]]


async def test_what_fails_for_good_goes_to_the_dead_letter_topic() -> None:
    bench = Bench(replace(SUBSCRIPTION, dead_letter_topic="dead"))
    bench.answer("0:SUCCESS", "1:RETRY")
    assert await bench.outcomes(*events(1, 2)) == [True, True]
    assert bench.broker.published == [("space.dead", events(2)[0])]


async def test_raw_payloads_go_as_base64_text() -> None:
    bench = Bench(replace(SUBSCRIPTION, metadata={"rawPayload": "true"}))
    bench.answer("0:SUCCESS")
    assert await bench.outcomes(b"raw") == [True]
    [entry] = bench.app.events_at("/bulk")[0]["entries"]
    assert (entry["event"], entry["contentType"]) == ("cmF3", "application/octet-stream")


async def test_the_size_of_a_batch_is_no_turn_for_the_loop() -> None:
    bench = Bench()
    bench.app.answer("/bulk", Response(404))
    others = 0

    async def tick() -> None:
        nonlocal others
        while True:
            others += 1
            await asyncio.sleep(0)

    ticking = asyncio.create_task(tick())
    assert all(await bench.outcomes(*events(*range(2_000))))
    ticking.cancel()
    assert others >= 2_000 // 256


async def test_while_it_stops_a_batch_that_failed_is_held_until_its_consumer_is_cancelled() -> None:
    bench = Bench()
    bench.app.gates["/bulk"] = asyncio.Event()
    bench.answer("0:SUCCESS", "1:RETRY")
    handling = asyncio.create_task(bench.outcomes(*events(1, 2)))
    await bench.app.called("/bulk")
    finishing = asyncio.create_task(bench.drain.finish(bench.clock, 30))
    await asyncio.sleep(0)
    bench.app.gates["/bulk"].set()
    await finishing
    for _ in range(10):
        await asyncio.sleep(0)
    assert not handling.done()
    late = asyncio.create_task(bench.outcomes(*events(3)))
    for task in (handling, late):
        await asyncio.sleep(0)
        assert not task.done()
        task.cancel()
        await asyncio.wait({task})
    assert bench.batches == [[1, 2]]
    assert not bench.hops.of(HopKind.LOST)


async def test_while_it_stops_a_component_that_remembers_it_is_told_what_was_settled_of_a_batch() -> None:
    bench = Bench()
    bench.broker.traits = PubSubTraits(remembers_settled=True)
    handle = NativeBatches(Consumer(SUBSCRIPTION, bench.routes, bench.pubsub, bench.shared))
    bench.app.gates["/bulk"] = asyncio.Event()
    bench.answer("0:SUCCESS", "1:RETRY")
    handling = asyncio.create_task(handle([Message(payload) for payload in events(1, 2)]))
    await bench.app.called("/bulk")
    finishing = asyncio.create_task(bench.drain.finish(bench.clock, 30))
    await asyncio.sleep(0)
    bench.app.gates["/bulk"].set()
    await finishing
    first, second = await handling
    assert first is None
    assert isinstance(second, Interrupted)
    assert not bench.hops.of(HopKind.LOST)


@pytest.mark.parametrize("stops", ["before the attempt ends", "in the pause"])
async def test_attempts_that_never_end_leave_time_to_write_down_what_was_settled(stops: str) -> None:
    """A sidecar that is ended by force has told its component nothing: the whole batch would come again."""
    bench = Bench(retries=-1, pause=30)
    bench.broker.traits = PubSubTraits(remembers_settled=True)
    shared = replace(bench.shared, grace=5.0, clock=SystemClock() if stops == "in the pause" else bench.clock)
    handle = NativeBatches(Consumer(SUBSCRIPTION, bench.routes, bench.pubsub, shared))
    bench.answer("0:SUCCESS", "1:RETRY")
    bench.answer("0:SUCCESS", "1:SUCCESS")  # not asked for
    gate = bench.app.gates["/bulk"] = asyncio.Event()
    handling = asyncio.create_task(handle([Message(payload) for payload in events(1, 2)]))
    await bench.app.called("/bulk")
    if stops == "in the pause":
        gate.set()
        for _ in range(20):
            await asyncio.sleep(0)
        assert not handling.done()
    finishing = asyncio.create_task(bench.drain.finish(shared.clock, 30))
    await asyncio.sleep(0)
    gate.set()
    await finishing
    first, second = await handling
    assert first is None
    assert isinstance(second, Interrupted)
    assert bench.batches == [[1, 2]]


async def test_the_component_is_asked_for_what_the_subscription_wants_again_until_it_can() -> None:
    bench = Bench()
    bench.broker.failures = 2
    async with subscribing([bench.active], bench.shared):
        await bench.broker.ready.wait()
        assert bench.broker.handle is not None
        bench.answer("0:SUCCESS")
        assert await bench.broker.handle([Message(events(1)[0])]) == [None]
    assert bench.broker.asked == [("space.t", {"x": "y"}, BulkBounds(3, 0.05))] * 3


class BrokerWithBounds(Broker):
    traits = PubSubTraits(bulk_bounds=BulkBounds(80, 10.0))


@pytest.mark.parametrize(
    ("asked", "broker", "bounds"),
    [
        (BulkSubscribe(True), Broker(), BulkBounds(100, 1.0)),
        (BulkSubscribe(True, -1, -1), Broker(), BulkBounds(100, 1.0)),
        (BulkSubscribe(True, 7, 250), Broker(), BulkBounds(7, 0.25)),
        (BulkSubscribe(True), BrokerWithBounds(), BulkBounds(80, 10.0)),
        (BulkSubscribe(True, 7), BrokerWithBounds(), BulkBounds(7, 10.0)),
        (BulkSubscribe(True, 0, 250), BrokerWithBounds(), BulkBounds(80, 0.25)),
    ],
)
def test_what_is_left_open_is_as_daprds(asked: BulkSubscribe, broker: Broker, bounds: BulkBounds) -> None:
    assert bounds_of(asked, broker) == bounds


def test_a_bulk_of_kafka_has_the_bounds_of_daprds() -> None:
    """In daprd they are `DefaultMaxBulkSubCount` and `DefaultMaxBulkSubAwaitDurationMs`."""
    assert KafkaPubSub.traits.bulk_bounds == BulkBounds(80, 10.0)


async def test_the_handler_takes_any_sequence() -> None:
    messages: Sequence[Message] = ()
    assert await Bench().handle(messages) == []
