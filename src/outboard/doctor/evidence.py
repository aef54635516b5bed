"""What was seen of apps, sidecars and brokers, as frozen values, wherever they run. Pure.

What could not be seen is None, with the reason beside it. No value here is a token or a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from outboard.doctor.cluster_evidence import ClusterSeen
from outboard.sidecar.components.pubsub.standing import TopicStanding

__all__ = [
    "AppSeen",
    "BrokerSeen",
    "CanarySeen",
    "ComponentDeclared",
    "ComponentMissing",
    "Evidence",
    "HopSeen",
    "HttpAnswer",
    "Metadata",
    "OutboxSeen",
    "ProcessSeen",
    "PublishedSeen",
    "RouteSeen",
    "RunSeen",
    "SidecarLine",
    "SidecarSeen",
    "SubscriptionSeen",
]


@dataclass(frozen=True, slots=True)
class SidecarLine:
    """A line of a sidecar's log; `at` is None where it does not say."""

    level: str
    message: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """`status` 0: there was none, and `failure` says why. `body` is its beginning."""

    status: int = 0
    body: str = ""
    failure: str = ""
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def __str__(self) -> str:
        if not self.status:
            return self.failure or "no answer"
        return f"HTTP {self.status}" + (f": {self.body}" if self.body else "")


@dataclass(frozen=True, slots=True)
class ProcessSeen:
    """The process of an app. `pid` 0: it is not known, or there is none any more.

    `ports` are those that it and its children listen on, `asks_sidecar` says that it was seen connected to
    its own sidecar, `exit_code` is that of its end.
    """

    pid: int = 0
    ports: tuple[int, ...] = ()
    asks_sidecar: bool = False
    exit_code: int | None = None
    started: datetime | None = None


