"""`pubsub.in-memory` with `partitions`: a log in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeAlias
from zlib import crc32

import pytest

from outboard.errors import ComponentInitFailed
from outboard.resources.component import Component, MetadataItem
from outboard.sidecar.components.context import ComponentContext, SharedMemory
from outboard.sidecar.components.memory import group as in_memory_group
from outboard.sidecar.components.memory import pubsub as pubsub_in_memory
from outboard.sidecar.components.memory.group import MOST
from outboard.sidecar.components.memory.log import LEAST_ROOM, PartitionedBroker, PartitionedPubSub
from outboard.sidecar.components.memory.pubsub import InMemoryPubSub
from outboard.sidecar.components.metadata.properties import Properties
from outboard.sidecar.components.port import (
    BulkBounds,
    BulkPublishing,
    BulkSubscribing,
    Message,
    MessageHandler,
    NotAcknowledged,
    PubSub,
    StoredPlace,
)
from support.processes import PATIENCE
from support.sidecars import AutojumpClock

pytestmark = pytest.mark.anyio

BOUNDS = BulkBounds(10, 60.0)
BACK_OFF = 5.0
Scope: TypeAlias = AbstractAsyncContextManager[None]


class StoppedClock(AutojumpClock):
    """Nobody's sleep ends before `go`."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await self.go.wait()


class Log:
    """A broker and its views."""

    def __init__(self, partitions: int = 4, backlog: int = 0, clock: AutojumpClock | None = None) -> None:
        self.broker, self.clock = PartitionedBroker(), clock or AutojumpClock()
        self.broker.keep(partitions, backlog)

    def app(self, group: str = "app") -> PartitionedPubSub:
        return PartitionedPubSub(self.broker, group, BACK_OFF, self.clock)

    async def publish(self, *data: object, key: str | None = None, topic: str = "t") -> None:
        for item in data:
            await self.app().publish(topic, message(item, key))


def message(data: object, key: str | None = None) -> Message:
    return Message(str(data).encode(), {} if key is None else {"partitionKey": key})


class Collected:
    """A handler that keeps what it gets, and refuses an event as often as it is told to."""

    def __init__(self, **refusals: int) -> None:
        self.data: list[str] = []
        self.batches: list[list[str]] = []
        self.refusals = refusals

    async def __call__(self, message: Message) -> None:
        outcome = self._outcome(message)
        if outcome is not None:
            raise outcome

    async def many(self, messages: Sequence[Message]) -> Sequence[NotAcknowledged | None]:
        self.batches.append([message.data.decode() for message in messages])
        return [self._outcome(message) for message in messages]

    def _outcome(self, message: Message) -> NotAcknowledged | None:
        text = message.data.decode()
        self.data.append(text)
        if self.refusals.get(text, 0) > 0:
            self.refusals[text] -= 1
            return NotAcknowledged("no")
        return None


@asynccontextmanager
async def running(
    consume: Callable[[Callable[[], None]], Coroutine[None, None, None]],
) -> AsyncIterator[None]:
    subscribed = asyncio.Event()
    task = asyncio.create_task(consume(subscribed.set))
    await subscribed.wait()
    try:
        yield
    finally:
        await settle()
        task.cancel()
        await asyncio.wait({task})


def consuming(pubsub: PartitionedPubSub, handle: MessageHandler, topic: str = "t") -> Scope:
    return running(lambda subscribed: pubsub.consume(topic, {}, handle, subscribed))


def in_batches(pubsub: PartitionedPubSub, got: Collected, bounds: BulkBounds = BOUNDS) -> Scope:
    return running(lambda subscribed: pubsub.consume_bulk("t", {}, bounds, got.many, subscribed))


async def settle() -> None:
    for _ in range(300):
        await asyncio.sleep(0)


def same_partition(count: int, partitions: int = 4) -> list[str]:
    """Keys that share a partition."""
    keys = (f"k{number}" for number in range(10_000))
    return [key for key in keys if crc32(key.encode()) % partitions == 0][:count]


