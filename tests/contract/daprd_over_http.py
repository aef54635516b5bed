"""daprd's own components behind the ports of ours: a real daprd process, asked over HTTP.

A subscription is a file that daprd, which watches its folder, takes up and lets go. What is published and
what is delivered is raw, so that data and metadata come through as the component has them.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from conformance.app import App, Received
from conformance.question import AppAnswer, Close, Group, Respond
from conformance.questions.files import component as named_component
from conformance.questions.files import subscription_v2
from conformance.sidecars import Program, Running, started, until_ready
from contract.promises import PATIENCE
from outboard.gojson.values import Json
from outboard.sidecar.components.port import (
    BulkBounds,
    BulkHandler,
    ComponentError,
    Message,
    MessageHandler,
    NotAcknowledged,
    PubSubTraits,
)

__all__ = ["DaprdBulkPubSub", "DaprdPubSub", "component", "connected", "running_daprd"]

NAME = "contract"
QUIET = ("--log-level=warn", "--dapr-graceful-shutdown-seconds=1")
OF_HTTP = frozenset(
    ["accept-encoding", "connection", "content-length", "content-type", "host", "pubsubname", "user-agent"]
)
ANSWERING = 0.5
"""Seconds: an answer that takes longer at the end of a subscription is not given any more."""
CAPITALS = {"partitionkey": "partitionKey"}
"""HTTP does not tell how a name was written; this one is asked for by its own spelling."""

Answering = Callable[[Received], Awaitable[AppAnswer]]


@dataclass
class _Subscription:
    """What answers its deliveries, and the answers that are being made."""

    answer: Answering
    in_hand: set[asyncio.Task[AppAnswer]] = field(default_factory=set)


class _ConsumingApp(App):
    """Answers a delivery by the subscription whose route it came to."""

    def __init__(self) -> None:
        super().__init__(Respond(200, b"[]"))
        self.subscriptions: dict[str, _Subscription] = {}

    async def _answer(self, received: Received) -> AppAnswer:
        subscription = self.subscriptions.get(received.path)
        if subscription is None:
            return await super()._answer(received) if received.method == "GET" else Respond(503)
        task = asyncio.ensure_future(subscription.answer(received))
        subscription.in_hand.add(task)
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()
            subscription.in_hand.discard(task)
        return Close() if task.cancelled() else task.result()


class DaprdPubSub:
    """A pub/sub component of the daprd that `client` asks; its subscriptions are files in `resources`."""

    def __init__(
        self, client: httpx.AsyncClient, resources: Path, app: _ConsumingApp, redelivers: bool
    ) -> None:
        self.traits = PubSubTraits(redelivers=redelivers)
        self._client = client
        self._resources = resources
        self._app = app
        self._routes = (f"/deliveries/{number}" for number in count(1))
        self._closing = AsyncExitStack()
        self._in_order_of_calls = asyncio.Lock()  # requests at the same time have no order

    async def publish(self, topic: str, message: Message) -> None:
        async with self._in_order_of_calls:
            answer = await self._client.post(
                f"/v1.0/publish/{NAME}/{quote(topic, safe='')}",
                content=message.data,
                params={f"metadata.{name}": value for name, value in _raw(message.metadata).items()},
                headers={"content-type": message.content_type or "application/octet-stream"},
            )
        _expect(answer)

    async def consume(
        self, topic: str, metadata: Mapping[str, str], handle: MessageHandler, subscribed: Callable[[], None]
    ) -> None:
        async def answer(received: Received) -> AppAnswer:
            try:
                await handle(_message(received))
            except NotAcknowledged:
                return Respond(500)
            return Respond(200)

        await self._consume(topic, metadata, answer, subscribed)

    async def close(self) -> None:
        await self._closing.aclose()

    async def _consume(
        self,
        topic: str,
        metadata: Mapping[str, str],
        answer: Answering,
        subscribed: Callable[[], None],
        bulk: Json = None,
    ) -> None:
        route = next(self._routes)
        self._app.subscriptions[route] = _Subscription(answer)
        file = self._resources / f"{Path(route).name}-subscription.yaml"
        text = subscription_v2(
            file.stem, topic, {"default": route}, NAME, metadata={**_raw(metadata)}, bulkSubscribe=bulk
        )
        unseen = file.with_suffix(".written")
        unseen.write_text(text, encoding="utf-8")
        unseen.rename(file)
        try:
            await self._until_listed(topic, True)
            subscribed()
            await asyncio.Event().wait()
        finally:
            await self._leave(topic, route, file)

    async def _leave(self, topic: str, route: str, file: Path) -> None:
        """Where an answer is outstanding, by ending daprd: it takes a broken connection for a refusal."""
        in_hand = frozenset(self._app.subscriptions[route].in_hand)
        if in_hand and (await asyncio.wait(in_hand, timeout=ANSWERING))[1]:
            await self.close()
            return
        file.unlink()  # noqa: ASYNC240 - of this machine
        await self._until_listed(topic, False)
        del self._app.subscriptions[route]

    async def _until_listed(self, topic: str, listed: bool) -> None:
        async with asyncio.timeout(PATIENCE):
            while listed != (topic in await self._topics()):  # noqa: ASYNC110 - daprd tells nobody
                await asyncio.sleep(0.02)

    async def _topics(self) -> set[str]:
        found = (await self._client.get("/v1.0/metadata")).json()
        return {each["topic"] for each in found.get("subscriptions", [])}


class DaprdBulkPubSub(DaprdPubSub):
    """One that daprd's own code publishes to, and consumes from, in batches."""

    def __init__(
        self, client: httpx.AsyncClient, resources: Path, app: _ConsumingApp, redelivers: bool
    ) -> None:
        super().__init__(client, resources, app, redelivers)
        self.traits = replace(self.traits, orders_bulk=True)

    async def publish_many(self, topic: str, messages: Sequence[Message]) -> Mapping[int, ComponentError]:
        entries = [
            {
                "entryId": str(index),
                "event": base64.b64encode(message.data).decode(),
                "contentType": "application/octet-stream",
                "metadata": dict(message.metadata),
            }
            for index, message in enumerate(messages)
        ]
        answer = await self._client.post(
            f"/v1.0/publish/bulk/{NAME}/{quote(topic, safe='')}",
            json=entries,
            params={"metadata.rawPayload": "true"},
        )
        if answer.status_code == 204:
            return {}
        failed = answer.json().get("failedEntries")
        if failed is None:
            return dict.fromkeys(range(len(messages)), ComponentError(answer.text))
        return {int(each["entryId"]): ComponentError(each["error"]) for each in failed}

    async def consume_bulk(
        self,
        topic: str,
        metadata: Mapping[str, str],
        bounds: BulkBounds,
        handle: BulkHandler,
        subscribed: Callable[[], None],
    ) -> None:
        async def answer(received: Received) -> AppAnswer:
            entries = json.loads(received.body)["entries"]
            outcomes = await handle([_entry(entry) for entry in entries])
            statuses = [
                {"entryId": entry["entryId"], "status": "RETRY" if outcome else "SUCCESS"}
                for entry, outcome in zip(entries, outcomes, strict=True)
            ]
            body = json.dumps({"statuses": statuses}).encode()
            return Respond(200, body, {"content-type": "application/json"})

        bulk: Json = {
            "enabled": True,
            "maxMessagesCount": bounds.max_messages,
            "maxAwaitDurationMs": int(bounds.max_await * 1_000),
        }
        await self._consume(topic, metadata, answer, subscribed, bulk)


