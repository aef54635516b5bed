"""What a person has started on dead letters: it goes on while they look at something else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeAlias

from outboard.clock import Clock
from outboard.dashboard.views.letter_query import LettersAsked
from outboard.errors import OutboardError
from outboard.live.letters import ReplayedByHand

__all__ = ["LetterJob", "LetterJobs"]

MOST: Final = 50


@dataclass(slots=True)
class LetterJob:
    """`done` of `of` letters were tried. `outcome` and `problem` are empty while it runs."""

    id: str
    title: str
    asked: LettersAsked
    started: datetime
    event_id: str = ""
    done: int = 0
    of: int = 0
    outcome: ReplayedByHand | None = None
    dropped: int | None = None
    problem: str = ""
    task: asyncio.Task[None] | None = field(default=None, repr=False)

    @property
    def ended(self) -> bool:
        return self.task is not None and self.task.done()

    def progress(self, done: int, of: int) -> None:
        """As a replay tells it."""
        self.done, self.of = done, of


Work: TypeAlias = Callable[[LetterJob], Awaitable[ReplayedByHand | int]]
"""What a replay has come to, or how many were dropped."""


class LetterJobs:
    """The last ones; `new_id` names each in addresses."""

    def __init__(self, clock: Clock, new_id: Callable[[], str]) -> None:
        self._clock = clock
        self._new_id = new_id
        self._jobs: dict[str, LetterJob] = {}

    def get(self, id: str) -> LetterJob | None:
        """The one of that name."""
        return self._jobs.get(id)

    def start(self, title: str, asked: LettersAsked, work: Work, event_id: str = "") -> LetterJob:
        """Begin, and return at once."""
        job = LetterJob(self._new_id(), title, asked, self._clock.now(), event_id)
        job.task = asyncio.create_task(self._run(job, work))
        self._jobs[job.id] = job
        for old in [each.id for each in self._jobs.values() if each.ended][:-MOST]:
            del self._jobs[old]
        return job

    async def _run(self, job: LetterJob, work: Work) -> None:
        try:
            outcome = await work(job)
        except (OutboardError, ValueError, OSError) as error:
            job.problem = str(error)
            return
        if isinstance(outcome, int):
            job.dropped = outcome
        else:
            job.outcome = outcome