def test_it_has_the_optional_abilities() -> None:
    component = Log().app()
    assert isinstance(component, BulkPublishing)
    assert isinstance(component, BulkSubscribing)
    assert component.traits.orders_bulk
    assert component.traits.redelivers


async def test_events_of_one_key_are_handled_in_order_one_after_the_other() -> None:
    log, got = Log(), Collected()
    running_now = most = 0

    async def handle(message: Message) -> None:
        nonlocal running_now, most
        running_now += 1
        most = max(most, running_now)
        await asyncio.sleep(0)
        running_now -= 1
        await got(message)

    async with consuming(log.app(), handle):
        await log.publish(*range(20), key="k")
    assert got.data == [str(number) for number in range(20)]
    assert most == 1


async def test_partitions_are_handled_at_once_and_events_without_a_key_are_spread() -> None:
    log, inside = Log(partitions=4), 0
    all_inside = asyncio.Event()

    async def handle(message: Message) -> None:
        nonlocal inside
        inside += 1
        if inside == 4:
            all_inside.set()
        await asyncio.Event().wait()

    async with consuming(log.app(), handle):
        await log.publish(*range(8))
        await asyncio.wait_for(all_inside.wait(), 30)
        await settle()
        assert inside == 4


async def test_every_group_gets_every_event_and_one_group_shares_them() -> None:
    log, one, two, first, second = Log(), Collected(), Collected(), Collected(), Collected()
    async with (
        consuming(log.app("one"), one),
        consuming(log.app("two"), two),
        consuming(log.app("shared"), first),
        consuming(log.app("shared"), second),
    ):
        await log.publish(*range(40))
    everything = {str(number) for number in range(40)}
    assert set(one.data) == set(two.data) == everything
    assert sorted(first.data + second.data) == sorted(everything)


async def test_an_event_that_is_refused_comes_again_after_the_backoff_before_those_behind_it() -> None:
    log, got = Log(), Collected(a=2)
    async with consuming(log.app(), got):
        await log.publish("a", "b", "c", key="k")
    assert got.data == ["a", "a", "a", "b", "c"]
    assert log.clock.slept == [BACK_OFF, BACK_OFF]


async def test_while_one_partition_waits_the_others_go_on() -> None:
    clock = StoppedClock()
    log, got = Log(clock=clock), Collected(bad=1)
    (mine, other) = same_partition(1)[0], "k1"
    async with consuming(log.app(), got):
        await log.publish("bad", "behind", key=mine)
        await log.publish("free", key=other)
        await settle()
        assert got.data == ["bad", "free"]
        clock.go.set()
    assert got.data == ["bad", "free", "bad", "behind"]


async def test_of_a_batch_only_what_is_not_settled_comes_again_in_order() -> None:
    log, got = Log(), Collected(b=1, c=1)
    one, another = same_partition(2)
    await in_a_batch(
        log, got, [message("a", one), message("b", one), message("x", another), message("c", one)]
    )
    assert got.batches == [["a", "b", "x", "c"], ["b", "c"]]


async def in_a_batch(log: Log, got: Collected, messages: list[Message]) -> None:
    async with in_batches(log.app(), got):
        assert await log.app().publish_many("t", messages) == {}


async def test_a_batch_is_handed_over_without_waiting_for_more_and_never_larger_than_it_may_be() -> None:
    log, got = Log(partitions=1), Collected()
    await in_a_batch(log, got, [message(number) for number in range(25)])
    assert [len(batch) for batch in got.batches] == [10, 10, 5]
    assert log.clock.slept == []


async def test_what_came_while_a_batch_was_under_way_is_the_next_one() -> None:
    log, gate, sizes = Log(partitions=1), asyncio.Event(), []

    async def handle(messages: Sequence[Message]) -> Sequence[None]:
        sizes.append(len(messages))
        await gate.wait()
        return [None] * len(messages)

    async with running(lambda made: log.app().consume_bulk("t", {}, BOUNDS, handle, made)):
        await log.publish("first")
        await settle()
        await log.publish(*range(5))
        await settle()
        assert sizes == [1]
        gate.set()
    assert sizes == [1, 5]


