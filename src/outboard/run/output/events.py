"""What happens in a run, as values: for the terminal as text, for machines as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

__all__ = [
    "AppEnded",
    "AppEndpoint",
    "AppFound",
    "AppStarted",
    "Attach",
    "Caution",
    "DashboardServed",
    "FiledLine",
    "LoadedComponent",
    "LogLine",
    "MissingComponent",
    "NotTaken",
    "Note",
    "Ready",
    "ReloadRefused",
    "Reloaded",
    "Reloading",
    "Report",
    "RunEvent",
    "RunFailed",
    "RunStopped",
    "RunStopping",
    "SidecarFailed",
    "SidecarStarted",
    "SlowStart",
    "Source",
    "SubscriptionsChanged",
    "TakenResource",
    "TakenTopic",
    "Topology",
    "Untaken",
]


class Source(StrEnum):
    """Who wrote a line: the app, or its sidecar."""

    APP = "app"
    SIDECAR = "sidecar"


@dataclass(frozen=True, slots=True)
class LogLine:
    """`level` is that of the sidecar's record; an app's line has none."""

    app: str
    source: Source
    line: str
    level: str = ""


class FiledLine(LogLine):
    """A line that its author wants in a file alone: it is kept, and not shown."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Caution:
    """Something will not be as a person expects; the run goes on."""

    text: str


@dataclass(frozen=True, slots=True)
class Note:
    """What was decided where nothing was said; nothing is wrong with it."""

    text: str


@dataclass(frozen=True, slots=True)
class TakenTopic:
    """A topic that an app gets events of, at `routes`; `dead_letter_topic` is empty where there is none.

    `remark` says why it does not come as it was asked for, where there is a reason.
    """

    pubsub: str
    topic: str
    routes: tuple[str, ...]
    bulk: bool = False
    dead_letter_topic: str = ""
    remark: str = ""


@dataclass(frozen=True, slots=True)
class NotTaken:
    """What an app asked for in vain: `problem` is a sentence. `topic` is empty where that is all of it."""

    pubsub: str
    topic: str
    problem: str


@dataclass(frozen=True, slots=True)
class LoadedComponent:
    """A component that an app has."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class MissingComponent:
    """A component that an app does not get, why, and what to do; `file` is empty where none says so."""

    name: str
    type: str
    reason: str
    advice: str = ""
    file: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Topology:
    """What an app takes, what it has, and what it lacks.

    `remark` says why it takes nothing, or has nothing, where there is a reason.
    """

    app: str
    topics: tuple[TakenTopic, ...] = ()
    not_taken: tuple[NotTaken, ...] = ()
    components: tuple[LoadedComponent, ...] = ()
    left_out: tuple[MissingComponent, ...] = ()
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Untaken:
    """`app` published to a topic for the first time, and no app of this run takes it."""

    app: str
    pubsub: str
    topic: str
    text: str


@dataclass(frozen=True, slots=True)
class AppStarted:
    app: str
    pid: int


@dataclass(frozen=True, slots=True)
class SidecarStarted:
    """The daprd of `app` was started."""

    app: str
    pid: int


@dataclass(frozen=True, slots=True)
class Attach:
    """`app` is waited for on `port`: whoever starts it gives it `environment`."""

    app: str
    port: int
    directory: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class AppFound:
    """An attached app listens (for the first time, or again)."""

    app: str
    port: int


@dataclass(frozen=True, slots=True)
class AppEndpoint:
    """Where an app and its sidecar answer; `app_url` is empty for an app that is not called."""

    app: str
    app_url: str
    sidecar_url: str


@dataclass(frozen=True, slots=True)
class Ready:
    """Every app that is started here answers, and gets its events, but for `not_taken` subscriptions."""

    apps: tuple[AppEndpoint, ...]
    not_taken: int = 0


@dataclass(frozen=True, slots=True)
class DashboardServed:
    """The dashboard of the run is at `url`, whose token opens it in one browser, once."""

    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reloading:
    """What of an app begins anew or ends (`app`, `sidecar`), because files have `changed`, and why.

    Where nothing `restarts` its sidecar takes what has changed as it runs.
    """

    app: str
    changed: tuple[str, ...]
    restarts: tuple[str, ...] = ("app",)
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TakenResource:
    """A resource that the sidecar of `app` has taken as it runs: `change` is created, updated or deleted."""

    app: str
    kind: str
    name: str
    change: str


@dataclass(frozen=True, slots=True)
class Reloaded:
    """The `apps` of a reload get their events, but for `not_taken` subscriptions.

    `taken` is what has changed in those whose sidecars go on.
    """

    apps: tuple[str, ...]
    not_taken: int = 0
    taken: tuple[TakenResource, ...] = ()


@dataclass(frozen=True, slots=True)
class ReloadRefused:
    """Changed files cannot be used: `apps` run on as they were, or everything does where none is named.

    `file` and `line` as in RunFailed.
    """

    text: str
    file: str = ""
    line: int = 0
    apps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SidecarFailed:
    """The sidecar of `app` does not start after a change, and waits for the next one. `file` as RunFailed."""

    app: str
    text: str
    file: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class SlowStart:
    """An app has been started and gets no events yet; `listens` tells whether it does on `port`.

    `elsewhere` are the ports on which it listens instead.
    """

    app: str
    port: int
    seconds: float
    listens: bool = False
    elsewhere: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class SubscriptionsChanged:
    """A restarted app subscribes to something else than its sidecar knows, which is not restarted."""

    app: str


@dataclass(frozen=True, slots=True)
class AppEnded:
    """An app ended, and that ends nothing else."""

    app: str
    code: int
    detail: str


@dataclass(frozen=True, slots=True)
class RunStopping:
    reason: str


@dataclass(frozen=True, slots=True)
class RunStopped:
    """Nothing runs any more."""


@dataclass(frozen=True, slots=True)
class RunFailed:
    """Why the run could not start, or ended; `file` is empty and `line` 0 where no file is at fault."""

    text: str
    file: str = ""
    line: int = 0


RunEvent: TypeAlias = (
    LogLine
    | Caution
    | Note
    | Topology
    | Untaken
    | AppStarted
    | SidecarStarted
    | SidecarFailed
    | Attach
    | AppFound
    | SlowStart
    | Ready
    | DashboardServed
    | Reloading
    | Reloaded
    | ReloadRefused
    | SubscriptionsChanged
    | AppEnded
    | RunStopping
    | RunStopped
    | RunFailed
)
Report: TypeAlias = Callable[[RunEvent], None]