async def connected(daprd: Path, folder: Path, document: str, redelivers: bool = False) -> DaprdPubSub:
    """A daprd of its own with the component of that `document`, until it is closed.

    What daprd does in batches itself is what its metadata says; whether the component `redelivers`, nothing.
    """
    async with AsyncExitStack() as running:
        app = _ConsumingApp()
        await running.enter_async_context(app.serving())
        client = await running.enter_async_context(running_daprd(daprd, folder, document, app))
        (loaded,) = (await client.get("/v1.0/metadata")).json()["components"]
        made = DaprdBulkPubSub if "BULK_PUBSUB" in loaded.get("capabilities", ()) else DaprdPubSub
        pubsub = made(client, folder / "resources", app, redelivers)
        pubsub._closing.push_async_callback(running.pop_all().aclose)
        return pubsub


@asynccontextmanager
async def running_daprd(
    daprd: Path, folder: Path, document: str, app: App | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a daprd with the component of that `document`, beside `app` if there is one."""
    group = Group(NAME, (), {"component.yaml": document}, app=app is not None, flags=QUIET)
    nobody = App(Respond(404))
    async with started(Program("daprd", (str(daprd),)), group, folder, app or nobody) as sidecar:
        await until_ready(sidecar)
        async with httpx.AsyncClient(base_url=_url(sidecar), trust_env=False, timeout=PATIENCE) as client:
            yield client


def component(kind: str, **metadata: str) -> str:
    """The resource file of a component of that type."""
    return named_component(NAME, kind, **metadata)


def _raw(metadata: Mapping[str, str]) -> Mapping[str, str]:
    return {**metadata, "rawPayload": "true"}


def _message(received: Received) -> Message:
    event = json.loads(received.body)
    metadata = {
        CAPITALS.get(name, name): value.encode("latin-1").decode()
        for name, value in received.headers
        if name not in OF_HTTP
    }
    return Message(base64.b64decode(event["data_base64"]), metadata)


def _entry(entry: Mapping[str, Any]) -> Message:
    return Message(base64.b64decode(entry["event"]), entry["metadata"] or {})


def _url(sidecar: Running) -> str:
    return f"http://127.0.0.1:{sidecar.port}"


def _expect(answer: httpx.Response) -> None:
    if not answer.is_success:
        raise ComponentError(answer.json()["message"])