async def test_a_subscription_that_is_made_again_gets_nothing_that_was_settled_behind_a_failure() -> None:
    log = Log(partitions=1, backlog=10, clock=StoppedClock())
    first, second = Collected(**{"2": 99}), Collected()
    async with in_batches(log.app(), first):
        await log.app().publish_many("t", [message(number) for number in range(6)])
        await settle()
    assert sorted(first.data) == [*"012345"]
    async with in_batches(log.app(), second):
        await settle()
    assert second.data == ["2"]


async def test_two_batches_are_under_way_but_never_with_the_same_key() -> None:
    log, gate, batches = Log(), asyncio.Event(), []

    async def handle(messages: Sequence[Message]) -> Sequence[None]:
        batches.append([message.metadata["partitionKey"] for message in messages])
        await gate.wait()
        return [None] * len(messages)

    async with running(lambda made: log.app().consume_bulk("t", {}, BOUNDS, handle, made)):
        await log.app().publish_many("t", [message(number, f"k{number % 8}") for number in range(16)])
        await settle()
        assert len(batches) == 2
        assert not set(batches[0]) & set(batches[1])
        gate.set()


async def test_what_a_cancelled_consumer_had_goes_to_another_of_its_group() -> None:
    log, got, entered = Log(), Collected(), asyncio.Event()

    async def hang(message: Message) -> None:
        entered.set()
        await asyncio.Event().wait()

    async with consuming(log.app(), hang):
        await log.publish("a", key="k")
        await entered.wait()
        subscribed = asyncio.Event()
        other = asyncio.create_task(log.app().consume("t", {}, got, subscribed.set))
        await subscribed.wait()
    await settle()
    other.cancel()
    await asyncio.wait({other})
    assert got.data == ["a"]


async def test_a_partition_whose_consumer_leaves_during_the_backoff_goes_to_another() -> None:
    log, first, second = Log(clock=StoppedClock()), Collected(a=1), Collected()
    async with consuming(log.app(), first):
        await log.publish("a", "b", key="k")
        await settle()
        subscribed = asyncio.Event()
        other = asyncio.create_task(log.app().consume("t", {}, second, subscribed.set))
        await subscribed.wait()
    await settle()
    other.cancel()
    await asyncio.wait({other})
    assert (first.data, second.data) == (["a"], ["a", "b"])


async def test_a_group_that_has_enough_makes_its_publishers_wait() -> None:
    log, gate, done = Log(partitions=2), asyncio.Event(), Collected()

    async def handle(message: Message) -> None:
        await gate.wait()
        await done(message)

    async with consuming(log.app(), handle):
        await log.publish(*range(LEAST_ROOM))
        waiting = [asyncio.create_task(log.publish(f"late{n}")) for n in range(3)]
        await settle()
        assert not any(task.done() for task in waiting)
        gate.set()
        await asyncio.gather(*waiting)
    assert len(done.data) == LEAST_ROOM + 3


async def test_handlers_that_publish_to_their_own_topic_do_not_wait_for_themselves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(in_memory_group, "STALLED", 0.005)
    log, done = Log(partitions=2), Collected()

    async def handle(message: Message) -> None:
        if not message.data.startswith(b"again"):
            await log.publish(f"again {message.data.decode()}")
        await done(message)

    async with consuming(log.app(), handle):
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(log.publish(number) for number in range(4 * LEAST_ROOM)))
            while len(done.data) < 8 * LEAST_ROOM:  # noqa: ASYNC110 - what is waited for is in the broker
                await asyncio.sleep(0.001)
    assert len(set(done.data)) == len(done.data)


