"""The feed of notifications, and its stream of server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from database import Database
from events import Task
from notification.feed import Feed, Notification
from notification.models import Base
from notification.stream import server_sent_events

pytestmark = pytest.mark.anyio


def notification(number: int) -> Notification:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    task = Task(id=number, title="milk", description="", completed=False, created_at=now, updated_at=now)
    return Notification(event_id=str(number), source="backend", action="created", task_id=number, data=task)


class Fed:
    """Makes feeds, each in a database of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._databases: list[Database] = []

    def __call__(self, *numbers: int, capacity: int = 200) -> Feed:
        database = Database(f"sqlite:///{self._folder / f'{len(self._databases)}.db'}")
        self._databases.append(database)
        Base.metadata.create_all(database.engine)
        feed = Feed(database, capacity)
        self.add(feed, *numbers)
        return feed

    def add(self, feed: Feed, *numbers: int) -> None:
        with self._databases[-1].writing() as session:
            for number in numbers:
                feed.add(session, notification(number))

    def close(self) -> None:
        for database in self._databases:
            database.engine.dispose()


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Fed]:
    fed = Fed(tmp_path)
    yield fed
    fed.close()


def numbers(frames: list[str]) -> list[int]:
    lines = [line for frame in frames for line in frame.splitlines()]
    return [json.loads(line.removeprefix("data: "))["task_id"] for line in lines if line.startswith("data: ")]


def positions(frames: list[str]) -> list[str]:
    lines = [line for frame in frames for line in frame.splitlines()]
    return [line.removeprefix("id: ") for line in lines if line.startswith("id: ")]


async def streamed(feed: Feed, last_event_id: str = "") -> list[str]:
    """All that the stream of a feed says that is at its end."""
    feed.end()
    return [frame async for frame in server_sent_events(feed, last_event_id)]


async def test_latest_come_first(filled: Fed) -> None:
    assert [item.task_id for item in filled(1, 2, 3).latest()] == [3, 2, 1]


async def test_feed_forgets_the_oldest(filled: Fed) -> None:
    feed = filled(*range(1, 8), capacity=3)

    assert [item.task_id for item in feed.latest()] == [7, 6, 5]


async def test_stream_begins_with_what_is_kept(filled: Fed) -> None:
    assert numbers(await streamed(filled(1, 2))) == [1, 2]


async def test_stream_goes_on_after_the_last_event_id(filled: Fed) -> None:
    feed = filled(1, 2, 3)
    second = positions(await streamed(feed))[1]

    assert numbers(await streamed(feed, second)) == [3]


@pytest.mark.parametrize("last_event_id", ["4", "-", "nonsense", "²", "9" * 5000])
async def test_stream_begins_anew_after_an_id_that_was_never_given(filled: Fed, last_event_id: str) -> None:
    assert numbers(await streamed(filled(1, 2, 3), last_event_id)) == [1, 2, 3]


async def test_stream_of_a_reader_who_is_late_goes_on_with_the_oldest_that_is_kept(filled: Fed) -> None:
    feed = filled(1, 2, capacity=3)
    first = positions(await streamed(feed))[0]
    filled.add(feed, *range(3, 9))

    assert numbers(await streamed(feed, first)) == [6, 7, 8]


async def test_stream_misses_nothing_that_comes_while_it_is_being_read(filled: Fed) -> None:
    feed = filled(1)
    frames = server_sent_events(feed, keep_alive=60)
    seen = [await anext(frames), await anext(frames)]
    filled.add(feed, 2)
    seen.append(await anext(frames))
    waiting = asyncio.ensure_future(anext(frames))
    await asyncio.sleep(0)
    filled.add(feed, 3)
    seen.append(await waiting)

    assert numbers(seen) == [1, 2, 3]
    await frames.aclose()


async def test_stream_keeps_the_connection_alive(filled: Fed) -> None:
    frames = server_sent_events(filled(), keep_alive=0)
    await anext(frames)

    assert await anext(frames) == ": keep-alive\n\n"
    await frames.aclose()


async def test_stream_ends_with_the_feed(filled: Fed) -> None:
    feed = filled()
    reading = asyncio.ensure_future(anext(frames := server_sent_events(feed)))
    await reading
    waiting = asyncio.ensure_future(anext(frames, None))
    await asyncio.sleep(0)
    feed.end()

    assert await waiting is None
