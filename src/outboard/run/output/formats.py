"""The events of a run as lines: prefixed and coloured for a person, or one JSON object each."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Final, Protocol

from outboard.run.output.events import (
    AppEnded,
    AppFound,
    AppStarted,
    Attach,
    Caution,
    DashboardServed,
    LogLine,
    Note,
    Ready,
    Reloaded,
    Reloading,
    ReloadRefused,
    RunEvent,
    RunFailed,
    RunStopped,
    RunStopping,
    SidecarFailed,
    SidecarStarted,
    SlowStart,
    Source,
    SubscriptionsChanged,
    Topology,
    Untaken,
)
from outboard.run.output.topology import topology_lines

__all__ = ["JsonLines", "LineWriter", "TextLines"]

OWN_NAME: Final = "outboard"
PALETTE: Final = ("cyan", "magenta", "yellow", "green", "blue", "bright_red", "bright_cyan", "bright_magenta")
EVENT_NAMES: Final[Mapping[type[RunEvent], str]] = {
    LogLine: "log",
    Caution: "caution",
    Note: "note",
    Topology: "topology",
    Untaken: "untaken",
    AppStarted: "started",
    SidecarStarted: "sidecar-started",
    SidecarFailed: "sidecar-failed",
    Attach: "attach",
    AppFound: "found",
    Ready: "ready",
    DashboardServed: "dashboard",
    Reloading: "reloading",
    Reloaded: "reloaded",
    ReloadRefused: "reload-refused",
    SlowStart: "slow",
    SubscriptionsChanged: "subscriptions-changed",
    AppEnded: "ended",
    RunStopping: "stopping",
    RunStopped: "stopped",
    RunFailed: "error",
}


class LineWriter(Protocol):
    """Writes one line; `style` is a colour for the first `styled` characters, empty for none."""

    def __call__(self, line: str, styled: int, style: str) -> None: ...


class JsonLines:
    """Each event as one JSON object on a line, told apart by `event`."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def __call__(self, event: RunEvent) -> None:
        self._write(json.dumps({"event": EVENT_NAMES[type(event)], **asdict(event)}, ensure_ascii=False))


class TextLines:
    """Each event as lines with the app's name before them; the sidecar's with `NAME dapr`.

    `apps` are all the names of the run: each gets its colour, and the prefixes get one width. Commands to
    copy are in the words of the Windows shell where `windows`, else of a POSIX one.
    """

    def __init__(
        self, write: LineWriter, apps: Sequence[str], *, windows: bool = sys.platform == "win32"
    ) -> None:
        self._windows = windows
        self._write = write
        self._styles = {app: PALETTE[index % len(PALETTE)] for index, app in enumerate(apps)}
        self._width = max([len(OWN_NAME), *(len(_name(app, Source.SIDECAR)) for app in apps)])

    def __call__(self, event: RunEvent) -> None:
        if isinstance(event, LogLine):
            level = f"{event.level.upper()} " if event.level not in {"", "info", "debug"} else ""
            self._line(_name(event.app, event.source), level + event.line, self._styles.get(event.app, ""))
            return
        for line in _sentences(event):
            self._line(OWN_NAME, line, "bold")
        if isinstance(event, Attach):  # without a prefix, so that it can be copied
            for line in _by_hand(event, windows=self._windows):
                self._write(line, 0, "")

    def _line(self, name: str, text: str, style: str) -> None:
        prefix = f"{name:<{self._width}} | "
        # A record may hold several lines (a traceback): each is prefixed.
        for part in text.splitlines() or [""]:
            self._write(prefix + part, len(prefix), style)


def _name(app: str, source: Source) -> str:
    return f"{app} dapr" if source is Source.SIDECAR else app


