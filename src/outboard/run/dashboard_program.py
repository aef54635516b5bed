"""The dashboard of a run: a program of its own, which takes nothing of the loop that serves the sidecars.

It is started at `ready`, when nothing waits for it, reads what the run records, and ends with the run. Where
apps send it spans it is started before them, so that none finds it not there.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from outboard.clock import Clock
from outboard.run.output.events import Caution, DashboardServed, Note, Report
from outboard.run.processes.process import Launch, running
from outboard.runs.spans import SPANS_TOKEN, SpanDestination
from outboard.tasks import background_tasks

__all__ = ["RunDashboard", "WantedDashboard", "dashboard_of"]

NOT_INSTALLED: Final = (
    "there is no dashboard, as Jinja2 is not installed: pip install 'outboard[dashboard]' "
    "(--no-dashboard leaves out this line)"
)
MOST_WAITING: Final = 10.0
"""Seconds that apps wait for a dashboard that is to take their spans."""
NOT_RECORDED: Final = "there is no dashboard, as this run is not recorded"


class WantedDashboard(NamedTuple):
    """At `port`, any free one where it is 0. `installed` tells whether its templates can be filled in. With a
    `span_token` it takes spans of apps of the run, and `port` is not 0.
    """

    port: int
    installed: bool
    span_token: str = ""

    @property
    def spans(self) -> SpanDestination | None:
        """Where apps send spans."""
        return (
            SpanDestination.of(f"http://127.0.0.1:{self.port}", self.span_token) if self.span_token else None
        )


@dataclass(frozen=True, slots=True)
class RunDashboard:
    """What is started at `ready`, or before the apps (`with_apps`) where they send it spans, and told at
    `ready`. Where that is None, `note` says why.
    """

    launch: Launch | None
    note: str = ""
    with_apps: bool = False
    _up: asyncio.Event = field(default_factory=asyncio.Event)

    async def until_up(self) -> None:
        """Wait until apps can send it spans, or it is clear that they cannot; else return at once."""
        if self.launch is not None and self.with_apps:
            with suppress(TimeoutError):
                async with asyncio.timeout(MOST_WAITING):
                    await self._up.wait()

    async def serve(self, ready: asyncio.Event, report: Report, hurry: asyncio.Event, clock: Clock) -> None:
        """Wait until all is `ready`, and serve until cancelled. A dashboard that ends, ends nothing else."""
        if not self.with_apps:
            await ready.wait()
        if self.launch is None:
            report(Note(self.note))
            return
        said = _Said(report, ready, self._up)
        try:
            async with (
                running(self.launch, said.take, hurry, clock) as process,
                background_tasks(said.tell_at_ready()),
            ):
                code = await process.wait()
        except OSError as error:
            report(Caution(f"the dashboard cannot be started: {error}"))
            return
        finally:
            self._up.set()
        report(Caution(f"the dashboard has ended with exit code {code}{said.last}"))


class _Said:
    """What the dashboard says: first its address, as JSON."""

    def __init__(self, report: Report, ready: asyncio.Event, up: asyncio.Event) -> None:
        self.last = ""
        self._report = report
        self._ready = ready
        self._up = up
        self._url = ""

    async def tell_at_ready(self) -> None:
        """The address, if it was said before."""
        await self._ready.wait()
        url, self._url = self._url, ""
        if url:
            self._report(DashboardServed(url))

    def take(self, line: str) -> None:
        try:
            told = json.loads(line)
        except ValueError:
            told = None
        if isinstance(told, dict) and told.get("event") == "dashboard":
            self._up.set()
            if self._ready.is_set():
                self._report(DashboardServed(str(told["url"])))
            else:
                self._url = str(told["url"])
        elif line.strip():
            self.last = f": {line}"


def dashboard_of(run_folder: Path | None, wanted: WantedDashboard) -> RunDashboard:
    """That of the run which is recorded in `run_folder`, None where it is not."""
    if not wanted.installed:
        return RunDashboard(None, NOT_INSTALLED)
    if run_folder is None:
        return RunDashboard(None, NOT_RECORDED)
    own = [sys.executable, "-P", "-m", "outboard", "dashboard"]  # a file of the person's is no module of ours
    asked = ["--run", run_folder.name, "--port", str(wanted.port), "--output", "json"]
    token = {SPANS_TOKEN: wanted.span_token} if wanted.span_token else {}
    launch = Launch([*own, *asked], Path.cwd(), {**os.environ, **token})
    return RunDashboard(launch, with_apps=bool(token))
