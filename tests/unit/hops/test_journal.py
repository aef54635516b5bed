"""When what is recorded of many events at once is written down."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from outboard.clock import SystemClock
from outboard.hops.journal import MANY, Journal
from outboard.hops.record import EventIdentity, HopKind
from support.sidecars import Hops, ManyHops

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(("recording", "at_once"), [(Hops, 1), (ManyHops, 0)])
async def test_where_there_are_very_many_events_the_record_comes_after_the_answers(
    recording: type[Hops], at_once: int
) -> None:
    recorder = recording()
    journal = Journal("orders", SystemClock(), recorder)
    journal.afterwards(journal, HopKind.HANDLED, "pubsub", "orders", EventIdentity("one"))
    assert len(recorder.all) == at_once
    await asyncio.sleep(0)
    assert [hop.event.event_id for hop in recorder.all] == ["one"]


async def test_without_a_record_it_is_called_all_the_same() -> None:
    called = list[str]()
    Journal("orders", SystemClock()).afterwards(called.append, "now")
    assert called == ["now"]


@pytest.mark.parametrize(("recording", "at_once"), [(Hops, [[1], [2]]), (ManyHops, [])])
async def test_of_very_many_events_that_come_alone_some_are_recorded_together(
    recording: type[Hops], at_once: list[list[int]]
) -> None:
    told, recorded = list[list[int]](), asyncio.Event()

    def record(some: Sequence[int]) -> None:
        told.append([*some])
        recorded.set()

    gathering = Journal("orders", SystemClock(), recording()).gathering(record)
    gathering.add(1)
    gathering.add(2)
    assert told == at_once
    if not at_once:
        await recorded.wait()
    assert told == (at_once or [[1, 2]])


async def test_but_no_more_than_a_few_and_the_next_ones_later() -> None:
    told, recorded = list[int](), asyncio.Event()

    def record(some: Sequence[int]) -> None:
        told.append(len(some))
        recorded.set()

    gathering = Journal("orders", SystemClock(), ManyHops()).gathering(record)
    for number in range(MANY + 1):
        gathering.add(number)
    assert told == [MANY]
    recorded.clear()
    await recorded.wait()
    assert told == [MANY, 1]


async def test_before_the_recorder_ends_all_is_recorded() -> None:
    told = list[str]()
    journal = Journal("orders", SystemClock(), ManyHops())
    first, second = (journal.gathering(told.extend) for _ in range(2))
    first.add("one")
    second.add("two")
    journal.flush()
    assert sorted(told) == ["one", "two"]
    journal.flush()
    assert len(told) == 2


async def test_what_ended_some_time_ago_is_recorded_as_of_then() -> None:
    recorder = Hops()
    journal = Journal("orders", SystemClock(), recorder)
    for ended in (journal.monotonic() - 60, None):
        journal(HopKind.HANDLED, "pubsub", "orders", EventIdentity("one"), ended=ended)
    earlier, later = (hop.at for hop in recorder.all)
    assert 59 < later - earlier < 120
