"""What is asked of both sidecars: frozen values, nothing of how it is asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from outboard.gojson.values import Json

__all__ = [
    "Ask",
    "Close",
    "Entries",
    "Fail",
    "Garbage",
    "Group",
    "Hang",
    "Late",
    "Question",
    "Respond",
    "after",
    "answered",
    "ask",
    "once_health_is",
    "responds",
    "subscribed",
]


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. `{etag}` in a header or the body is the last ETag that this question was given.

    Before it, `health` is from now on the status of the app's health checks, two of which are waited for;
    then `pause` seconds pass, for what takes time by itself (a TTL). `public` is for the public port,
    `elsewhere` for another address of this machine than 127.0.0.1.
    """

    method: str
    target: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    pause: float = 0.0
    health: int | None = None
    public: bool = False
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Respond:
    """The app answers."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entries:
    """The app answers a batch: one status for each of its entries in turn, the last for the rest.

    An empty tuple tells of no entry; `strangers` are entry ids that nobody asked about. A `reason` stands
    beside each status.
    """

    statuses: tuple[str, ...]
    strangers: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Close:
    """The app closes the connection without an answer."""


@dataclass(frozen=True, slots=True)
class Garbage:
    """The app answers with exactly these bytes, whether they are HTTP or not, and closes the connection.

    Before that it waits for `open` seconds, so that whoever reads on waits for more.
    """

    data: bytes = b"this is not HTTP\r\n\r\n"
    open: float = 0.0


@dataclass(frozen=True, slots=True)
class Fail:
    """The app over gRPC answers with a status, by the name of its code."""

    code: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Hang:
    """The app never answers."""


@dataclass(frozen=True, slots=True)
class Late:
    """The app answers so, after so many seconds."""

    answer: Respond | Entries | Close | Fail
    seconds: float = 1.0


AppAnswer = Respond | Entries | Close | Fail | Garbage | Hang | Late


@dataclass(frozen=True, slots=True)
class Question:
    """Requests made one after the other, and how the app behaves meanwhile.

    `rows` names the behaviours that it is about (`rows.py`). `answers` are what the app answers at a path,
    one after the other; after them, 200 without a body. `deliveries` is how many requests the app gets in
    all at the paths of `subscriptions` and `paths`: that many are waited for, and daprd must make them.
    `subscriptions` are added to those that the app tells of at `/dapr/subscribe`. After the deliveries,
    `quiet` seconds are waited for some that should not come. `unordered` ones are sorted before they are
    compared; of `side_by_side` ones, which come from several subscriptions, only the order at each path is.
    """

    name: str
    rows: tuple[str, ...]
    asks: tuple[Ask, ...] = ()
    subscriptions: tuple[Mapping[str, Json], ...] = ()
    answers: Mapping[str, tuple[AppAnswer, ...]] = field(default_factory=dict)
    paths: tuple[str, ...] = ()
    deliveries: int = 0
    unordered: bool = False
    side_by_side: bool = False
    quiet: float = 0.4

    @property
    def watched(self) -> frozenset[str]:
        """The paths of the app that belong to this question."""
        return frozenset([*self.paths, *(path for each in self.subscriptions for path in _paths_of(each))])


@dataclass(frozen=True, slots=True)
class Group:
    """Questions that share a sidecar: its files, flags and environment.

    `files` are written to the folder of resources; `{folder}` in them is a folder of the sidecar's own.
    `app` says whether there is one; with `grpc` it is one over gRPC, with `h2c` one over HTTP/2.
    `subscribe` replaces its answer when it is asked what it subscribes to.
    """

    name: str
    questions: tuple[Question, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    app: bool = True
    subscribe: Respond | Fail | None = None
    grpc: bool = False
    h2c: bool = False

    @property
    def subscriptions(self) -> list[Mapping[str, Json]]:
        return [each for question in self.questions for each in question.subscriptions]


def _paths_of(subscription: Mapping[str, Json]) -> list[str]:
    """Where a subscription sends to, as the app sees it."""
    paths = [subscription.get("route")]
    routes = subscription.get("routes")
    if isinstance(routes, dict):
        rules = routes.get("rules")
        paths.append(routes.get("default"))
        paths += (
            [rule.get("path") for rule in rules if isinstance(rule, dict)] if isinstance(rules, list) else []
        )
    return ["/" + path.lstrip("/") for path in paths if isinstance(path, str) and path]


def ask(method: str, target: str, body: object = b"", /, **headers: str) -> Ask:
    """A request; a body that is not bytes or text goes as JSON. `_` in a header's name stands for `-`."""
    if isinstance(body, bytes):
        content = body
    else:
        content = (body if isinstance(body, str) else json.dumps(body)).encode()
    return Ask(method, target, content, {name.replace("_", "-"): value for name, value in headers.items()})


def after(seconds: float, request: Ask) -> Ask:
    """The request, made so much later."""
    return replace(request, pause=seconds)


def once_health_is(status: int, request: Ask) -> Ask:
    """The request, made when the sidecar has heard that the app's health checks answer `status`."""
    return replace(request, pause=0.3, health=status)


def responds(status: int = 200, body: object = b"", /, **headers: str) -> Respond:
    """An answer of the app, as `ask`."""
    made = ask("", "", body, **headers)
    return Respond(status, made.body, made.headers)


def answered(status: str) -> Respond:
    """The app's answer with one of Dapr's statuses."""
    return responds(200, {"status": status}, content_type="application/json")


def subscribed(topic: str, route: str = "", **more: Json) -> Mapping[str, Json]:
    """One item of `/dapr/subscribe`; the route is that of the topic's name unless told otherwise.

    `pubsub` names the component, `ps` if it is not given.
    """
    pubsub = more.pop("pubsub", "ps")
    return {"pubsubname": pubsub, "topic": topic, "route": route or f"/{topic}", **more}
