"""What `pubsub.sqlite` does beyond the contract of every pub/sub component."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from outboard.errors import ComponentInitFailed
from outboard.resources.component import Component, MetadataItem
from outboard.resources.resiliency import RetryPolicy
from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.metadata.properties import Properties
from outboard.sidecar.components.opening import open_components
from outboard.sidecar.components.port import (
    BulkBounds,
    BulkHandler,
    ComponentError,
    Interrupted,
    Message,
    MessageHandler,
    NotAcknowledged,
    StoredPlace,
)
from outboard.sidecar.components.sqlite import pubsub as pubsub_sqlite
from outboard.sidecar.components.sqlite.log import log
from outboard.sidecar.components.sqlite.log.consumer import TURN
from outboard.sidecar.components.sqlite.log.reader import LogReader
from outboard.sidecar.components.sqlite.log.settings import LogSettings
from outboard.sidecar.components.sqlite.pubsub import SqlitePubSub, open_log
from support.processes import PATIENCE

pytestmark = pytest.mark.anyio


class Clock:
    """Sleeping takes no time, and is noted."""

    def __init__(self) -> None:
        self.at = datetime(2030, 1, 2, tzinfo=UTC)
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += timedelta(seconds=seconds)
        await asyncio.sleep(0)


class Inbox:
    """Refuses what it is told to, as often as it is told to; keeps the rest."""

    def __init__(self, **refusals: int) -> None:
        self.refusals = refusals
        self.tried: list[str] = []
        self.data: list[str] = []
        self._more = asyncio.Event()

    async def __call__(self, message: Message) -> None:
        data = message.data.decode()
        self.tried.append(data)
        if self.refusals.get(data, 0):
            self.refusals[data] -= 1
            raise NotAcknowledged("not now")
        self.data.append(data)
        self._more.set()

    async def until(self, count: int) -> list[str]:
        async with asyncio.timeout(PATIENCE):
            while len(self.data) < count:
                self._more.clear()
                await self._more.wait()
        return self.data


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.db"


@asynccontextmanager
async def opened(
    path: Path,
    group: str = "app",
    clock: Clock | None = None,
    monotonic: Callable[[], float] = time.monotonic,
    **settings: Any,
) -> AsyncIterator[SqlitePubSub]:
    pubsub = await open_log(
        LogSettings(path, group, **settings),
        ComponentContext(group, clock=clock or Clock(), monotonic=monotonic),
    )
    try:
        yield pubsub
    finally:
        await pubsub.close()


@asynccontextmanager
async def consuming(pubsub: SqlitePubSub, handle: MessageHandler, topic: str = "t") -> AsyncIterator[None]:
    subscribed = asyncio.Event()
    task = asyncio.create_task(pubsub.consume(topic, {}, handle, subscribed.set))
    try:
        await asyncio.wait(
            {task, asyncio.ensure_future(subscribed.wait())}, return_when=asyncio.FIRST_COMPLETED
        )
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def publish(pubsub: SqlitePubSub, *data: str, topic: str = "t", key: str = "k") -> None:
    for item in data:
        await pubsub.publish(topic, Message(item.encode(), {"partitionKey": key}))


def rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def write(path: Path, *statements: str) -> None:
    """In one transaction: what beats beside it sees all of it, or nothing."""
    with closing(sqlite3.connect(path, timeout=PATIENCE)) as connection, connection:
        for sql in statements:
            connection.execute(sql)


async def eventually(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 (what happens in the file cannot be waited for)
            await asyncio.sleep(0.005)


async def test_a_failed_event_comes_again_after_five_seconds_for_ever(path: Path) -> None:
    clock, inbox = Clock(), Inbox(a=200)
    async with opened(path, clock=clock) as pubsub, consuming(pubsub, inbox):
        await publish(pubsub, "a", "b")
        assert await inbox.until(2) == ["a", "b"]

    assert clock.slept == [5.0] * 200
    assert inbox.tried == ["a"] * 201 + ["b"]


async def test_backoff_may_grow(path: Path) -> None:
    clock, inbox = Clock(), Inbox(a=4)
    retry = RetryPolicy("exponential", initial_interval=1, multiplier=2, max_interval=5, randomization=0)
    async with opened(path, clock=clock, retry=retry) as pubsub, consuming(pubsub, inbox):
        await publish(pubsub, "a")
        await inbox.until(1)

    assert clock.slept == [1, 2, 4, 5]


async def test_after_finite_retries_the_event_is_skipped_with_an_error_in_the_log(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    inbox = Inbox(a=9, c=1)
    async with opened(path, retry=RetryPolicy(max_retries=2)) as pubsub, consuming(pubsub, inbox):
        await publish(pubsub, "a", "b", "c")
        assert await inbox.until(2) == ["b", "c"]

    assert inbox.tried == ["a", "a", "a", "b", "c", "c"]
    assert "offset 1 is skipped for group 'app' after 3 attempts" in caplog.text
    async with opened(path) as pubsub, consuming(pubsub, again := Inbox()):
        await publish(pubsub, "d")
        assert await again.until(1) == ["d"]


async def test_a_held_partition_does_not_hold_others(path: Path) -> None:
    release, inbox = asyncio.Event(), Inbox()

    async def handle(message: Message) -> None:
        if message.data == b"slow":
            await release.wait()
        await inbox(message)

    async with opened(path) as pubsub, consuming(pubsub, handle):
        await publish(pubsub, "slow", "behind it", key="key-1")
        await publish(pubsub, "other", key="key-2")
        assert await inbox.until(1) == ["other"]
        release.set()
        assert await inbox.until(3) == ["other", "slow", "behind it"]


async def test_newest_begins_with_what_comes_and_then_goes_on_where_it_was(path: Path) -> None:
    async with opened(path, initial_offset="newest") as pubsub:
        await publish(pubsub, "early")
        async with consuming(pubsub, first := Inbox()):
            await publish(pubsub, "a")
            await first.until(1)
        await publish(pubsub, "while away")
        async with consuming(pubsub, second := Inbox()):
            assert await second.until(1) == ["while away"]

    assert first.data == ["a"]


async def test_what_was_in_hand_comes_again_and_what_was_settled_does_not(path: Path) -> None:
    hung, first = asyncio.Event(), Inbox()

    async def handle(message: Message) -> None:
        if message.data == b"b":
            hung.set()
            await asyncio.Event().wait()
        await first(message)

    async with opened(path) as pubsub:
        async with consuming(pubsub, handle):
            await publish(pubsub, "a", "b", "c")
            await asyncio.wait_for(hung.wait(), PATIENCE)
        async with consuming(pubsub, second := Inbox()):
            assert await second.until(2) == ["b", "c"]

    assert first.data == ["a"]


async def test_a_consumer_that_others_took_for_dead_commits_nothing_and_joins_anew(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As after a long pause of its process: its row is gone, and its partitions are another's."""
    entered, resume, inbox = asyncio.Event(), asyncio.Event(), Inbox()

    async def handle(message: Message) -> None:
        if message.data == b"a" and not entered.is_set():
            entered.set()
            await resume.wait()
        await inbox(message)

    async with opened(path, heartbeat_interval=0.02) as pubsub, consuming(pubsub, handle):
        await publish(pubsub, "a", "b")
        await asyncio.wait_for(entered.wait(), PATIENCE)
        write(
            path,
            "UPDATE positions SET owner = 999, committed = 0",
            "DELETE FROM members",
            "INSERT INTO members (id, consumer_group, topic, port, host, process, process_started) "
            "VALUES (999, 'app', 1, 0, 'elsewhere', 1, 0)",
        )
        await eventually(lambda: "went on without this consumer" in caplog.text)
        resume.set()
        await inbox.until(1)
        await eventually(lambda: rows(path, "SELECT count(*) FROM members") == [(2,)])
        assert rows(path, "SELECT DISTINCT committed FROM positions") == [(0,)]
        write(path, "DELETE FROM members WHERE id = 999")
        assert await inbox.until(3) == ["a", "a", "b"]


