"""The dashboard in the process of a test: an ASGI app that reads a record which the test writes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx

from outboard.clock import SystemClock
from outboard.dashboard.main import application
from outboard.dashboard.security.access import AccessRules
from outboard.dashboard.security.entrance import Entrance
from outboard.dashboard.watching import Watch, WatchedRuns
from outboard.hops.files.lines import FileHead, head_line, hop_line
from outboard.hops.record import EventIdentity, Hop, HopKind
from outboard.host.processes import process_identity
from outboard.live.places import SearchPlaces
from outboard.runs.folder import RunFolder, make_run_folder, runs_folder
from outboard.runs.record import RunningApp, RunRecord

__all__ = [
    "BASE",
    "SESSION",
    "SPAN_TOKEN",
    "TOKEN",
    "asking",
    "asking_of_runs",
    "dashboard",
    "hop",
    "known_run",
    "write_hops",
]

TOKEN = "the-token"
SESSION = "the-session"
SPAN_TOKEN = "the-token-of-spans"
COOKIE = "outboard-1"
BASE = "http://127.0.0.1:1"


def hop(
    kind: HopKind,
    event_id: str = "e1",
    app_id: str = "api",
    topic: str = "orders",
    at: float = 1_000.0,
    **more: object,
) -> Hop:
    """A hop of the sidecar unless `part` says else; its event has `key`, `correlation`, `cause`, `source`."""
    names = {"key": "key", "correlation": "correlation_id", "cause": "causation_id", "source": "source"}
    ids = {field: more.pop(name) for name, field in names.items() if name in more}
    made = Hop(kind, at, app_id, "pubsub", topic, EventIdentity(event_id, **ids), part="sidecar")  # type: ignore[arg-type]
    return made._replace(**more)  # type: ignore[arg-type]


def write_hops(folder: Path, hops: Iterable[Hop], name: str = "1") -> None:
    """A file of the record for each app and part, `name` in its name."""
    folder.mkdir(parents=True, exist_ok=True)
    by_process: dict[tuple[str, str], list[Hop]] = {}
    for each in hops:
        by_process.setdefault((each.app_id, each.part), []).append(each)
    for number, ((app_id, part), mine) in enumerate(by_process.items()):
        lines = [head_line(FileHead(app_id, part, "here/1")), *map(hop_line, mine)]
        (folder / f"{name}-{number}.hops.jsonl").write_bytes(b"".join(lines))


def dashboard(folder: Path, *databases: str) -> httpx.ASGITransport:
    """That of the record in `folder`, and of `databases`, which are URLs, behind its gate."""
    watched = WatchedRuns(SearchPlaces(folder, folder, {}), record=folder, databases=databases)
    watch = Watch(watched, SystemClock())
    app = application(watch, AccessRules(), Entrance(TOKEN, lambda: SESSION), COOKIE, SPAN_TOKEN)
    return httpx.ASGITransport(app)


def known_run(home: Path, *apps: RunningApp, ended: bool = False, **changed: object) -> RunFolder:
    """A run of this process, as far as its folder below `home` tells: nothing is started."""
    now = datetime.now(UTC)
    folder = make_run_folder(runs_folder(home), now)
    record = RunRecord(folder.run_id, "1", "outboard", "", str(home), now, process_identity(), apps)
    folder.write(replace(record, ended=now if ended else None, **changed))  # type: ignore[arg-type]
    return folder


@asynccontextmanager
async def asking_of_runs(home: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A browser that has opened the dashboard of the runs below `home`."""
    watch = Watch(WatchedRuns(SearchPlaces(home, home, {})), SystemClock())
    app = application(watch, AccessRules(), Entrance(TOKEN, lambda: SESSION), COOKIE)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as client:
        await client.get("/", params={"token": TOKEN})
        yield client


@asynccontextmanager
async def asking(folder: Path, *databases: str) -> AsyncIterator[httpx.AsyncClient]:
    """A browser that has opened it."""
    async with httpx.AsyncClient(transport=dashboard(folder, *databases), base_url=BASE) as client:
        await client.get("/", params={"token": TOKEN})
        yield client
