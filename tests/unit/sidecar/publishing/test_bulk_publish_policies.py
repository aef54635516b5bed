"""To the outbound policies a bulk publish is one attempt, of which only what failed is made again."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping

import pytest

from outboard.hops.journal import Journal
from outboard.hops.record import HopKind
from outboard.resources.resiliency import CircuitBreaker, Policies, RetryPolicy
from outboard.sidecar.components.port import ComponentError, Message, MessageHandler, PubSubTraits
from outboard.sidecar.logs import SidecarLog
from outboard.sidecar.publishing.pubsubs import LoadedPubSub, PubSubPublisher
from outboard.sidecar.publishing.scopes import TopicAccess
from outboard.sidecar.resiliency.guard import Resilience
from support.sidecars import AutojumpClock, Hops

pytestmark = pytest.mark.anyio


class Broker:
    """Refuses a payload as often as it is told to; `b"hang"` it never takes."""

    traits = PubSubTraits()

    def __init__(self, refusals: Mapping[bytes, int]) -> None:
        self.refusals = Counter(refusals)
        self.asked: list[bytes] = []

    async def publish(self, topic: str, message: Message) -> None:
        self.asked.append(message.data)
        if message.data == b"hang":
            await asyncio.Event().wait()
        if self.refusals[message.data] > 0:
            self.refusals[message.data] -= 1
            raise ComponentError(f"{message.data.decode()} is refused")

    async def consume(
        self, topic: str, metadata: Mapping[str, str], handle: MessageHandler, subscribed: Callable[[], None]
    ) -> None:
        raise AssertionError

    async def close(self) -> None: ...


class Bench:
    def __init__(self, policies: Policies, **refusals: int) -> None:
        self.broker = Broker({name.encode(): times for name, times in refusals.items()})
        self.hops, clock = Hops(), AutojumpClock()
        resilience = Resilience(clock, lambda: 0.5, SidecarLog("api", "info", "v"))
        guards = (
            resilience.guard("ps", "output", policies),
            resilience.guard("ps", "input", Policies()),
        )
        pubsub = LoadedPubSub("ps", self.broker, TopicAccess(), *guards)
        self.publisher = PubSubPublisher({"ps": pubsub}, "api", Journal("api", clock, self.hops))

    async def publish(self, *payloads: str) -> dict[int, str]:
        messages = [Message(payload.encode()) for payload in payloads]
        errors = await self.publisher.publish_many("ps", "t", messages)
        return {index: str(error) for index, error in errors.items()}


async def test_only_what_failed_is_published_again() -> None:
    bench = Bench(Policies(retry=RetryPolicy(max_retries=2)), b=2)
    assert await bench.publish("a", "b", "c") == {}
    assert bench.broker.asked == [b"a", b"b", b"c", b"b", b"b"]
    assert [hop.payload for hop in bench.hops.of(HopKind.STORED)] == [b"a", b"c", b"b"]


async def test_what_fails_for_good_is_told_by_position() -> None:
    bench = Bench(Policies(retry=RetryPolicy(max_retries=1)), a=1, c=2)
    assert await bench.publish("a", "b", "c") == {2: "c is refused"}


async def test_a_batch_is_one_request_to_the_breaker_and_an_open_one_refuses_all() -> None:
    breaker = CircuitBreaker(trip="totalFailures >= 2")
    bench = Bench(Policies(circuit_breaker=breaker), a=2, b=2)
    assert await bench.publish("a", "b") == {0: "a is refused", 1: "b is refused"}
    assert await bench.publish("a", "c") == {0: "a is refused"}
    assert await bench.publish("d", "e") == dict.fromkeys((0, 1), "circuit breaker is open")
    assert b"d" not in bench.broker.asked


async def test_after_its_timeout_all_that_is_left_failed() -> None:
    bench = Bench(Policies(timeout=0.001))
    assert await bench.publish("a", "hang") == dict.fromkeys((0, 1), "context deadline exceeded")