async def test_after_a_long_pause_it_sees_to_its_share_before_it_goes_on(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Others may have taken over meanwhile, and have handled what it would hand over."""
    paused = 0.0
    inbox, knew = Inbox(), list[bool]()

    def monotonic() -> float:
        return time.monotonic() + paused

    async def handle(message: Message) -> None:
        knew.append("went on without this consumer" in caplog.text)
        await inbox(message)

    async with (
        opened(path, monotonic=monotonic, heartbeat_interval=3_600.0, session_timeout=7_200.0) as pubsub,
        consuming(pubsub, handle),
    ):
        await publish(pubsub, "before")
        await inbox.until(1)
        write(path, "DELETE FROM members")
        paused = 10_000.0
        await publish(pubsub, "after")
        await inbox.until(2)

    assert knew[-1]


async def test_a_consumer_in_another_process_that_is_silent_is_taken_over(path: Path) -> None:
    inbox = Inbox()
    async with opened(path, heartbeat_interval=0.02, session_timeout=0.2) as pubsub:
        await publish(pubsub, "a")
        write(path, "INSERT INTO members (id, consumer_group, topic, port, host, process, process_started) "
                    "VALUES (500, 'app', 1, 0, 'elsewhere', 1, 0)")  # fmt: skip
        for first in (0, 8):
            write(path, "INSERT INTO positions (consumer_group, topic, partition, committed, owner) "
                        f"SELECT 'app', 1, value + {first}, 0, 500 "
                        "FROM json_each('[0,1,2,3,4,5,6,7]')")  # fmt: skip
        async with consuming(pubsub, inbox):
            assert await inbox.until(1) == ["a"]

    assert rows(path, "SELECT id FROM members") == []


async def test_news_from_another_component_arrives_without_being_looked_for(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outboard.sidecar.components.sqlite.log.wakeup.LOOK_EVERY", 3600)
    inbox = Inbox()
    async with opened(path, "one") as publisher, opened(path, "two") as other, consuming(other, inbox):
        for number in range(20):
            await publish(publisher, str(number))
            await inbox.until(number + 1)


async def test_idle_subscriptions_share_one_look_at_the_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads, looks = list[int](), asyncio.Queue[int]()
    read, newest = LogReader.read, LogReader.newest

    async def counted_read(self: LogReader, *arguments: Any) -> Any:
        reads.append(1)
        return await read(self, *arguments)

    async def counted_look(self: LogReader) -> int:
        looks.put_nowait(1)
        return await newest(self)

    monkeypatch.setattr(LogReader, "read", counted_read)
    monkeypatch.setattr(LogReader, "newest", counted_look)
    monkeypatch.setattr("outboard.sidecar.components.sqlite.log.wakeup.LOOK_EVERY", 0.001)
    async with opened(path) as pubsub, AsyncExitStack() as stack:
        for number in range(20):
            await stack.enter_async_context(consuming(pubsub, Inbox(), topic=f"t{number}"))
        before = -1
        while len(reads) != before:  # what is read at first may go on for a while; polling would never end
            before = len(reads)
            for _ in range(20):
                await looks.get()
        assert before >= 20


async def test_no_events_are_no_failure_whatever_the_file_holds(path: Path) -> None:
    async with opened(path) as pubsub:
        assert await pubsub.publish_many("t", []) == {}
        await publish(pubsub, "one")
        assert await pubsub.publish_many("t", []) == {}


async def test_own_events_and_those_of_another_come_once_and_in_order(path: Path) -> None:
    inbox = Inbox()
    async with opened(path, partitions=1) as own, opened(path, "two") as other, consuming(own, inbox):
        for number in range(60):
            await publish(other if number % 3 == 0 else own, str(number))
        assert await inbox.until(60) == [str(number) for number in range(60)]


async def test_without_datagrams_it_looks_by_itself(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def deaf(heard: Callable[[bytes], None]) -> AsyncIterator[int]:
        yield 0

    monkeypatch.setattr("outboard.sidecar.components.sqlite.log.wakeup.listening", deaf)
    inbox = Inbox()
    async with opened(path, "one") as publisher, opened(path, "two") as other, consuming(other, inbox):
        await publish(publisher, "a")
        assert await inbox.until(1) == ["a"]


async def test_events_without_a_key_are_spread(path: Path) -> None:
    async with opened(path, partitions=4) as pubsub:
        assert await pubsub.publish_many("t", [Message(b"x")] * 8) == {}
        assert await pubsub.publish_many("t", [Message(b"x", {"__key": "k"})] * 8) == {}

    assert rows(path, "SELECT count(*) FROM events WHERE offset <= 8 GROUP BY partition") == [(2,)] * 4
    assert len(rows(path, "SELECT DISTINCT partition FROM events WHERE offset > 8")) == 1


async def test_a_topic_keeps_the_partitions_that_it_was_made_with(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(path, partitions=4) as pubsub:
        await publish(pubsub, "a")
    async with opened(path, partitions=8) as pubsub, consuming(pubsub, inbox := Inbox()):
        await publish(pubsub, "b")
        assert await inbox.until(2) == ["a", "b"]

    assert caplog.text.count("keeps its 4 partitions: `partitions` (8) is for new topics only") == 1


async def test_deleted_before_it_was_consumed_is_said(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with opened(path, retention_bytes=300_000) as pubsub:
        async with consuming(pubsub, Inbox()):
            pass
        for _ in range(4):
            await pubsub.publish_many("t", [Message(b"x" * 3_000)] * 100)
        await eventually(lambda: "events of topic 't' were deleted before group 'app'" in caplog.text)
        async with consuming(pubsub, inbox := Inbox()):
            await inbox.until(1)


@pytest.mark.parametrize(
    "message",
    [Message(b""), Message(b"", {"note": "x" * 500}), Message(b"x" * 500)],
    ids=["empty", "metadata only", "data"],
)
async def test_whatever_events_are_made_of_the_oldest_are_deleted(path: Path, message: Message) -> None:
    async with opened(path, retention_bytes=256 * 1024) as pubsub:
        for _ in range(20):
            await pubsub.publish_many("t", [message] * 1_000)
        await eventually(lambda: rows(path, "SELECT min(offset) FROM events") > [(10_000,)])


async def test_events_grow_old_also_where_none_are_published(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "SWEEP_EVERY", 0.005)
    clock = Clock()
    async with opened(path, clock=clock, retention=3_600.0) as pubsub:
        await publish(pubsub, "old")
        clock.at += timedelta(hours=2)
        await eventually(lambda: rows(path, "SELECT count(*) FROM events") == [(0,)])


async def test_a_batch_is_what_is_there_and_two_are_on_their_way_at_most(path: Path) -> None:
    release, sizes, waiting = asyncio.Event(), list[int](), 0

    async def handle(messages: Sequence[Message]) -> list[None]:
        nonlocal waiting
        sizes.append(len(messages))
        waiting += 1
        await release.wait()
        return [None] * len(messages)

    async with opened(path) as pubsub:
        subscribed = asyncio.Event()
        bounds = BulkBounds(50, 3600.0)
        task = asyncio.create_task(pubsub.consume_bulk("t", {}, bounds, handle, subscribed.set))
        await subscribed.wait()
        for number in range(3):
            await publish(pubsub, "x", key=f"key-{number}")
            await eventually(lambda: waiting == min(number + 1, 2))  # noqa: B023
        await pubsub.publish_many("t", [Message(b"x", {"partitionKey": f"key-{n}"}) for n in range(40)])
        await asyncio.sleep(0.05)
        assert sizes == [1, 1]
        release.set()
        await eventually(lambda: sum(sizes) == 43)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    assert max(sizes) > 10


class Batches:
    """Takes all but `poison`; keeps what came, and what was settled."""

    def __init__(self, *poison: str, error: type[NotAcknowledged] = NotAcknowledged) -> None:
        self.poison = poison
        self.error = error
        self.tried: list[str] = []
        self.settled: list[str] = []

    async def __call__(self, messages: Sequence[Message]) -> list[NotAcknowledged | None]:
        data = [message.data.decode() for message in messages]
        self.tried += data
        self.settled += [each for each in data if each not in self.poison]
        return [self.error("bad") if each in self.poison else None for each in data]


@asynccontextmanager
async def consuming_batches(pubsub: SqlitePubSub, handle: BulkHandler) -> AsyncIterator[None]:
    subscribed = asyncio.Event()
    task = asyncio.create_task(pubsub.consume_bulk("t", {}, BulkBounds(100, 1.0), handle, subscribed.set))
    try:
        await subscribed.wait()
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


NUMBERED = [f"{number:04}" for number in range(2_001)]


async def test_a_restart_brings_only_what_is_not_settled_behind_an_event_that_is_tried_for_long(
    path: Path,
) -> None:
    """The first of 2,001 is refused all the time: 2,000 came again with each restart."""
    clock = Clock()
    async with opened(path, clock=clock, partitions=1) as pubsub:
        await pubsub.publish_many("t", [Message(data.encode()) for data in NUMBERED])
        async with consuming_batches(pubsub, first := Batches("0000")):
            await eventually(lambda: len(first.settled) == 2_000)
    async with opened(path, clock=clock, partitions=1) as pubsub:
        async with consuming_batches(pubsub, second := Batches("0000")):
            await pubsub.publish("t", Message(b"new"))
            await eventually(lambda: second.settled)
        assert {*second.tried} == {"0000", "new"}
        async with consuming_batches(pubsub, third := Batches()):
            await eventually(lambda: third.settled)
        assert third.tried == ["0000"]
    assert rows(path, "SELECT committed, unsettled, attempts FROM positions") == [(2002, "", 0)]


async def test_another_that_takes_over_skips_what_is_settled_too(path: Path) -> None:
    clock = Clock()
    async with opened(path, clock=clock, partitions=1) as one, opened(path, clock=clock) as other:
        await one.publish_many("t", [Message(data.encode()) for data in NUMBERED[:50]])
        async with consuming_batches(one, first := Batches("0003", "0010")):
            await eventually(lambda: len(first.settled) == 48)
        async with consuming_batches(other, second := Batches()):
            await eventually(lambda: len(second.settled) == 2)
    assert second.tried == ["0003", "0010"]


async def test_what_is_interrupted_counts_as_no_attempt_and_what_was_settled_with_it_is_remembered(
    path: Path,
) -> None:
    """As the sidecar ends, even where the event would have been skipped after this attempt."""
    retry, clock = RetryPolicy("constant", max_retries=0), Clock()
    async with opened(path, clock=clock, partitions=1, retry=retry) as pubsub:
        await pubsub.publish_many("t", [Message(data.encode()) for data in "abc"])
        async with consuming_batches(pubsub, first := Batches("a", error=Interrupted)):
            await eventually(lambda: first.settled == ["b", "c"])
        assert first.tried == ["a", "b", "c"]
        async with consuming_batches(pubsub, second := Batches()):
            await eventually(lambda: second.settled)
    assert second.tried == ["a"]


async def test_what_holds_a_partition_can_be_seen_in_the_file_and_skipped_while_it_is_consumed(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(path, partitions=1, heartbeat_interval=0.02) as pubsub:
        await pubsub.publish_many("t", [Message(data.encode()) for data in "abc"])
        async with consuming_batches(pubsub, inbox := Batches("b")):
            held = "SELECT unsettled, reached, reason FROM positions WHERE attempts > 1"
            await eventually(lambda: rows(path, held) == [("2", 3, "bad")])
            write(path, "UPDATE positions SET skip = 2")
            await eventually(lambda: rows(path, "SELECT committed, unsettled FROM positions") == [(3, "")])
            await pubsub.publish("t", Message(b"d"))
            await eventually(lambda: inbox.settled == ["a", "c", "d"])
    assert "the event at offset 2 is skipped for group 'app', as asked" in caplog.text


async def test_an_event_that_is_tried_without_end_can_be_seen_and_is_withdrawn_when_it_is_skipped(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As under a retry policy of the sidecar that never ends: the component hears nothing of it."""
    cancelled, settled = list[str](), list[str]()

    async def handle(messages: Sequence[Message]) -> list[None]:
        data = [message.data.decode() for message in messages]
        if "a" in data:
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.extend(data)
        settled.extend(data)
        return [None] * len(data)

    async with opened(path, partitions=2, heartbeat_interval=0.02) as pubsub:
        keys = {"a": "k", "b": "k", "c": "l"}
        messages = [Message(data.encode(), {"partitionKey": keys[data]}) for data in "abc"]
        await pubsub.publish_many("t", messages)
        async with consuming_batches(pubsub, handle):
            held = (
                "SELECT unsettled, attempts FROM positions WHERE failing_since > 0 AND unsettled LIKE '1,%'"
            )
            await eventually(lambda: rows(path, held) == [("1,2", 0)])
            write(path, "UPDATE positions SET skip = 1 WHERE unsettled LIKE '1,%'")
            await eventually(lambda: "b" in settled and "c" in settled)
            await pubsub.publish("t", Message(b"d", {"partitionKey": "k"}))
            await eventually(lambda: "d" in settled)
    assert "a" in cancelled
    assert sorted(settled) == ["b", "c", "d"]
    assert caplog.text.count("the event at offset 1 is skipped for group 'app', as asked") == 1


async def test_a_consumer_that_ends_while_an_event_is_withdrawn_ends(path: Path) -> None:
    stuck = asyncio.Event()

    async def handle(messages: Sequence[Message]) -> list[None]:
        stuck.set()
        await asyncio.Event().wait()
        return []

    async with opened(path, partitions=1, heartbeat_interval=0.02) as pubsub:
        await pubsub.publish("t", Message(b"a"))
        async with consuming_batches(pubsub, handle):
            await eventually(lambda: rows(path, "SELECT 1 FROM positions WHERE failing_since > 0"))
            write(path, "UPDATE positions SET skip = 1")
    assert rows(path, "SELECT owner FROM positions") == [(None,)]


async def test_a_handler_that_never_waits_leaves_the_loop_its_turns(path: Path) -> None:
    inbox, most = Inbox(), 0

    async def others() -> None:
        nonlocal most
        while True:
            before = len(inbox.data)
            await asyncio.sleep(0)
            most = max(most, len(inbox.data) - before)

    async with opened(path, partitions=16) as pubsub:
        await pubsub.publish_many("t", [Message(b"x")] * 3_000)
        other = asyncio.create_task(others())
        async with consuming(pubsub, inbox):
            await inbox.until(3_000)
        other.cancel()

    assert 0 < most <= TURN


async def test_other_errors_of_a_handler_end_the_consumer(path: Path) -> None:
    async def broken(message: Message) -> None:
        raise ZeroDivisionError

    async with opened(path) as pubsub:
        await publish(pubsub, "a")
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(pubsub.consume("t", {}, broken, lambda: None), PATIENCE)
        assert rows(path, "SELECT count(*) FROM members") == [(0,)]


async def test_nothing_of_it_is_left_when_it_is_closed(path: Path) -> None:
    async with opened(path) as pubsub, consuming(pubsub, inbox := Inbox()):
        await publish(pubsub, "a")
        await inbox.until(1)

    assert rows(path, "SELECT count(*) FROM members") == [(0,)]
    assert rows(path, "SELECT count(*) FROM positions WHERE owner IS NOT NULL") == [(0,)]
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert await pubsub.publish_many("t", [Message(b"x")] * 2) != {}


async def test_a_file_that_another_program_has_locked_cannot_be_opened(path: Path) -> None:
    async with opened(path):
        pass
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ComponentError) as raised:
            await open_log(
                LogSettings(path, "app", busy_timeout=0.05), ComponentContext("app", clock=Clock())
            )

    assert str(raised.value) == f"{path} cannot be used: cannot write: database is locked"


