"""What each page is given: what is looked at, the templates, and ways to answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, StreamingResponse

from outboard.dashboard.app_states import AppStates
from outboard.dashboard.checking import FileChecks
from outboard.dashboard.examining import Examiner
from outboard.dashboard.log_reading import AppLogReader
from outboard.dashboard.server.rendering import Templates
from outboard.dashboard.watching import Watch
from outboard.trace.question import notes_told

__all__ = ["Dashboard"]

HEARTBEAT: Final = 10.0
"""Seconds after which a stream that has nothing new says so: else nobody would see that its reader left."""


@dataclass(slots=True)
class Dashboard:
    """`page` answers with a whole page, `stream` with a fragment that is sent again whenever it changes.

    `states` tells of apps, and `logs` has what they and their sidecars wrote. `examiner` walks as the doctor
    does, and `checks` looks into the files of components.
    """

    watch: Watch
    templates: Templates
    states: AppStates = field(init=False)
    logs: AppLogReader = field(init=False)
    examiner: Examiner = field(init=False)
    checks: FileChecks = field(init=False)

    def __post_init__(self) -> None:
        self.states = AppStates(self.watch, self.watch.clock)
        self.logs = AppLogReader(self.watch.clock)
        self.examiner = Examiner(self.watch, self.watch.clock)
        self.checks = FileChecks()

    async def page(
        self, request: Request, template: str, values: Mapping[str, object], status: int = 200
    ) -> HTMLResponse:
        """`template` with `values`, and with what stands on each page."""
        watch = self.watch
        common: dict[str, object] = {"path": request.url.path, "runs": watch.runs, "problems": watch.problems}
        common["joined"] = len(watch.watched.sidecars)
        common["notes"] = notes_told(watch.feed.notes)
        return HTMLResponse(self.templates.render(template, {**common, **values}), status)

    def stream(self, render: Callable[[], Awaitable[str]], pulse: float = HEARTBEAT) -> StreamingResponse:
        """Server-sent events: what `render` gives now, and what it has become, at each hop and each `pulse`
        seconds, whichever comes first.
        """
        return StreamingResponse(self._fragments(render, pulse), media_type="text/event-stream")

    async def _fragments(self, render: Callable[[], Awaitable[str]], pulse: float) -> AsyncIterator[str]:
        sent, version = "", -1
        while not self.watch.ended:
            with suppress(TimeoutError):
                async with asyncio.timeout(pulse):
                    version = await self.watch.until_changed(version)
            fragment = await render()
            yield ": nothing new\n\n" if fragment == sent else as_event(fragment)
            sent = fragment


def as_event(text: str) -> str:
    """`text` as one server-sent event without a name. Source: HTML standard, "Server-sent events"."""
    return "".join(f"data: {line}\n" for line in text.splitlines()) + "\n"