async def test_what_moves_nothing_is_bounded_too_and_afterwards_the_first_bound_holds_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(in_memory_group, "STALLED", 0.005)
    monkeypatch.setattr(in_memory_group, "MOST", 2 * LEAST_ROOM)
    log, gates, done = Log(partitions=1), [asyncio.Event(), asyncio.Event()], Collected()

    async def handle(message: Message) -> None:
        await gates[message.data.startswith(b"second")].wait()
        await done(message)

    async with consuming(log.app(), handle):
        async with asyncio.timeout(PATIENCE):
            await log.publish(*range(2 * LEAST_ROOM))
        late = asyncio.create_task(log.publish("late"))
        await asyncio.sleep(0.05)
        assert not late.done()
        gates[0].set()
        await late
        await settle()
        monkeypatch.setattr(in_memory_group, "STALLED", 3600.0)
        await log.publish(*(f"second {number}" for number in range(LEAST_ROOM)))
        beyond = asyncio.create_task(log.publish("beyond"))
        await settle()
        assert not beyond.done()
        gates[1].set()
        await beyond


async def test_a_publisher_that_gives_up_publishes_nothing_and_takes_nobody_elses_turn() -> None:
    log, gate, done = Log(partitions=1), asyncio.Event(), Collected()

    async def handle(message: Message) -> None:
        await gate.wait()
        await done(message)

    async with consuming(log.app(), handle):
        await log.publish(*range(LEAST_ROOM))
        gives_up, stays = (asyncio.create_task(log.publish(name)) for name in ("gives up", "stays"))
        await settle()
        gives_up.cancel()
        gate.set()
        await stays
    assert done.data[-2:] == [str(LEAST_ROOM - 1), "stays"]


async def test_what_waits_behind_a_refused_event_holds_up_no_other_publisher() -> None:
    log, got = Log(partitions=2, clock=StoppedClock()), Collected(bad=1)
    held = same_partition(1, 2)[0]
    async with consuming(log.app(), got):
        await log.publish("bad", key=held)
        await settle()
        await log.publish(*range(2 * LEAST_ROOM), key=held)
        await log.publish(
            "free", key=next(k for k in ("a", "b", "c", "d") if k not in same_partition(9_999, 2))
        )
        await settle()
        assert got.data == ["bad", "free"]


async def test_but_only_so_many_may_wait_there() -> None:
    log, got = Log(partitions=1, clock=StoppedClock()), Collected(bad=1)
    async with consuming(log.app(), got):
        await log.publish("bad")
        await settle()
        await log.app().publish_many("t", [message(number) for number in range(MOST)])
        waiting = asyncio.create_task(log.publish("last"))
        await settle()
        assert not waiting.done()
    await waiting


async def test_the_last_consumer_that_leaves_frees_the_publishers_and_takes_the_rest_along() -> None:
    log, got = Log(partitions=1), Collected()

    async def hang(message: Message) -> None:
        await asyncio.Event().wait()

    async with consuming(log.app(), hang):
        await log.publish(*range(LEAST_ROOM))
        waiting = asyncio.create_task(log.publish("late"))
        await settle()
        assert not waiting.done()
    await waiting
    async with consuming(log.app(), got):
        await log.publish("new")
    assert got.data == ["new"]


# With a backlog


async def test_a_group_gets_the_latest_events_at_first_and_what_it_missed_later_in_order() -> None:
    log, first, again = Log(backlog=3), Collected(), Collected()
    await log.publish(*range(5), key="k")
    async with consuming(log.app(), first):
        pass
    await log.publish("while", "away", key="k")
    async with consuming(log.app(), again):
        await log.publish("back", key="k")
    assert (first.data, again.data) == (["2", "3", "4"], ["while", "away", "back"])


async def test_what_was_not_settled_when_its_consumer_left_comes_first_when_it_is_back() -> None:
    log, got = Log(partitions=1, backlog=1), Collected()

    async def hang(message: Message) -> None:
        await asyncio.Event().wait()

    async with consuming(log.app(), hang):
        await log.publish(1, 2)
    await log.publish(3)
    async with in_batches(log.app(), got):
        pass
    assert got.batches == [["1", "2", "3"]]


async def test_a_wildcard_gets_the_backlog_of_all_its_topics_in_the_order_of_publishing() -> None:
    log, got = Log(partitions=1, backlog=5), Collected()
    for topic, data in [("a/1", "x"), ("a/2", "y"), ("b/1", "no"), ("a/1", "z")]:
        await log.publish(data, topic=topic)
    async with consuming(log.app(), got, "a/*"):
        pass
    assert got.data == ["x", "y", "z"]