async def test_neither_files_nor_threads_pile_up(path: Path) -> None:
    process = psutil.Process()
    async with opened(path) as pubsub, consuming(pubsub, inbox := Inbox()):
        await publish(pubsub, "first")
        await inbox.until(1)
        files, threads = len(process.open_files()), process.num_threads()
        for start in range(0, 3_000, 300):
            await pubsub.publish_many("t", [Message(b"x", {"partitionKey": str(n)}) for n in range(300)])
            await inbox.until(1 + start + 300)
            async with consuming(pubsub, Inbox(), topic="other"):
                pass

        assert len(process.open_files()) == files
        assert process.num_threads() <= threads + 1
        await publish(pubsub, "last")
        await inbox.until(3_002)


async def test_metadata_is_kept_readable(path: Path) -> None:
    async with opened(path) as pubsub:
        await pubsub.publish("t", Message(b"x", {"a": "\u00e9"}, "text/plain"))

    ((metadata, content_type),) = rows(path, "SELECT metadata, content_type FROM events")
    assert (json.loads(metadata), content_type) == ({"a": "\u00e9"}, "text/plain")


def properties(connection: str) -> Properties:
    item = MetadataItem("connectionString", connection, line=9)
    component = Component("log", "pubsub.sqlite", metadata=(item,), path=Path("log.yaml"), line=1)
    return Properties(component, {"connectionstring": connection, "consumerid": "app"})