def _sentences(event: RunEvent) -> list[str]:
    match event:
        case Caution():
            return [f"caution: {event.text}"]
        case Note():
            return [event.text]
        case Topology():
            return topology_lines(event)
        case Untaken():
            return [f"note: {event.text}"]
        case AppStarted():
            return [f"{event.app} started (process {event.pid})"]
        case AppFound():
            return [f"{event.app} listens on port {event.port}"]
        case Ready():
            return _ready(event)
        case DashboardServed():
            return [f"dashboard at {event.url} (it opens in one browser, once)"]
        case Reloading():
            return [_reloading(event)]
        case Reloaded():
            return [_reloaded(event)]
        case SidecarFailed():
            said = f"error: the sidecar of {event.app} does not start, and waits for the next change"
            return [f"{said}: {event.text}"]
        case ReloadRefused():
            return [f"error: {event.text}", f"{_going_on(event.apps)}, until that is mended"]
        case SlowStart(listens=True):
            said = f"{event.app} listens on port {event.port}, but its sidecar is not ready"
            return [f"{said} after {event.seconds:.0f} s: what does it say?"]
        case SlowStart():
            return [_not_listening(event)]
        case SubscriptionsChanged():
            return [f"{event.app} now has other subscriptions: start `outboard run` anew for them to count"]
        case AppEnded():
            return [f"{event.app} ended with exit code {event.code}: {event.detail}"]
        case RunStopping():
            return [f"stopping ({event.reason})"]
        case RunStopped():
            return ["everything has stopped"]
        case RunFailed():
            return [f"error: {event.text}"]
        case SidecarStarted():
            return [f"the sidecar of {event.app} started (process {event.pid})"]
        case Attach():
            return [_attach(event)]
        case LogLine():
            return [event.line]


def _reloading(event: Reloading) -> str:
    whats: dict[tuple[str, ...], str] = {
        (): f"{event.app} goes on",
        ("app",): f"{event.app} restarts",
        ("sidecar",): f"the sidecar of {event.app} restarts",
    }
    what = whats.get(event.restarts, f"{event.app} and its sidecar restart")
    changed = f"{', '.join(event.changed)} changed" if event.changed else ""
    reason = f" ({event.reason})" if event.reason and changed else event.reason
    return f"{what}: {changed}{reason}"


def _reloaded(event: Reloaded) -> str:
    missing = f", but for {event.not_taken} that the last lines name" if event.not_taken else ""
    taken = {
        app: ", ".join(f"{each.kind} {each.name} {each.change}" for each in event.taken if each.app == app)
        for app in event.apps
    }
    apps = [f"{app} ({said})" if said else app for app, said in taken.items()]
    return f"reloaded{missing}: {', '.join(apps)}"


def _not_listening(event: SlowStart) -> str:
    said = f"{event.app} does not answer on port {event.port} after {event.seconds:.0f} s"
    if not event.elsewhere:
        return f"{said}: does it listen there (APP_PORT)?"
    ports = " and ".join(map(str, event.elsewhere))
    return f"{said}: it listens on {ports}. Give it port {event.port}, or change `appPort` (`--app-port`)"


def _going_on(apps: Sequence[str]) -> str:
    if not apps:
        return "everything runs on as it was"
    return f"{' and '.join(apps)} {'runs on as it was' if len(apps) == 1 else 'run on as they were'}"


def _ready(event: Ready) -> list[str]:
    apps, missing = event.apps, event.not_taken
    width = max(len(endpoint.app) for endpoint in apps)
    return [
        f"ready, but for {missing} that the last lines name" if missing else "ready",
        *(
            f"  {endpoint.app:<{width}}  {endpoint.app_url or '(not called)'}  sidecar {endpoint.sidecar_url}"
            for endpoint in apps
        ),
        "Ctrl-C stops everything",
    ]


def _attach(event: Attach) -> str:
    place = f" on port {event.port}" if event.port else ""
    return f"{event.app} is waited for{place}: start it in your debugger, as often as you like. In a shell:"


def _by_hand(event: Attach, *, windows: bool) -> list[str]:
    """How to start an attached app, in the words of the machine's shell."""
    folder = subprocess.list2cmdline([event.directory]) if windows else shlex.quote(event.directory)
    command = subprocess.list2cmdline(event.command) if windows else shlex.join(event.command)
    return [
        f"cd /d {folder}" if windows else f"cd {folder}",
        *(_assignment(name, value, windows=windows) for name, value in event.environment.items()),
        *([command] if command else []),
    ]


def _assignment(name: str, value: str, *, windows: bool) -> str:
    return f'set "{name}={value}"' if windows else f"export {name}={shlex.quote(value)}"
