"""A bulk publish through a component that takes many messages in one step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pytest

from outboard.hops.journal import Journal
from outboard.hops.record import HopKind
from outboard.resources.loader import Resources
from outboard.resources.resiliency import Policies, RetryPolicy
from outboard.sidecar.components.port import ComponentError, Message, MessageHandler, PubSubTraits
from outboard.sidecar.logs import SidecarLog
from outboard.sidecar.publishing.pubsubs import LoadedPubSub, PubSubPublisher
from outboard.sidecar.publishing.scopes import TopicAccess
from outboard.sidecar.resiliency.guard import Resilience
from support.sidecars import AutojumpClock, Hops, call, component, sidecar_for

pytestmark = pytest.mark.anyio

HEADER = "outboard-ordered-bulk"
ENTRIES = b'[{"entryId": "1", "event": {"n": 1}, "contentType": "application/json"}]'


class Broker:
    """Fails a message as often as it is told to, and with it all that follow it."""

    def __init__(self, **refusals: int) -> None:
        self.refusals = refusals
        self.traits = PubSubTraits(orders_bulk=True)
        self.metadata: list[Mapping[str, str]] = []
        self.asked: list[list[str]] = []
        self.taken: list[str] = []

    async def publish(self, topic: str, message: Message) -> None:
        raise AssertionError("many are published in one step")

    async def publish_many(self, topic: str, messages: Sequence[Message]) -> Mapping[int, ComponentError]:
        assert topic == "space.t"
        texts = [message.data.decode() for message in messages]
        self.asked.append(texts)
        self.metadata += [message.metadata for message in messages]
        first = next(
            (place for place, text in enumerate(texts) if self.refusals.get(text, 0) > 0), len(texts)
        )
        for text in texts[first : first + 1]:
            self.refusals[text] -= 1
        self.taken += texts[:first]
        # In any order: what is tried again must keep its own.
        return {
            place: ComponentError(f"{texts[place]} is refused")
            for place in reversed(range(first, len(texts)))
        }

    async def consume(
        self, topic: str, metadata: Mapping[str, str], handle: MessageHandler, subscribed: Callable[[], None]
    ) -> None:
        raise AssertionError

    async def close(self) -> None: ...


class Bench:
    def __init__(self, retries: int = 0, **refusals: int) -> None:
        self.broker, self.hops, clock = Broker(**refusals), Hops(), AutojumpClock()
        resilience = Resilience(clock, lambda: 0.5, SidecarLog("api", "info", "v"))
        policies = Policies(retry=RetryPolicy(max_retries=retries)) if retries else Policies()
        guards = resilience.guard("ps", "output", policies), resilience.guard("ps", "input", Policies())
        pubsub = LoadedPubSub("ps", self.broker, TopicAccess(prefix="space."), *guards)
        self.publisher = PubSubPublisher({"ps": pubsub}, "api", Journal("api", clock, self.hops))

    async def publish(self, *payloads: str) -> dict[int, str]:
        messages = [Message(payload.encode()) for payload in payloads]
        errors = await self.publisher.publish_many("ps", "t", messages)
        return {index: str(error) for index, error in errors.items()}


async def test_all_go_in_one_step_and_each_has_its_hop() -> None:
    bench = Bench()
    assert await bench.publish("a", "b", "c") == {}
    assert bench.broker.asked == [["a", "b", "c"]]
    assert [hop.payload for hop in bench.hops.of(HopKind.STORED)] == [b"a", b"b", b"c"]


@pytest.mark.parametrize(
    ("first", "seen"),
    [
        (False, [{}, {"partitionKey": "own", "x": "1"}]),
        (True, [{"partitionKey": "all"}, {"partitionKey": "all", "x": "1"}]),
    ],
)
async def test_the_metadata_of_the_request_counts_first_where_the_component_is_so(
    first: bool, seen: list[dict[str, str]]
) -> None:
    bench = Bench()
    bench.broker.traits = PubSubTraits(request_metadata_first=first)
    messages = [Message(b"a"), Message(b"b", {"partitionKey": "own", "x": "1"})]

    assert await bench.publisher.publish_many("ps", "t", messages, {"partitionKey": "all"}) == {}

    assert bench.broker.metadata == seen


async def test_what_failed_is_tried_again_in_its_order_and_nothing_else() -> None:
    bench = Bench(retries=2, b=1, c=1)
    assert await bench.publish("a", "b", "c", "d") == {}
    assert bench.broker.asked == [["a", "b", "c", "d"], ["b", "c", "d"], ["c", "d"]]
    assert bench.broker.taken == ["a", "b", "c", "d"]
    assert [hop.payload for hop in bench.hops.of(HopKind.STORED)] == [b"a", b"b", b"c", b"d"]


async def test_what_fails_for_good_is_told_by_its_place() -> None:
    bench = Bench(retries=1, c=9)
    assert await bench.publish("a", "b", "c", "d") == {2: "c is refused", 3: "d is refused"}


async def test_a_component_that_keeps_the_order_of_a_bulk_publish_is_told_of_in_every_answer() -> None:
    resources = Resources(
        (component("log", "pubsub.in-memory", partitions="4"), component("plain", "pubsub.in-memory"))
    )
    async with sidecar_for(None, resources, Hops()).running() as sidecar:
        for path, body in (("", b"{}"), ("bulk/", ENTRIES)):
            ordered = await call(sidecar.api, "POST", f"/v1.0/publish/{path}log/t", body)
            plain = await call(sidecar.api, "POST", f"/v1.0/publish/{path}plain/t", body)
            assert (ordered.status, ordered.headers.get(HEADER)) == (204, "true")
            assert (plain.status, HEADER in plain.headers) == (204, False)