async def test_it_is_made_from_its_metadata(path: Path) -> None:
    context = ComponentContext("app", clock=Clock())
    pubsub = await pubsub_sqlite.create(properties(str(path)), context)
    async with consuming(pubsub, inbox := Inbox()):
        await publish(pubsub, "a")
        assert await inbox.until(1) == ["a"]
    await pubsub.close()


@pytest.fixture
def foreign(path: Path) -> Iterator[Path]:
    path.write_bytes(b"garbage")
    yield path
    assert path.read_bytes() == b"garbage"


async def test_a_file_of_something_else_ends_the_start_with_file_and_component(foreign: Path) -> None:
    with pytest.raises(ComponentInitFailed) as raised:
        async with open_components([properties(str(foreign)).component], ComponentContext("app")):
            pass

    assert str(raised.value).startswith("component 'log' (pubsub.sqlite) of log.yaml:1 could not be set up")
    assert f"{foreign} is not a SQLite file" in str(raised.value)


async def test_who_asks_is_told_where_an_event_lies(path: Path) -> None:
    places = [StoredPlace() for _ in range(3)]
    keyed = {"partitionKey": "k"}
    async with opened(path) as pubsub:
        await pubsub.publish("topic", Message(b"1", keyed, place=places[0]))
        await pubsub.publish_many("topic", [Message(b"2", keyed, place=each) for each in places[1:]])
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT partition, offset FROM events ORDER BY offset").fetchall()
    assert [(place.partition, place.offset) for place in places] == [(str(p), str(o)) for p, o in rows]
