"""A pluggable component for tests: a gRPC server on a Unix socket, as anybody would write one for Dapr."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import grpc
import grpc.aio
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from outboard.resources.component import Component
from outboard.resources.loader import Resources
from outboard.sidecar.components.pluggable.messages import REFLECTION, Rpc, rpc
from outboard.sidecar.components.pluggable.services import PACKAGE, PUBSUB, SECRETS, STATE
from outboard.sidecar.components.pluggable.sockets import SOCKETS_FOLDER
from outboard.sidecar.runtime.options import Options
from outboard.sidecar.runtime.sidecar import Sidecar
from support.sidecars import AutojumpClock

__all__ = [
    "Context",
    "PluggedPubSub",
    "PluggedSecrets",
    "PluggedState",
    "Refusal",
    "plugged",
    "sidecar_beside",
]

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]
Answers: TypeAlias = AsyncIterator[Mapping[str, object]]
Unary: TypeAlias = Callable[[Any, Context], Awaitable[Mapping[str, object]]]
INSTANCE = "x-component-instance"


@dataclass
class Refusal(Exception):
    """What a call is answered with; `detail` goes into the status's details."""

    code: grpc.StatusCode
    message: str
    detail: Message | None = None

    async def abort(self, context: Context) -> None:
        trailers: tuple[tuple[str, bytes], ...] = ()
        if self.detail is not None:
            packed = AnyMessage()
            packed.Pack(self.detail)
            number: int = self.code.value[0]
            status = status_pb2.Status(code=number, message=self.message, details=[packed])
            trailers = (("grpc-status-details-bin", status.SerializeToString()),)
        await context.abort(self.code, self.message, trailers)


@dataclass
class Delivery:
    """A message for a subscriber, with what it said of it: None yet, "" for success, else its error."""

    topic: str
    data: bytes
    metadata: Mapping[str, str] = field(default_factory=dict)
    content_type: str = ""
    id: str = "m1"
    said: str | None = None
    settled: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class PluggedPubSub:
    """Keeps what is published, and hands over what a test gives it."""

    features: Sequence[str] = ()
    pausable: bool = True
    init: dict[str, str] = field(default_factory=dict)
    published: list[Any] = field(default_factory=list)
    instances: list[str] = field(default_factory=list)
    subscribed: list[Any] = field(default_factory=list)
    refusal: Refusal | None = None
    refused_topics: Sequence[str] = ()
    failing: Mapping[str, str] = field(default_factory=dict)
    """Of a bulk request, by what an event is: why it is not taken."""
    paused: int = 0
    ending: asyncio.Event = field(default_factory=asyncio.Event)
    """Set, every stream ends."""
    waiting: asyncio.Queue[Delivery] = field(default_factory=asyncio.Queue)
    open_streams: int = 0

    def hand_over(self, topic: str, data: bytes, **more: Any) -> Delivery:
        delivery = Delivery(topic, data, **more)
        self.waiting.put_nowait(delivery)
        return delivery

    @property
    def handlers(self) -> Sequence[tuple[Rpc, Any]]:
        return (
            (rpc(PUBSUB, "Init", "PubSubInitRequest", "PubSubInitResponse"), _unary(self._init)),
            (rpc(PUBSUB, "Features"), _unary(self._features)),
            (rpc(PUBSUB, "Publish"), _unary(self._publish)),
            (rpc(PUBSUB, "BulkPublish"), _unary(self._publish_many)),
            (rpc(PUBSUB, "Pause"), _unary(self._pause)),
            (rpc(PUBSUB, "PullMessages"), self._pull),
        )

    async def _init(self, request: Any, context: Context) -> Mapping[str, object]:
        self.init = dict(request.metadata.properties)
        if problem := self.init.get("refuse"):
            raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, problem)
        return {}

    async def _features(self, request: Any, context: Context) -> Mapping[str, object]:
        return {"features": list(self.features)}

    async def _publish(self, request: Any, context: Context) -> Mapping[str, object]:
        self.published.append(request)
        self.instances += [
            str(value) for name, value in context.invocation_metadata() or () if name == INSTANCE
        ]
        if self.refusal is not None:
            raise self.refusal
        if request.topic in self.refused_topics:
            raise Refusal(grpc.StatusCode.NOT_FOUND, "no such topic")
        return {}

    async def _publish_many(self, request: Any, context: Context) -> Mapping[str, object]:
        self.published.append(request)
        if self.refusal is not None:
            raise self.refusal
        failed = [
            {"entry_id": each.entry_id, "error": self.failing[each.event.decode()]}
            for each in request.entries
            if each.event.decode() in self.failing
        ]
        return {"failed_entries": failed}

    async def _pause(self, request: Any, context: Context) -> Mapping[str, object]:
        self.paused += 1
        if not self.pausable:
            raise Refusal(grpc.StatusCode.UNIMPLEMENTED, "pause not implemented")
        return {}

    async def _pull(self, requests: AsyncIterator[Any], context: Context) -> Answers:
        first = await anext(requests)
        self.subscribed.append(first.topic)
        unsettled: dict[str, Delivery] = {}
        reading = asyncio.create_task(_acknowledgements(requests, unsettled))
        ending = asyncio.create_task(self.ending.wait())
        self.open_streams += 1
        try:
            while True:
                taking = asyncio.create_task(self.waiting.get())
                await asyncio.wait((taking, reading, ending), return_when=asyncio.FIRST_COMPLETED)
                if not taking.done():
                    taking.cancel()
                    return
                each = taking.result()
                unsettled[each.id] = each
                yield {"data": each.data, "topic_name": each.topic, "metadata": dict(each.metadata),
                       "content_type": each.content_type, "id": each.id}  # fmt: skip
        finally:
            self.open_streams -= 1
            reading.cancel()
            ending.cancel()


