"""The app beside a sidecar, over gRPC: it keeps each call and answers as the questions say."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, TypeAlias, cast

import grpc
from dapr.proto.runtime.v1 import appcallback_pb2 as callback
from google.protobuf import json_format
from google.protobuf.message import Message

from conformance.app import App, Received
from conformance.question import AppAnswer, Close, Entries, Fail, Garbage, Hang, Late, Respond
from outboard.gojson.values import Json

__all__ = ["GrpcApp"]

RUNTIME: Final = "/dapr.proto.runtime.v1."
LISTING: Final = "AppCallback/ListTopicSubscriptions"
HEALTH: Final = "AppCallbackHealthCheck/HealthCheck"
SINGLE: Final = "AppCallback/OnTopicEvent"
BULK: Final = frozenset({"AppCallback/OnBulkTopicEvent", "AppCallbackAlpha/OnBulkTopicEventAlpha1"})
OK: Final = 200
STATUSES: Final = callback.TopicEventResponse.TopicEventResponseStatus
Status: TypeAlias = callback.TopicEventResponse.TopicEventResponseStatus.ValueType

Context = grpc.aio.ServicerContext[bytes, bytes]


class GrpcApp(App):
    """`subscriptions` are what it tells of, as an app over HTTP would; `failing` is what it does instead.

    The statuses of `Respond` are those of HTTP: 200 is a reply, whose `status` is read from its JSON; another
    one as the status of a health check is `UNAVAILABLE`.
    """

    def __init__(self, subscriptions: Sequence[Mapping[str, Json]], failing: Fail | None) -> None:
        super().__init__(Respond())
        self._listed = [_subscription(each) for each in subscriptions]
        self._failing = failing

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
        server.add_generic_rpc_handlers([_Handler(self._call)])
        self.port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            yield
        finally:
            await server.stop(0)

    async def _call(self, name: str, data: bytes, context: Context) -> bytes:
        metadata = tuple(sorted(_metadata_item(*item) for item in context.invocation_metadata() or ()))
        if name == LISTING:
            await self._answer(Received(name, "/dapr/subscribe", metadata, b""))
            if self._failing is not None:
                await _fail(context, self._failing)
            return callback.ListTopicSubscriptionsResponse(subscriptions=self._listed).SerializeToString()
        if name == HEALTH:
            answer = await self._answer(Received(name, "/healthz", metadata, b""))
            if isinstance(answer, Respond) and answer.status != OK:
                await _fail(context, Fail("UNAVAILABLE"))
            return b""
        if name == SINGLE:
            single = callback.TopicEventRequest.FromString(data)
            received = Received(name, "/" + single.path.lstrip("/"), metadata, _as_json(single))
            answer = await _settled(await self._answer(received), context)
            return callback.TopicEventResponse(status=_status(answer)).SerializeToString()
        if name in BULK:
            batch = callback.TopicEventBulkRequest.FromString(data)
            received = Received(name, "/" + batch.path.lstrip("/"), metadata, _as_json(batch))
            answer = await _settled(await self._answer(received), context)
            return _bulk(answer, batch).SerializeToString()
        await self._answer(Received(name, f"/other/{name}", metadata, data))
        await _fail(context, Fail("UNIMPLEMENTED"))
        return b""


class _Handler(grpc.GenericRpcHandler):
    def __init__(self, call: Callable[[str, bytes, Context], Awaitable[bytes]]) -> None:
        self._call = call

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        name = handler_call_details.method.removeprefix(RUNTIME)

        async def handle(data: bytes, context: Context) -> bytes:
            return await self._call(name, data, context)

        return grpc.unary_unary_rpc_method_handler(handle)


async def _settled(answer: AppAnswer, context: Context) -> AppAnswer:
    if isinstance(answer, Late):
        await asyncio.sleep(answer.seconds)
        answer = answer.answer
    if isinstance(answer, Hang):
        await asyncio.Event().wait()
    if isinstance(answer, Fail):
        await _fail(context, answer)
    assert not isinstance(answer, Close | Garbage), "an answer of HTTP"
    return answer


async def _fail(context: Context, failing: Fail) -> None:
    await context.abort(grpc.StatusCode[failing.code], failing.message)


def _status(answer: AppAnswer) -> Status:
    told = json.loads(answer.body or b"{}") if isinstance(answer, Respond) else {}
    return _numbered(str(told.get("status", "SUCCESS")))


def _numbered(status: str) -> Status:
    number = int(status) if status.isdecimal() else STATUSES.Value(status)
    return cast("Status", number)


def _bulk(answer: AppAnswer, batch: callback.TopicEventBulkRequest) -> callback.TopicEventBulkResponse:
    if not isinstance(answer, Entries):
        return callback.TopicEventBulkResponse()
    ids = [entry.entry_id for entry in batch.entries]
    told = [*answer.statuses, *(answer.statuses[-1:] * len(ids))]
    entries = [*zip(ids, told, strict=False), *((stranger, "SUCCESS") for stranger in answer.strangers)]
    return callback.TopicEventBulkResponse(
        statuses=[
            callback.TopicEventBulkResponseEntry(entry_id=entry_id, status=_numbered(status))
            for entry_id, status in entries
        ]
    )


def _subscription(told: Mapping[str, Json]) -> callback.TopicSubscription:
    """Of an item as an app over HTTP tells it; without a route it has no routes at all."""
    routes = told.get("routes") or ({"default": told["route"]} if told.get("route") else None)
    item = {
        "pubsubName": told["pubsubname"],
        "topic": told["topic"],
        "metadata": told.get("metadata"),
        "routes": routes,
        "deadLetterTopic": told.get("deadLetterTopic"),
        "bulkSubscribe": told.get("bulkSubscribe"),
    }
    given = {name: value for name, value in item.items() if value is not None}
    return json_format.ParseDict(given, callback.TopicSubscription())


def _as_json(message: Message) -> bytes:
    """The message with data as text, so that both texts and bytes can be read and masked.

    An event as data stays in base64: the mask compares it by value.
    """
    told = json_format.MessageToDict(message, preserving_proto_field_name=True)
    entries = told.get("entries", [])
    for each in (told, *entries, *(entry.get("cloud_event", {}) for entry in entries)):
        for name in ("data", "bytes"):
            data = base64.b64decode(each.get(name, ""))
            if data and b'"specversion"' not in data:
                each[name] = data.decode("utf-8", "backslashreplace")
    return json.dumps(told).encode()


def _metadata_item(name: str, value: str | bytes) -> tuple[str, str]:
    """A trace in its binary form is written as its text."""
    if isinstance(value, str):
        return name, value
    if name == "grpc-trace-bin" and len(value) == struct.calcsize("=BB16sB8sBB"):
        version, _, trace, _, span, _, flags = struct.unpack("=BB16sB8sBB", value)
        return name, f"{version:02x}-{trace.hex()}-{span.hex()}-{flags:02x}"
    return name, value.hex()
