"""The end of a run: on request, or because nobody reads its output any more; and why it failed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from outboard.errors import OutboardError
from outboard.run.output.events import Report, RunEvent, RunStopping

__all__ = ["RunEnd", "cause_of"]


class RunEnd:
    """`task` is the run: to stop is to cancel it. `failure` is why the output could not be written."""

    def __init__(self, report: Report) -> None:
        self.task: asyncio.Future[None] | None = None
        self.requested = False
        self.failure: OSError | None = None
        self._report = report

    def request(self, reason: str) -> None:
        self.requested = True
        self.report(RunStopping(reason))
        if self.task is not None:
            self.task.cancel()

    def report(self, event: RunEvent) -> None:
        """Report, until that fails once: an error here must not break into whoever writes a line."""
        if self.failure is not None:
            return
        try:
            self._report(event)
        except OSError as error:
            self.failure = error
            self.request("the output cannot be written")


def cause_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error to show of those that happened together: one of ours, if there is one."""
    leaves = list(_leaves(group))
    return next((leaf for leaf in leaves if isinstance(leaf, OutboardError)), leaves[0])


def _leaves(error: BaseException) -> Iterable[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error