@dataclass
class PluggedState:
    """Keys in memory; the ETag of a value counts how often it was set."""

    features: Sequence[str] = ("ETAG", "TRANSACTIONAL")
    most: int = 0
    kept: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    asked: list[tuple[str, Any]] = field(default_factory=list)
    """Each call by its name, with its request."""
    refusals: dict[str, Refusal] = field(default_factory=dict)
    """By the name of a call."""

    @property
    def handlers(self) -> Sequence[tuple[Rpc, Any]]:
        transactional = f"{PACKAGE}.TransactionalStateStore"
        messages = ("TransactionalStateRequest", "TransactionalStateResponse")
        return (
            (rpc(STATE, "Init"), self._serve("Init", self._nothing)),
            (rpc(STATE, "Features"), self._serve("Features", self._features)),
            (rpc(STATE, "Get"), self._serve("Get", self._get)),
            (rpc(STATE, "Set"), self._serve("Set", self._set)),
            (rpc(STATE, "Delete"), self._serve("Delete", self._delete)),
            (rpc(STATE, "BulkGet"), self._serve("BulkGet", self._get_many)),
            (rpc(STATE, "BulkSet"), self._serve("BulkSet", self._set_many)),
            (rpc(STATE, "BulkDelete"), self._serve("BulkDelete", self._delete_many)),
            (rpc(transactional, "Transact", *messages), self._serve("Transact", self._transact)),
            (rpc(f"{PACKAGE}.QueriableStateStore", "Query"), self._serve("Query", self._query)),
            (
                rpc(f"{PACKAGE}.TransactionalStoreMultiMaxSize", "MultiMaxSize"),
                self._serve("MultiMaxSize", self._most),
            ),
        )

    def names(self) -> list[str]:
        """The calls, but for those of the start."""
        return [name for name, _ in self.asked if name not in {"Init", "Features", "MultiMaxSize"}]

    def _serve(self, name: str, handle: Callable[[Any], Mapping[str, object]]) -> Any:
        async def served(request: Any, context: Context) -> Mapping[str, object]:
            self.asked.append((name, request))
            if name in self.refusals:
                raise self.refusals[name]
            return handle(request)

        return _unary(served)

    def _nothing(self, request: Any) -> Mapping[str, object]:
        return {}

    def _features(self, request: Any) -> Mapping[str, object]:
        return {"features": list(self.features)}

    def _get(self, request: Any) -> Mapping[str, object]:
        return self._item(request.key)

    def _get_many(self, request: Any) -> Mapping[str, object]:
        there = [each.key for each in reversed(request.items) if each.key in self.kept]
        return {"items": [{"key": key, **self._item(key)} for key in there]}

    def _set(self, request: Any) -> Mapping[str, object]:
        version = self.kept.get(request.key, (b"", 0))[1]
        self._check(request, version)
        self.kept[request.key] = (request.value, version + 1)
        return {}

    def _set_many(self, request: Any) -> Mapping[str, object]:
        for each in request.items:
            self._set(each)
        return {}

    def _delete(self, request: Any) -> Mapping[str, object]:
        if request.key in self.kept:
            self._check(request, self.kept[request.key][1])
            del self.kept[request.key]
        return {}

    def _delete_many(self, request: Any) -> Mapping[str, object]:
        for each in request.items:
            self._delete(each)
        return {}

    def _transact(self, request: Any) -> Mapping[str, object]:
        for each in request.operations:
            if each.HasField("set"):
                self._set(each.set)
            else:
                self._delete(each.delete)
        return {}

    def _query(self, request: Any) -> Mapping[str, object]:
        keys = sorted(self.kept)[: request.query.pagination.limit or None]
        items = [{"key": key, "data": self.kept[key][0]} for key in keys]
        return {"items": items, "token": "next", "metadata": {"of": "store"}}

    def _most(self, request: Any) -> Mapping[str, object]:
        return {"max_size": self.most}

    def _item(self, key: str) -> Mapping[str, object]:
        if key not in self.kept:
            return {}
        data, version = self.kept[key]
        return {"data": data, "etag": {"value": str(version)}, "metadata": {"kind": "test"}}

    def _check(self, request: Any, version: int) -> None:
        if request.HasField("etag") and request.etag.value != str(version):
            number = request.etag.value.isdecimal()
            code = grpc.StatusCode.FAILED_PRECONDITION if number else grpc.StatusCode.INVALID_ARGUMENT
            violation = error_details_pb2.BadRequest.FieldViolation(field="etag", description="it is another")
            raise Refusal(code, "no", error_details_pb2.BadRequest(field_violations=[violation]))


