"""One app of a run: started, restarted on change, stopped with all that it started.

With `--reload`; without it, `running` is left only by the end of the app, or when somebody asks:

    state     process  availability               until                         next
    --------  -------  -------------------------  ----------------------------  --------
    running   runs     found, once it listens     its files change, or asked    stopping
    running   runs     found, once it listens     it ends by itself             ended
    ended     none     lost                       its files change, or asked    running
    stopping  ends     lost, before it is asked   nothing is left               running
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from outboard.clock import Clock
from outboard.errors import ServiceDied
from outboard.run.availability import AppAvailability, keep_watch
from outboard.run.output.events import AppEnded, AppStarted, Reloading, Report
from outboard.run.output.logs import AppLog, app_log
from outboard.run.plan.interpreter import program_path
from outboard.run.plan.plan import AppPlan
from outboard.run.processes.last_words import Remembering
from outboard.run.processes.process import Launch, Process, running
from outboard.run.source_changes import IsOwn, source_changes
from outboard.tasks import background_tasks

__all__ = ["Service", "launch"]

Changes: TypeAlias = "asyncio.Queue[tuple[str, ...]]"
ASKED: Final = "somebody has asked for it"


async def _never() -> None:
    await asyncio.Event().wait()


@dataclass(frozen=True, slots=True)
class Service:
    """What it takes to run one app. `hurry` is set when there is no time for a graceful end, and
    `until_asked` returns each time that somebody asks for a restart.

    `availability` is that of an app which may restart, None for the others. A changed source file counts
    where `is_own` says so.
    """

    plan: AppPlan
    report: Report
    clock: Clock
    hurry: asyncio.Event
    availability: AppAvailability | None = None
    is_own: IsOwn = lambda _: True
    until_asked: Callable[[], Awaitable[None]] = _never

    async def run(self) -> None:
        """Run until the app ends for good, or until cancelled.

        Raises ServiceDied, CommandError where the program cannot be started, OSError for its log file.
        """
        with app_log(self.plan, self.report, self.clock.now()) as take:
            log = Remembering(take)
            if self.plan.reload:
                await self._with_reload(log)
            else:
                await self._once(log)

    async def _once(self, log: Remembering) -> None:
        code: int | None = None
        while code is None:
            async with self._process(log) as process:
                code = await self._until_ended(process)
        if code or self.plan.app_port:  # whoever is to be called must stay
            alone = self.plan.keep_going
            others = "the others go on" if alone else "everything else is stopped"
            self.report(AppEnded(self.plan.app_id, code, others))
            others = "the others went on" if alone else "everything else was stopped"
            raise ServiceDied(self.plan.app_id, code, log.last_words or "nothing", others)
        self.report(AppEnded(self.plan.app_id, code, "it is done"))

    async def _until_ended(self, process: Process) -> int | None:
        """Its exit code; None where it is to be started anew."""
        end, asked = asyncio.ensure_future(process.wait()), asyncio.ensure_future(self.until_asked())
        try:
            await asyncio.wait({end, asked}, return_when=asyncio.FIRST_COMPLETED)
            if end.done():
                return end.result()
            await asked
            self.report(Reloading(self.plan.app_id, (), reason=ASKED))
            return None
        finally:
            end.cancel()
            asked.cancel()

    @asynccontextmanager
    async def _process(self, log: AppLog) -> AsyncIterator[Process]:
        async with running(launch(self.plan), log, self.hurry, self.clock) as process:
            self.report(AppStarted(self.plan.app_id, process.pid))
            yield process

    # With --reload

    async def _with_reload(self, log: AppLog) -> None:
        changes: Changes = asyncio.Queue()
        async with background_tasks(_collect(self.plan.directory, self.is_own, changes)):
            while True:
                async with self._process(log) as process, background_tasks(self._watch()):
                    changed = await self._until_changed(process, changes)
                    self._lost()  # before the old process stops: events wait from now on
                    self.report(Reloading(self.plan.app_id, changed, reason="" if changed else ASKED))

    async def _until_changed(self, process: Process, changes: Changes) -> tuple[str, ...]:
        """The changed files, none where somebody has asked. A process that ends before is reported, and not
        started again till then.
        """
        change, end = asyncio.ensure_future(changes.get()), asyncio.ensure_future(process.wait())
        asked = asyncio.ensure_future(self.until_asked())
        try:
            await asyncio.wait({change, end, asked}, return_when=asyncio.FIRST_COMPLETED)
            if not (change.done() or asked.done()):
                self._lost()
                detail = "it is started again when its files change"
                self.report(AppEnded(self.plan.app_id, end.result(), detail))
                await asyncio.wait({change, asked}, return_when=asyncio.FIRST_COMPLETED)
            if change.done():
                return _together(change.result(), changes)
            await asked
            return _together((), changes)
        finally:
            for each in (change, end, asked):
                each.cancel()

    async def _watch(self) -> None:
        if self.availability is not None:
            await keep_watch(self.availability, self.clock, lambda: None)

    def _lost(self) -> None:
        if self.availability is not None:
            self.availability.lost()


def launch(app: AppPlan) -> Launch:
    """What starts `app`. Raises CommandError where there is no such program."""
    environment = {**app.full_environment, **app.span_variables}
    program = program_path(app.command, app.directory, environment, app.name)
    return Launch((program, *app.command[1:]), app.directory, environment)


async def _collect(directory: Path, is_own: IsOwn, changes: Changes) -> None:
    async for changed in source_changes(directory, is_own):
        await changes.put(changed)


def _together(first: tuple[str, ...], more: Changes) -> tuple[str, ...]:
    """All the changes there are so far: one restart is enough for them."""
    names = set(first)
    while not more.empty():
        names.update(more.get_nowait())
    return tuple(sorted(names))
