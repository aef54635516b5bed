"""When what is recorded of many events at once is written down."""

from __future__ import annotations

import asyncio

import pytest

from outboard.clock import SystemClock
from outboard.hops.journal import Journal
from outboard.hops.record import EventIdentity, HopKind
from support.sidecars import Hops

pytestmark = pytest.mark.anyio


class ManyHops(Hops):
    """Of a process that has very many events."""

    @property
    def may_wait(self) -> bool:
        return True


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
