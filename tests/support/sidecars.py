"""What the sidecar's tests stand on: a clock that nobody waits for, a scripted app, a way to call."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from outboard.gojson.values import Json
from outboard.hops.record import Hop, HopKind
from outboard.resources.component import Component, MetadataItem
from outboard.resources.loader import Resources
from outboard.sidecar.components.context import SharedMemory
from outboard.sidecar.runtime.options import Options
from outboard.sidecar.runtime.sidecar import Sidecar
from outboard.wire.http import ExchangeFailed, Request, Response

__all__ = ["Answer", "AutojumpClock", "Hops", "ScriptedApp", "call", "component", "json_of", "sidecar_for"]

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class AutojumpClock:
    """Sleeping moves it on at once, and gives everybody else a turn."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += max(seconds, 0)
        await asyncio.sleep(0)


class Hops:
    """Keeps every hop, and lets a test wait for one."""

    wants_envelopes = True

    def __init__(self) -> None:
        self.all: list[Hop] = []
        self._more = asyncio.Event()

    @property
    def records_all(self) -> bool:
        return False  # no message gets a place, so that it stays equal to what a test expects

    @property
    def may_wait(self) -> bool:
        return False

    def chosen(
        self, kind: HopKind, pubsub: str, topic: str, event_ids: Sequence[str], attempt: int = 0,
        outcome: str = "",
    ) -> Sequence[int]:  # fmt: skip
        return range(len(event_ids))

    def wants_data(self, event_id: str) -> bool:
        return False

    def __call__(self, hop: Hop) -> None:
        self.all.append(hop)
        self._more.set()

    def of(self, kind: HopKind) -> list[Hop]:
        return [hop for hop in self.all if hop.kind is kind]

    async def until(self, kind: HopKind, count: int = 1) -> list[Hop]:
        """Wait until there are so many hops of `kind`; a test that waits in vain is ended by its timeout."""
        while len(self.of(kind)) < count:
            self._more.clear()
            await self._more.wait()
        return self.of(kind)


class ManyHops(Hops):
    """Of a process that has very many events."""

    @property
    def may_wait(self) -> bool:
        return True


class ScriptedApp:
    """Answers each path with what was prepared for it, then with 200; keeps what it was sent."""

    def __init__(self, subscriptions: Json = None) -> None:
        self.requests: list[Request] = []
        self.answers: defaultdict[str, deque[Response | ExchangeFailed]] = defaultdict(deque)
        self.gates: dict[str, asyncio.Event] = {}
        self._arrived = asyncio.Event()
        if subscriptions is not None:
            self.answer("/dapr/subscribe", Response(200, body=json.dumps(subscriptions).encode()))

    def answer(self, path: str, *answers: Response | ExchangeFailed) -> None:
        self.answers[path].extend(answers)

    async def __call__(self, request: Request, timeout: float | None) -> Response:
        self.requests.append(request)
        self._arrived.set()
        if request.target in self.gates:
            await self.gates[request.target].wait()
        await asyncio.sleep(0)
        prepared = self.answers[request.target]
        if not prepared:
            return Response(404 if request.target == "/dapr/subscribe" else 200)
        answer = prepared.popleft()
        if isinstance(answer, ExchangeFailed):
            raise answer
        return answer

    def sent_to(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.target == path]

    async def called(self, path: str) -> None:
        """Return once there was a request to `path`."""
        while not self.sent_to(path):
            self._arrived.clear()
            await self._arrived.wait()

    def events_at(self, path: str) -> list[dict[str, Any]]:
        return [json.loads(request.body) for request in self.sent_to(path)]


@dataclass(frozen=True)
class Answer:
    """What the API answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=True)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def call(
    api: Callable[..., Any], method: str, target: str, body: bytes | Json = b"", **headers: str
) -> Answer:
    """Ask the ASGI application; an underscore in a header's name stands for a hyphen."""
    raw_path, _, query = target.partition("?")
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    scope = {
        "type": "http",
        "method": method,
        "path": raw_path,
        "raw_path": raw_path.encode(),
        "query_string": query.encode(),
        "headers": [(key.replace("_", "-").encode(), value.encode()) for key, value in headers.items()],
    }
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await api(scope, receive, send)
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], found, b"".join(message.get("body", b"") for message in sent[1:]))


def json_of(status: str) -> Response:
    """An app's answer with a status."""
    return Response(200, body=json.dumps({"status": status}).encode())


def component(name: str, type: str, **metadata: str) -> Component:
    items = tuple(MetadataItem(key, value) for key, value in metadata.items())
    return Component(name, type, metadata=items, path=Path("components.yaml"), line=1)


def sidecar_for(
    app: ScriptedApp | None,
    resources: Resources,
    hops: Hops,
    memory: SharedMemory | None = None,
    **options: Any,
) -> Sidecar:
    """A sidecar named `api` whose delays take no time, with counted ids."""
    ids = iter(range(1, 1_000_000))
    return Sidecar(
        Options("api", **options),
        resources,
        memory=memory,
        clock=AutojumpClock(),
        channel=app,
        recorder=hops,
        random=lambda: 0.5,
        new_id=lambda: f"id-{next(ids)}",
        environment={},
    )
