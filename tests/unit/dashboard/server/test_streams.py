"""Streams: a fragment at once, and again when it has become another one."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from outboard.clock import SystemClock
from outboard.dashboard.server.dashboard import Dashboard, as_event
from outboard.dashboard.server.rendering import Templates
from outboard.dashboard.watching import Watch, WatchedRuns
from outboard.hops.files.reader import HopFollower, RecordRead
from outboard.hops.record import HopKind
from outboard.live.places import SearchPlaces
from support.dashboard import hop, write_hops

pytestmark = pytest.mark.anyio


class ManualClock(SystemClock):
    """Time goes on by sleeping alone, and each sleep ends at once."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        await asyncio.sleep(0)


def test_an_event_of_several_lines_is_one_event() -> None:
    assert as_event("<p>\n  a\r\n</p>\n") == "data: <p>\ndata:   a\ndata: </p>\n\n"


async def test_a_fragment_comes_again_when_it_is_another_one(tmp_path: Path) -> None:
    watched = WatchedRuns(SearchPlaces(tmp_path, tmp_path, {}), record=tmp_path)
    watch = Watch(watched, ManualClock())
    rendered: list[int] = []

    async def render() -> str:
        rendered.append(len(watch.feed))
        return f"{min(len(watch.feed), 2)} events"

    stream = Dashboard(watch, Templates([])).stream(render).body_iterator
    assert await anext(aiter(stream)) == "data: 0 events\n\n"
    write_hops(tmp_path, [hop(HopKind.STORED, "a")], "1")
    assert await anext(aiter(stream)) == "data: 1 events\n\n"
    write_hops(tmp_path, [hop(HopKind.STORED, "b"), hop(HopKind.STORED, "c")], "2")
    assert await anext(aiter(stream)) == "data: 2 events\n\n"
    assert rendered == [0, 1, 3]


async def test_what_does_not_change_is_not_sent_again(tmp_path: Path) -> None:
    watched = WatchedRuns(SearchPlaces(tmp_path, tmp_path, {}), record=tmp_path)
    watch = Watch(watched, ManualClock())

    async def render() -> str:
        return "the same"

    stream = aiter(Dashboard(watch, Templates([])).stream(render, pulse=0.001).body_iterator)
    assert await anext(stream) == "data: the same\n\n"
    assert await anext(stream) == ": nothing new\n\n"
    watch.end()
    assert [each async for each in stream] == []


async def test_what_is_read_while_its_reader_goes_away_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_hops(tmp_path, [hop(HopKind.STORED, "a")])
    watch = Watch(WatchedRuns(SearchPlaces(tmp_path, tmp_path, {}), record=tmp_path), ManualClock())
    has_read, may_go_on = threading.Event(), threading.Event()
    more = HopFollower.more

    def slow(self: HopFollower) -> RecordRead:
        found = more(self)
        has_read.set()
        may_go_on.wait(30)
        return found

    monkeypatch.setattr(HopFollower, "more", slow)
    asking = asyncio.create_task(watch.refresh())
    await asyncio.to_thread(has_read.wait, 30)
    asking.cancel()
    await asyncio.wait({asking})
    may_go_on.set()
    await watch.refresh()
    assert [row.event_id for row in watch.feed.rows()] == ["a"]