@dataclass(frozen=True, slots=True)
class SubscriptionSeen:
    """A subscription as an app, a file or a sidecar tells of it. `rules` are pairs of `match` and path.

    `source` is where it is written, or DECLARATIVE and PROGRAMMATIC of a sidecar's metadata.
    """

    pubsub: str
    topic: str
    rules: tuple[tuple[str, str], ...] = ()
    dead_letter_topic: str = ""
    source: str = ""
    raw: bool = False

    @property
    def target(self) -> tuple[str, str]:
        return self.pubsub, self.topic


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a sidecar's metadata API tells. `components` are pairs of name and type. `health_path` is where it
    asks the app whether it is well, empty where it does not.
    """

    app_id: str
    version: str
    components: tuple[tuple[str, str], ...] = ()
    subscriptions: tuple[SubscriptionSeen, ...] = ()
    app_port: int = 0
    health_path: str = ""

    @property
    def loaded(self) -> set[str]:
        return {name for name, _ in self.components}


@dataclass(frozen=True, slots=True)
class SidecarSeen:
    """A sidecar: its answers to `healthz`, `healthz/outbound` and `metadata`.

    `owner` is the process that listens on its port, as a phrase. `exposed` are the addresses other than
    loopback on which it listens without asking for a token.
    """

    health: HttpAnswer = HttpAnswer()
    outbound: HttpAnswer = HttpAnswer()
    metadata_answer: HttpAnswer = HttpAnswer()
    metadata: Metadata | None = None
    owner: str = ""
    exposed: str = ""


@dataclass(frozen=True, slots=True)
class ComponentDeclared:
    """A component as a file has it, that the app should get; `changed` is when the file was last written.

    `refused` are the topics of the app's subscriptions that its scopes do not allow.
    """

    name: str
    type: str
    file: str
    line: int
    changed: datetime | None = None
    ignore_errors: bool = False
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ComponentMissing:
    """A component that the app is not to get, or that cannot be set up, and why; what to do is `advice`."""

    name: str
    type: str
    reason: str
    advice: str = ""
    place: str = ""
    by_design: bool = False


@dataclass(frozen=True, slots=True)
class RouteSeen:
    """What an app says of a route when asked with OPTIONS, which runs no handler."""

    path: str
    answer: HttpAnswer


@dataclass(frozen=True, slots=True)
class AppSeen:
    """One app with its sidecar. `unasked` says why it could not be asked anything, empty where it was.
    `health` is its answer at the path of its health check, None where there is none. `subscribe` is that at
    `/dapr/subscribe`, asked as its sidecar asks; `subscribe_problem` is what is wrong with its body. With
    `over_grpc` it is that of ListTopicSubscriptions, with an HTTP status that says the same, and its routes
    cannot be asked for.
    `port_owner` is who listens on its port, as a phrase, and `owner_pid` its process, 0 where that is not
    known. `found_at` is the port at which a process of the app, which has no app port, answers
    `/dapr/subscribe`.

    `declared` are its components by files, `missing` those that it does not get, `file_problems` what is
    wrong with the files, each with its severity. `read_at` is when its sidecar has read them, None where it
    reads them anew by itself. `subscribed` is what the app itself wants, `in_files` what files declare.
    """

    app_id: str
    app_port: int
    http_port: int
    app_address: str = ""
    sidecar_address: str = ""
    attached: bool = False
    listening: bool | None = None
    port_owner: str = ""
    owner_pid: int = 0
    process: ProcessSeen = ProcessSeen()
    unasked: str = ""
    over_grpc: bool = False
    health: HttpAnswer | None = None
    subscribe: HttpAnswer = HttpAnswer()
    subscribe_problem: str = ""
    subscribed: tuple[SubscriptionSeen, ...] = ()
    in_files: tuple[SubscriptionSeen, ...] = ()
    found_at: int = 0
    sidecar: SidecarSeen = SidecarSeen()
    declared: tuple[ComponentDeclared, ...] = ()
    missing: tuple[ComponentMissing, ...] = ()
    file_problems: tuple[tuple[str, str], ...] = ()
    engine: str = ""
    read_at: datetime | None = None
    log_path: str = ""
    routes: tuple[RouteSeen, ...] = ()
    log: tuple[SidecarLine, ...] = ()
    app_log: tuple[str, ...] = ()
    needs_app_token: bool = False
    needs_api_token: bool = False
    pod: str = ""

    @property
    def subscriptions_at(self) -> str:
        """Where it tells what it subscribes to."""
        return "ListTopicSubscriptions" if self.over_grpc else "/dapr/subscribe"

    @property
    def wanted(self) -> tuple[SubscriptionSeen, ...]:
        """Its subscriptions, those of files too, where the app does not name the same topic; by its sidecar's
        word where it could not be asked.
        """
        if self.unasked and self.sidecar.metadata is not None:
            return self.sidecar.metadata.subscriptions
        own = {each.target for each in self.subscribed}
        return (*self.subscribed, *(each for each in self.in_files if each.target not in own))


@dataclass(frozen=True, slots=True)
class BrokerSeen:
    """The broker behind the pub/sub component of one app: how its topics stand in the app's group.

    Where it could not be reached `failure` says why; `kept_by` then is the process that its sidecar is in.
    `before` and `now` are two looks, `seconds` apart. `visible`: it is a kind that can be looked into.
    """

    app_id: str
    component: str
    type: str
    group: str = ""
    address: str = ""
    initial_newest: bool = False
    visible: bool = True
    failure: str = ""
    before: tuple[TopicStanding, ...] = ()
    now: tuple[TopicStanding, ...] = ()
    seconds: float = 0.0
    other_topics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CanarySeen:
    """A canary to one app: `arrived` are the routes that it came to. `why_not` says why none was sent."""

    app_id: str
    pubsub: str
    topic: str
    published: HttpAnswer = HttpAnswer()
    arrived: tuple[str, ...] = ()
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class HopSeen:
    """A recorded hop of an event that did not go well: `kind` as `outboard trace` calls it."""

    kind: str
    app_id: str
    pubsub: str
    topic: str
    event_id: str
    outcome: str = ""
    detail: str = ""
    instance: str = ""


@dataclass(frozen=True, slots=True)
class OutboxSeen:
    """An outbox in the `database` at that URL, without its login: how many events wait, for how many seconds
    the oldest of them does, and which are `parked`: id, topic and reason of the oldest. `failure` says why it
    could not be read.
    """

    database: str
    table: str = ""
    waiting: int = 0
    parked: int = 0
    oldest_age: float = 0.0
    parked_events: tuple[tuple[str, str, str], ...] = ()
    failure: str = ""


@dataclass(frozen=True, slots=True)
class PublishedSeen:
    """The last time that an app published to a topic, as the record of hops has it."""

    app_id: str
    pubsub: str
    topic: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RunSeen:
    """A run of `outboard run`: `state` is `live`, `ended`, `died` or `elsewhere`."""

    run_id: str
    engine: str
    state: str
    started: datetime
    problem: str = ""
    ready: bool = True


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that was seen, at `at`. `cluster` is what was seen of a namespace of Kubernetes: then all."""

    where: str
    at: datetime
    apps: tuple[AppSeen, ...]
    run: RunSeen | None = None
    brokers: tuple[BrokerSeen, ...] = ()
    canaries: tuple[CanarySeen, ...] = ()
    hops: tuple[HopSeen, ...] = ()
    published: tuple[PublishedSeen, ...] = ()
    outboxes: tuple[OutboxSeen, ...] = ()
    cluster: ClusterSeen | None = None
