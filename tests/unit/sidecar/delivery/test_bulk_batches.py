"""Batches that several messages at a time make, as brokers with more than one worker give them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from outboard.hops.journal import Journal
from outboard.hops.record import HopKind
from outboard.resources.resiliency import Policies, RetryPolicy
from outboard.sidecar.channel.http import HttpChannel
from outboard.sidecar.components.port import Message, MessageHandler, NotAcknowledged, PubSubTraits
from outboard.sidecar.delivery.consumer import Consumer, DeliveryContext
from outboard.sidecar.delivery.drain import Drain
from outboard.sidecar.delivery.gathering import GatheringConsumer
from outboard.sidecar.logs import SidecarLog
from outboard.sidecar.publishing.pubsubs import LoadedPubSub, PubSubPublisher
from outboard.sidecar.publishing.scopes import TopicAccess
from outboard.sidecar.resiliency.guard import Resilience
from outboard.sidecar.subscriptions.routes import compile_rules
from outboard.wire.http import Response
from outboard.wire.subscriptions import BulkSubscribe, Rule, Subscription
from support.sidecars import AutojumpClock, Hops, ScriptedApp

pytestmark = pytest.mark.anyio

SUBSCRIPTION = Subscription("ps", "t", (Rule("/bulk"),), bulk=BulkSubscribe(True, 3, 50))


class Broker:
    """A pub/sub component that keeps what is published."""

    def __init__(self, serial: str = "") -> None:
        self.traits = PubSubTraits(serial=serial)
        self.published: list[tuple[str, Message]] = []

    async def publish(self, topic: str, message: Message) -> None:
        self.published.append((topic, message))

    async def consume(
        self, topic: str, metadata: Mapping[str, str], handle: MessageHandler, subscribed: Callable[[], None]
    ) -> None:
        raise AssertionError("nobody consumes here")

    async def close(self) -> None: ...


class Bench:
    """A bulk consumer on its own."""

    def __init__(
        self,
        subscription: Subscription = SUBSCRIPTION,
        inbound: Policies = Policies(),  # noqa: B008
        serial: str = "",
    ) -> None:
        self.app, self.hops, self.broker = ScriptedApp(), Hops(), Broker(serial)
        self.clock = clock = AutojumpClock()
        ids = count(1)
        resilience = Resilience(clock, lambda: 0.5, SidecarLog("api", "info", "v"))
        outbound, taking = (
            resilience.guard("ps", "output", Policies()),
            resilience.guard("ps", "input", inbound),
        )
        pubsub = LoadedPubSub("ps", self.broker, TopicAccess(), outbound, taking)
        journal = Journal("api", clock, self.hops)
        publisher = PubSubPublisher({"ps": pubsub}, "api", journal)
        shared = DeliveryContext(
            HttpChannel(self.app, "api"), publisher, journal, clock, lambda: 0.5, lambda: f"e{next(ids)}",
            SidecarLog("api", "info", "v"), Drain(),
        )  # fmt: skip
        self.consumer = GatheringConsumer(
            Consumer(subscription, compile_rules(subscription.rules), pubsub, shared)
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Bench]:
        async with self.consumer.gathering():
            yield self

    async def handle(self, *payloads: bytes) -> list[BaseException | None]:
        """Hand over all at once: None for each that was acknowledged, else why not."""
        handled = (self.consumer(Message(payload)) for payload in payloads)
        return await asyncio.gather(*handled, return_exceptions=True)

    def answer(self, **statuses: str) -> None:
        entries = [{"entryId": entry, "status": status} for entry, status in statuses.items()]
        self.app.answer("/bulk", Response(200, body=json.dumps({"statuses": entries}).encode()))

    @property
    def batches(self) -> list[list[Any]]:
        return [[entry["event"] for entry in batch["entries"]] for batch in self.app.events_at("/bulk")]


def events(*numbers: int) -> list[bytes]:
    return [json.dumps({"id": str(number), "data": number}).encode() for number in numbers]


async def test_a_full_batch_goes_in_one_request_and_each_entry_is_settled_by_its_status() -> None:
    async with Bench().running() as bench:
        bench.answer(e1="SUCCESS", e2="RETRY", e3="DROP")
        first, second, third = await bench.handle(*events(1, 2, 3))
    assert [event["data"] for event in bench.batches[0]] == [1, 2, 3]
    assert (first, third) == (None, None)
    assert isinstance(second, NotAcknowledged)
    assert [hop.outcome for hop in bench.hops.of(HopKind.DELIVERED)] == ["SUCCESS", "RETRY", "DROP"]
    assert len(bench.hops.of(HopKind.LOST)) == len(bench.hops.of(HopKind.DROPPED)) == 1


async def test_the_log_calls_an_event_by_its_own_id(caplog: pytest.LogCaptureFixture) -> None:
    async with Bench().running() as bench:
        bench.answer(e1="DROP", e2="RETRY")
        await bench.handle(b'{"id": "order-7"}', b'{"data": 1}')
    assert "event order-7 on topic t was dropped by the app" in caplog.text
    assert "event e2 on topic t was not handled by the app" in caplog.text, "it has no id of its own"


async def test_no_batch_is_larger_than_it_may_be() -> None:
    async with Bench().running() as bench:
        await bench.handle(*events(1, 2, 3, 4, 5, 6, 7))
    assert [len(batch) for batch in bench.batches] == [3, 3, 1]


@pytest.mark.parametrize(
    ("serial", "asked_ms", "waits"),
    [("", 50, [0.05]), ("", 10, [0.01]), ("one by one", 10, []), ("one by one", 50, [0.05])],
)
async def test_where_no_other_can_come_a_short_wait_is_in_vain(
    serial: str, asked_ms: int, waits: list[float]
) -> None:
    bulk = replace(SUBSCRIPTION.bulk, max_await_duration_ms=asked_ms)
    async with Bench(replace(SUBSCRIPTION, bulk=bulk), serial=serial).running() as bench:
        bench.answer(e1="SUCCESS")
        assert await bench.handle(*events(1)) == [None]
    assert bench.clock.slept == waits


async def test_only_what_failed_is_sent_again() -> None:
    async with Bench(inbound=Policies(retry=RetryPolicy(max_retries=1))).running() as bench:
        bench.answer(e1="SUCCESS", e2="RETRY")
        bench.answer(e2="SUCCESS")
        assert await bench.handle(*events(1, 2)) == [None, None]
    assert [[event["data"] for event in batch] for batch in bench.batches] == [[1, 2], [2]]


async def test_what_fails_for_good_goes_to_the_dead_letter_topic() -> None:
    async with Bench(replace(SUBSCRIPTION, dead_letter_topic="dead")).running() as bench:
        bench.answer(e1="RETRY", e2="DROP")
        assert await bench.handle(*events(1, 2)) == [None, None]
    assert sorted((topic, message.data) for topic, message in bench.broker.published) == [
        ("dead", data) for data in events(1, 2)
    ]


async def test_one_that_cannot_be_read_leaves_the_others_alone() -> None:
    async with Bench().running() as bench:
        bench.answer(e2="SUCCESS")
        unreadable, fine = await bench.handle(b"not json", *events(2))
    assert isinstance(unreadable, NotAcknowledged)
    assert fine is None
    assert [len(batch) for batch in bench.batches] == [1]


async def test_each_path_gets_a_request_of_its_own() -> None:
    rules = (Rule("/odd", "int(event.data) % 2 == 1"), Rule("/bulk"))
    async with Bench(replace(SUBSCRIPTION, rules=rules)).running() as bench:
        await bench.handle(*events(1, 2, 3))
    assert [len(batch["entries"]) for batch in bench.app.events_at("/odd")] == [2]
    assert [len(batch["entries"]) for batch in bench.app.events_at("/bulk")] == [1]


async def test_raw_payloads_go_as_base64_text() -> None:
    async with Bench(replace(SUBSCRIPTION, metadata={"rawPayload": "true"})).running() as bench:
        await bench.handle(b"raw")
    [batch] = bench.app.events_at("/bulk")
    assert (batch["entries"][0]["event"], batch["entries"][0]["contentType"]) == (
        "cmF3",
        "application/octet-stream",
    )