@dataclass
class PluggedSecrets:
    """Secrets by name, each with its keys."""

    secrets: Mapping[str, Mapping[str, str]]
    init: dict[str, str] = field(default_factory=dict)

    @property
    def handlers(self) -> Sequence[tuple[Rpc, Any]]:
        return (
            (rpc(SECRETS, "Init", "SecretStoreInitRequest", "SecretStoreInitResponse"), _unary(self._init)),
            (rpc(SECRETS, "Features"), _unary(self._features)),
            (rpc(SECRETS, "Get", "GetSecretRequest", "GetSecretResponse"), _unary(self._get)),
            (rpc(SECRETS, "BulkGet", "BulkGetSecretRequest", "BulkGetSecretResponse"), _unary(self._get_all)),
        )

    async def _init(self, request: Any, context: Context) -> Mapping[str, object]:
        self.init = dict(request.metadata.properties)
        return {}

    async def _features(self, request: Any, context: Context) -> Mapping[str, object]:
        return {"features": ["MULTIPLE_KEY_VALUES_PER_SECRET"]}

    async def _get(self, request: Any, context: Context) -> Mapping[str, object]:
        if request.key not in self.secrets:
            raise Refusal(grpc.StatusCode.NOT_FOUND, "no such secret")
        return {"data": dict(self.secrets[request.key])}

    async def _get_all(self, request: Any, context: Context) -> Mapping[str, object]:
        return {"data": {name: {"secrets": dict(keys)} for name, keys in self.secrets.items()}}


async def _acknowledgements(requests: AsyncIterator[Any], unsettled: Mapping[str, Delivery]) -> None:
    async for request in requests:
        delivery = unsettled[request.ack_message_id]
        delivery.said = request.ack_error.message if request.HasField("ack_error") else ""
        delivery.settled.set()


def _unary(handle: Unary) -> Callable[[AsyncIterator[Any], Context], AsyncIterator[Mapping[str, object]]]:
    async def handler(requests: AsyncIterator[Any], context: Context) -> Answers:
        request = await anext(requests)
        try:
            answer = await handle(request, context)
        except Refusal as refusal:
            await refusal.abort(context)
        yield answer

    return handler


@asynccontextmanager
async def sidecar_beside(folder: Path, *components: Component, **more: Any) -> AsyncIterator[Sidecar]:
    """A sidecar called `api` with `components`, whose sockets are in `folder`; `more` is for Sidecar."""
    resources = Resources(components, resiliencies=more.pop("resiliencies", ()))
    environment = {SOCKETS_FOLDER: str(folder)}
    clock = more.pop("clock", None) or AutojumpClock()
    sidecar = Sidecar(Options("api"), resources, clock=clock, environment=environment, **more)
    async with sidecar.running():
        yield sidecar


@asynccontextmanager
async def plugged(folder: Path, name: str, *components: Any) -> AsyncIterator[Path]:
    """Serve `components` on a socket called `name`, with reflection, while the block runs: its path."""
    handlers = {call.path: _handler(call, handle) for each in components for call, handle in each.handlers}
    services = sorted({path.split("/")[1] for path in handlers})
    handlers[REFLECTION[0].path] = _handler(REFLECTION[0], _listing(services))
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((_Routing(handlers),))
    path = folder / f"{name}.sock"
    server.add_insecure_port(f"unix:{path}")
    await server.start()
    try:
        yield path
    finally:
        await server.stop(None)
        with contextlib.suppress(FileNotFoundError):
            path.unlink()


def _listing(services: Sequence[str]) -> Any:
    async def handler(requests: AsyncIterator[Any], context: Context) -> Answers:
        async for _ in requests:
            yield {"list_services_response": {"service": [{"name": each} for each in services]}}

    return handler


def _handler(call: Rpc, handle: Any) -> Any:
    async def serve(requests: AsyncIterator[Any], context: Context) -> AsyncIterator[Message]:
        async for answer in handle(requests, context):
            yield call.response(**answer)

    return grpc.stream_stream_rpc_method_handler(
        serve, call.request.FromString, lambda message: message.SerializeToString()
    )


class _Routing(grpc.GenericRpcHandler):
    def __init__(self, handlers: Mapping[str, Any]) -> None:
        self._handlers = handlers

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        return self._handlers.get(str(details.method))
