"""The doctor's walk, looked at again and again as long as somebody looks at a page that shows it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from outboard.clock import Clock
from outboard.dashboard.watching import Watch
from outboard.doctor.laptop.choosing import chosen_look
from outboard.doctor.laptop.look import Laptop
from outboard.doctor.results import Diagnosis
from outboard.doctor.walk import diagnose
from outboard.errors import CommandError
from outboard.runs.finding import KnownRun

__all__ = ["Examiner", "Walk"]

PAUSE: Final = 4.0
"""Seconds from the end of a walk to the next one."""


@dataclass(slots=True)
class Walk:
    """Of one run: `diagnosis` is the last whole one, else as far as the first has come; None before that.

    `problem` says why nothing can be looked at. `looking`: a walk is under way.
    """

    diagnosis: Diagnosis | None = None
    whole: bool = False
    at: datetime | None = None
    problem: str = ""
    looking: bool = False
    ended: float = float("-inf")


class Examiner:
    """`walk` tells what is known of a run now, and begins a walk where the last one is some time ago."""

    def __init__(self, watch: Watch, clock: Clock) -> None:
        self._watch = watch
        self._clock = clock
        self._walks: dict[str, Walk] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def walk(self, run: KnownRun) -> Walk:
        """Of `run`; at once."""
        walk = self._walks.setdefault(run.record.run_id, Walk())
        if not walk.looking and self._clock.monotonic() - walk.ended >= PAUSE:
            walk.looking = True
            task = asyncio.create_task(self._go(run, walk))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return walk

    async def _go(self, run: KnownRun, walk: Walk) -> None:
        try:
            async for seen in self._look(run).as_it_goes():
                if not walk.whole:
                    walk.diagnosis = diagnose(seen)
                last = seen
            walk.diagnosis, walk.whole, walk.at = diagnose(last), True, self._clock.now()
            walk.problem = ""
        except (CommandError, OSError) as error:
            walk.problem = str(error)
        finally:
            walk.looking, walk.ended = False, self._clock.monotonic()

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
