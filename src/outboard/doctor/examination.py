"""Looking and deciding, once, or until every hop is well, or for as long as somebody watches."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Final, NamedTuple

from outboard.clock import Clock
from outboard.doctor.evidence import Evidence
from outboard.doctor.port import Look
from outboard.doctor.results import Diagnosis, Status
from outboard.doctor.walk import diagnose
from outboard.errors import CommandError

__all__ = ["Examination", "examine", "until_well", "watched"]

PAUSE: Final = 1.0
"""Seconds between two looks."""


class Examination(NamedTuple):
    """What was seen, and what follows from it."""

    seen: Evidence
    diagnosis: Diagnosis

    @property
    def looked(self) -> bool:
        """Whether there was anything that it could look at."""
        if self.seen.cluster is not None:
            return self.seen.cluster.looked
        return any(each.status is Status.PASSED for each in self.diagnosis.all_checks)


async def examine(look: Look, *, canary: bool) -> Examination:
    """One look; where every hop is well, and `canary`, canaries are sent too."""
    seen = await look()
    diagnosis = diagnose(seen)
    if canary and diagnosis.success:
        seen = await look.canaries(seen)
        diagnosis = diagnose(seen)
    return Examination(seen, diagnosis)


async def until_well(
    choose: Callable[[], Look], clock: Clock, seconds: float, *, canary: bool
) -> Examination:
    """Look again until every hop is well, or `seconds` have gone by: the last look.

    `choose` gives what is to be looked at: a run may begin meanwhile. Raises its CommandError in the end.
    """
    deadline = clock.monotonic() + seconds
    while True:
        is_last = clock.monotonic() >= deadline
        try:
            found = await examine(choose(), canary=canary)
        except CommandError:
            if is_last:
                raise
        else:
            if is_last or (found.diagnosis.success and found.looked):
                return found
        await clock.sleep(PAUSE)


async def watched(choose: Callable[[], Look], clock: Clock) -> AsyncIterator[Examination]:
    """A look each second, those that say something else than the one before. Runs until cancelled."""
    last: Diagnosis | None = None
    while True:
        try:
            found = await examine(choose(), canary=False)
        except CommandError:
            if last is None:
                raise
        else:
            if last is None or _codes(found.diagnosis) != _codes(last):
                yield found
            last = found.diagnosis
        await clock.sleep(PAUSE)


def _codes(diagnosis: Diagnosis) -> list[tuple[str, str, str]]:
    return [(each.code, each.subject, each.status.value) for each in diagnosis.all_checks]
