"""What is looked at: the runs of this machine and their records of hops, read when somebody looks, and never
else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from outboard.clock import Clock
from outboard.dashboard.recent import Recent
from outboard.dashboard.views.feed import EventFeed
from outboard.hops.files.reader import HopFollower, RecordRead
from outboard.live.asking import wirings
from outboard.live.places import AppPlace, SearchPlaces, app_places
from outboard.live.wiring import AppWiring
from outboard.runs.finding import KnownRun, all_runs, beside, find_run
from outboard.runs.folder import HOPS, runs_folder

__all__ = ["Watch", "WatchedRuns"]

PAUSE: Final = 0.3
"""Seconds between two looks at the record: so a page changes three times a second, at most."""
LOOK_AT_RUNS: Final = 2.0
LOOK_AT_WIRING: Final = 3.0


@dataclass(frozen=True, slots=True)
class WatchedRuns:
    """Which runs are looked at: that with `run_id` and those beside it; without one all that run now, or else
    the last one. `record` is a folder of hops in the place of any run's. `databases` are the URLs of those
    that a person named: they may have passwords.
    """

    places: SearchPlaces
    run_id: str = ""
    record: Path | None = None
    databases: tuple[str, ...] = field(default=(), repr=False)
    sidecars: Sequence[int] = ()
    """HTTP ports of sidecars of this machine that no run has started."""

    def now(self) -> Sequence[KnownRun]:
        """Raises CommandError where there is none that is meant."""
        if self.record is not None:
            return ()
        runs = runs_folder(self.places.home)
        every = all_runs(runs)
        if self.run_id:
            chosen = find_run(runs, run_id=self.run_id, live=False)
            return [chosen, *beside(chosen, every)]
        live = [run for run in every if run.is_live]
        return live if live or self.sidecars else [find_run(runs, live=False)]

    def folders(self, runs: Sequence[KnownRun]) -> list[Path]:
        """Where the hops of `runs` are."""
        return [run.path / HOPS for run in runs] if self.record is None else [self.record]


@dataclass(slots=True)
class Watch:
    """`feed` is what is known of events, `runs` are those that are looked at."""

    watched: WatchedRuns
    clock: Clock
    feed: EventFeed = field(default_factory=EventFeed)
    runs: Sequence[KnownRun] = ()
    problems: tuple[str, ...] = ()
    ended: bool = False
    """Whether streams are to end: nobody may wait for them when the program stops."""
    _followers: dict[Path, HopFollower] = field(default_factory=dict)
    _reading: asyncio.Task[None] | None = None
    _read: float = float("-inf")
    _found: float = float("-inf")
    _wirings: Recent[Sequence[AppWiring]] = field(init=False)

    def __post_init__(self) -> None:
        self._wirings = Recent(self.clock, LOOK_AT_WIRING, self._ask_wirings)

    async def refresh(self) -> None:
        """Read what came; nothing where somebody else has just done so. Raises CommandError, OSError.

        Whoever asked may go away meanwhile: what is being read is taken all the same.
        """
        if self._reading is None or self._reading.done():
            if self.clock.monotonic() - self._read < PAUSE / 2:
                return
            self._reading = asyncio.create_task(self._take_more())
        await asyncio.shield(self._reading)

    async def _take_more(self) -> None:
        now = self.clock.monotonic()
        if now - self._found >= LOOK_AT_RUNS:
            self.runs = await asyncio.to_thread(self.watched.now)
            self._found = now
        for record in await asyncio.to_thread(self._more):
            self.feed.add(record.hops, record.notes)
            self.problems = (*self.problems, *record.problems)
        self._read = self.clock.monotonic()

    async def until_changed(self, version: int) -> int:
        """Return the version of the feed once it is another one than `version`, or all is to end."""
        while self.feed.version == version and not self.ended:
            await self.clock.sleep(PAUSE)
            await self.refresh()
        return self.feed.version

    def end(self) -> None:
        """Let all who wait go."""
        self.ended = True

    async def wirings(self) -> Sequence[AppWiring]:
        """What the apps of the runs take and have, asked of their sidecars every few seconds at most."""
        return await self._wirings.get()

    async def _ask_wirings(self) -> Sequence[AppWiring]:
        found: dict[str, AppWiring] = {}
        for run in self.runs:
            if run.is_live:
                for wiring in await self._of_run(run.record.run_id):
                    found.setdefault(wiring.app_id, wiring)
        for wiring in await wirings(self.joined()):
            found.setdefault(wiring.app_id, wiring)
        return list(found.values())

    def joined(self) -> list[AppPlace]:
        """The sidecars that no run has started."""
        own = self.watched.places
        return [
            place
            for port in self.watched.sidecars
            for place in app_places(SearchPlaces(own.home, own.directory, own.environment, http_port=port))
        ]

    def places(self, app_id: str = "") -> SearchPlaces:
        """Where a sidecar is looked for, by which an event is published; of an app where one is named."""
        live = [run for run in self.runs if run.is_live]
        fitting = [run for run in live if not app_id or run.record.app(app_id) is not None]
        if not fitting and self.watched.sidecars:
            own, port = self.watched.places, self.watched.sidecars[0]
            return SearchPlaces(own.home, own.directory, own.environment, http_port=port)
        return self._in(fitting[0].record.run_id if fitting else self.watched.run_id, app_id)

    def places_of(self, run: KnownRun) -> list[AppPlace]:
        """The apps of `run`, without those beside it, and their sidecars. Raises CommandError, OSError."""
        names = {app.app_id for app in run.record.apps}
        found = app_places(self._in(run.record.run_id))
        return [place for place in found if place.app_id in names]

    async def _of_run(self, run_id: str) -> Sequence[AppWiring]:
        return await wirings(app_places(self._in(run_id)))

    def _in(self, run_id: str, app_id: str = "") -> SearchPlaces:
        own = self.watched.places
        return SearchPlaces(own.home, own.directory, own.environment, app_id, run_id=run_id)

    def _more(self) -> list[RecordRead]:
        folders = self.watched.folders(self.runs)
        for folder in folders:
            self._followers.setdefault(folder, HopFollower(folder))
        return [self._followers[folder].more() for folder in folders]
