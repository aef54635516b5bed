"""The doctor's walk, looked at again and again as long as somebody looks at a page that shows it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from outboard.clock import Clock
from outboard.dashboard.watching import Watch
from outboard.doctor.evidence import Evidence
from outboard.doctor.laptop.choosing import chosen_look
from outboard.doctor.laptop.look import Laptop
from outboard.doctor.results import Diagnosis
from outboard.doctor.walk import diagnose
from outboard.errors import CommandError
from outboard.runs.finding import KnownRun

__all__ = ["Examiner", "Walk"]

PAUSE: Final = 4.0
"""Seconds from the end of a walk to the next one, at least."""
SHARE: Final = 4.0
"""Times the length of a walk until the next one: that of a long record takes a fifth of the time at most."""


@dataclass(slots=True)
class Walk:
    """Of one run: `diagnosis` is the last whole one, else as far as the first has come; None before that.

    `problem` says why nothing can be looked at. `looking`: a walk is under way. `lags` are numbers of events
    that wait, by app, component and topic.
    """

    diagnosis: Diagnosis | None = None
    whole: bool = False
    at: datetime | None = None
    problem: str = ""
    looking: bool = False
    next_at: float = float("-inf")
    lags: Mapping[tuple[str, str, str], int] = field(default_factory=dict)


class Examiner:
    """`walk` tells what is known of a run now, and begins a walk where the last one is some time ago."""

    def __init__(self, watch: Watch, clock: Clock) -> None:
        self._watch = watch
        self._clock = clock
        self._walks: dict[tuple[str, bool], Walk] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def walk(self, run: KnownRun, *, with_hops: bool = True) -> Walk:
        """Of `run`; at once. Without hops the record of events, which may be long, is not read."""
        walk = self._walks.setdefault((run.record.run_id, with_hops), Walk())
        if not walk.looking and self._clock.monotonic() >= walk.next_at:
            walk.looking = True
            task = asyncio.create_task(self._go(run, walk, with_hops=with_hops))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return walk

    async def _go(self, run: KnownRun, walk: Walk, *, with_hops: bool) -> None:
        began = self._clock.monotonic()
        try:
            look = self._look(run)
            look = look if with_hops else replace(look, hops=None)
            last: Evidence | None = None
            async for last in look.as_it_goes():
                if not walk.whole:
                    walk.diagnosis = diagnose(last)
            if last is not None:
                walk.diagnosis, walk.whole, walk.at = diagnose(last), True, self._clock.now()
                walk.problem, walk.lags = "", _lags(last)
        except (CommandError, OSError) as error:
            walk.problem = str(error)
        finally:
            ended = self._clock.monotonic()
            walk.looking, walk.next_at = False, ended + max(PAUSE, SHARE * (ended - began))

    def _look(self, run: KnownRun) -> Laptop:
        places = self._watch.watched.places
        return chosen_look(
            places.home,
            run_file=None,
            run_id=run.record.run_id,
            app_id="",
            app_port=0,
            dapr_http_port=0,
            resources_paths=(),
            folder=places.directory,
            environment=places.environment,
            clock=self._clock,
        )


def _lags(seen: Evidence) -> dict[tuple[str, str, str], int]:
    """Of each topic that a broker tells of; what is not there has none."""
    return {
        (broker.app_id, broker.component, topic.topic): sum(each.lag for each in topic.partitions)
        for broker in seen.brokers
        for topic in broker.now
        if topic.exists
    }
