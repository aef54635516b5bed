"""The dashboard of a run: a program of its own, which takes nothing of the loop that serves the sidecars.

It is started at `ready`, when nothing waits for it, reads what the run records, and ends with the run.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from outboard.clock import Clock
from outboard.run.output.events import Caution, DashboardServed, Note, Report
from outboard.run.processes.process import Launch, running

__all__ = ["RunDashboard", "WantedDashboard", "dashboard_of"]

NOT_INSTALLED: Final = (
    "there is no dashboard, as Jinja2 is not installed: pip install 'outboard[dashboard]', "
    "or --no-dashboard says nothing of it"
)
NOT_RECORDED: Final = "there is no dashboard, as this run is not recorded"


class WantedDashboard(NamedTuple):
    """At `port`, any free one where it is 0. `installed` tells whether its templates can be filled in."""

    port: int
    installed: bool


@dataclass(frozen=True, slots=True)
class RunDashboard:
    """What is started at `ready`; where that is None, `note` says why."""

    launch: Launch | None
    note: str = ""

    async def serve(self, ready: asyncio.Event, report: Report, hurry: asyncio.Event, clock: Clock) -> None:
        """Wait until all is `ready`, and serve until cancelled. A dashboard that ends, ends nothing else."""
        await ready.wait()
        if self.launch is None:
            report(Note(self.note))
            return
        said = _Said(report)
        try:
            async with running(self.launch, said.take, hurry, clock) as process:
                code = await process.wait()
        except OSError as error:
            report(Caution(f"the dashboard cannot be started: {error}"))
            return
        report(Caution(f"the dashboard has ended with exit code {code}{said.last}"))


class _Said:
    """What the dashboard says: first its address, as JSON."""

    def __init__(self, report: Report) -> None:
        self.last = ""
        self._report = report

    def take(self, line: str) -> None:
        try:
            told = json.loads(line)
        except ValueError:
            told = None
        if isinstance(told, dict) and told.get("event") == "dashboard":
            self._report(DashboardServed(str(told["url"])))
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
    return RunDashboard(Launch([*own, *asked], Path.cwd(), os.environ))