async def test_what_is_too_much_for_an_absent_group_is_lost_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log, got = Log(partitions=1, backlog=1), Collected()
    async with consuming(log.app(), Collected()):
        pass
    await log.publish(*range(1_002))
    async with in_batches(log.app(), got, BulkBounds(2_000, 1)):
        pass
    assert (got.data[0], len(got.data)) == ("2", 1_000)
    assert [record.message[:17] for record in caplog.records] == ["app 'app' is away"]


# From a component


def properties(**values: str) -> Properties:
    items = tuple(MetadataItem(name, value, line=7) for name, value in values.items())
    folded = {name.lower(): value for name, value in values.items()}
    return Properties(Component("kafka-pubsub", "pubsub.in-memory", metadata=items), folded)


async def made(memory: SharedMemory, app_id: str = "app", **values: str) -> PubSub:
    return await pubsub_in_memory.create(properties(**values), ComponentContext(app_id, memory=memory))


async def test_the_metadata_item_makes_the_difference() -> None:
    assert isinstance(await made(SharedMemory(), partitions="3"), PartitionedPubSub)
    assert isinstance(await made(SharedMemory()), InMemoryPubSub)
    assert isinstance(await made(SharedMemory(), partitions="0"), InMemoryPubSub)


async def test_the_sidecars_of_a_process_share_it_and_a_consumer_id_is_a_group() -> None:
    memory, one, two = SharedMemory(), Collected(), Collected()
    first = await made(memory, "one", partitions="2", consumerID="both")
    second = await made(memory, "two", partitions="2", consumerID="both")
    assert isinstance(first, PartitionedPubSub)
    assert isinstance(second, PartitionedPubSub)
    async with consuming(first, one), consuming(second, two):
        for number in range(10):
            await first.publish("t", message(number))
    assert sorted(one.data + two.data) == [str(number) for number in range(10)]


@pytest.mark.parametrize("text", ["-1", "many", "1025", "1.5"])
async def test_a_number_of_partitions_that_cannot_be(text: str) -> None:
    with pytest.raises(ComponentInitFailed, match=r":7 could not be set up: `partitions`"):
        await made(SharedMemory(), partitions=text)


async def test_sidecars_that_do_not_agree_on_the_partitions_of_a_component() -> None:
    memory = SharedMemory()
    await made(memory, "one", partitions="2")
    told = "the sidecar of one, in this process, has it with `partitions` 2.*start again"
    with pytest.raises(ComponentInitFailed, match=told):
        await made(memory, "two", partitions="3")


async def test_sidecars_that_agree_on_other_partitions_once_all_have_ended() -> None:
    memory, got = SharedMemory(), Collected()
    for each in [await made(memory, app, partitions="2", backlog="9") for app in ("one", "two")]:
        await each.close()
    again = await made(memory, "one", partitions="3", backlog="9")
    assert isinstance(again, PartitionedPubSub)
    async with consuming(again, got):
        for number in range(10):
            await again.publish("t", message(number))
    assert len(got.data) == 10


async def test_a_sidecar_that_has_it_alone_may_have_other_partitions_beside_what_it_has() -> None:
    memory, got = SharedMemory(), Collected()
    before = await made(memory, "one", partitions="1")
    after = await made(memory, "one", partitions="4")
    assert isinstance(after, PartitionedPubSub)
    await before.close()
    async with consuming(after, got):
        for number in range(10):
            await after.publish("t", message(number))
    assert sorted(got.data) == [str(number) for number in range(10)]


async def test_a_backoff_that_is_no_duration() -> None:
    with pytest.raises(ComponentInitFailed, match="`backOffDuration` is not a duration"):
        await made(SharedMemory(), partitions="2", backOffDuration="soon")


async def test_who_asks_is_told_where_an_event_lies() -> None:
    places, log = [StoredPlace() for _ in range(2)], Log(partitions=1)
    for place in places:
        await log.app().publish("t", Message(b"{}", place=place))
    assert [(place.partition, place.offset) for place in places] == [("0", "0"), ("0", "1")]
