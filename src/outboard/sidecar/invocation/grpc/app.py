"""The app that speaks gRPC: the channel to it, and the method by which it is called.

Source: Dapr, `dapr/proto/runtime/v1/appcallback.proto`, `OnInvoke`; daprd 1.18.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Final, TypeAlias

import grpc.aio
from dapr.proto.common.v1 import common_pb2
from google.protobuf.message import DecodeError
from google.rpc import status_pb2
from grpc import StatusCode

from outboard.sidecar.channel.grpc.exchange import channel_to
from outboard.sidecar.channel.grpc.metadata import metadata_problem
from outboard.sidecar.invocation.grpc.metadata import Pairs, as_headers, of_a_call
from outboard.sidecar.invocation.headers import first
from outboard.sidecar.invocation.peers.answers import grpc_answer
from outboard.sidecar.invocation.peers.status import by_number, go_name
from outboard.sidecar.invocation.values import (
    AnswerBody,
    AppCall,
    GrpcAnswer,
    InvocationAnswer,
    InvocationFailed,
)
from outboard.sidecar.metrics.call_meters import CallMeters

__all__ = ["Channel", "GrpcApp", "GrpcAppPlace"]

Channel: TypeAlias = grpc.aio.Channel

MOST_CALLS: Final = 100
ON_INVOKE: Final = "/dapr.proto.runtime.v1.AppCallback/OnInvoke"
DETAILS: Final = "grpc-status-details-bin"


class GrpcAppPlace:
    """Where an app is. Connections are opened as calls need them, and kept.

    Each has so many calls at a time as servers of gRPC mostly allow.
    """

    def __init__(self, host: str, port: int, max_body_bytes: int, *, secure: bool) -> None:
        self._where = (host, port, max_body_bytes)
        self._secure = secure
        self._stack = AsyncExitStack()
        self._connections: list[_Connection] = []
        self._opening = asyncio.Lock()

    @asynccontextmanager
    async def channel(self) -> AsyncIterator[Channel]:
        """A channel to the app, for one call: the block."""
        connection = await self._free()
        connection.calls += 1
        try:
            yield connection.channel
        finally:
            connection.calls -= 1

    async def _free(self) -> _Connection:
        async with self._opening:
            for each in self._connections:
                if each.calls < MOST_CALLS:
                    return each
            opened = channel_to(*self._where, secure=self._secure)
            self._connections.append(_Connection(await self._stack.enter_async_context(opened)))
            return self._connections[-1]

    async def aclose(self) -> None:
        """What is under way is given up."""
        await self._stack.aclose()


@dataclass(slots=True)
class _Connection:
    channel: Channel
    calls: int = 0


class GrpcApp:
    """AppCaller of the app at `place`, which is shown `token`."""

    def __init__(self, place: GrpcAppPlace, token: str = "", meters: CallMeters | None = None) -> None:
        self._place = place
        self._token = token
        self._meters = meters

    async def invoke(self, call: AppCall) -> InvocationAnswer:
        """Whatever it ends with is an answer. Raises InvocationFailed for what cannot be sent."""
        metadata = of_a_call(call, self._token)
        if problem := metadata_problem({name: str(value) for name, value in metadata}):
            return grpc_answer(GrpcAnswer(StatusCode.INTERNAL.value[0], problem), ())
        data = b"".join([chunk async for chunk in call.body.chunks()])
        request, started = _request(call, data).SerializeToString(), perf_counter()
        async with self._place.channel() as channel:
            answer = await _answered(channel, request, metadata)
        if self._meters is not None and answer.grpc is not None:
            status, seconds = go_name(by_number(answer.grpc.number)), perf_counter() - started
            self._meters.called_app(ON_INVOKE, status, seconds, len(request), len(answer.data or b""))
        return answer


async def _answered(channel: Channel, request: bytes, metadata: Pairs) -> InvocationAnswer:
    on_invoke: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(ON_INVOKE)
    calling = on_invoke(request, metadata=tuple(metadata))
    try:
        reply = common_pb2.InvokeResponse.FromString(await calling)
    except grpc.aio.AioRpcError:
        return await _failed(calling)
    except DecodeError as error:
        raise InvocationFailed(f"the answer of the app is no InvokeResponse: {error}") from error
    trailers = as_headers(await calling.trailing_metadata() or ())
    answer = GrpcAnswer(0, trailers=trailers, content_type=reply.content_type, type_url=reply.data.type_url)
    headers = as_headers(await calling.initial_metadata() or ())
    return grpc_answer(answer, headers, AnswerBody.of(reply.data.value))


def _request(call: AppCall, data: bytes) -> common_pb2.InvokeRequest:
    request = common_pb2.InvokeRequest(method=call.method, content_type=first(call.headers, "content-type"))
    request.data.value, request.data.type_url = data, call.type_url
    if call.verb:
        request.http_extension.verb = common_pb2.HTTPExtension.Verb.Value(call.verb)
        request.http_extension.querystring = call.query
    return request


async def _failed(calling: grpc.aio.UnaryUnaryCall[bytes, bytes]) -> InvocationAnswer:
    try:
        code = await calling.code()
    except KeyError:  # a number that the library does not know
        code = StatusCode.UNKNOWN
    trailers: Pairs = tuple(await calling.trailing_metadata() or ())
    told = next((value for name, value in trailers if name == DETAILS and isinstance(value, bytes)), b"")
    details = [(each.type_url, each.value) for each in status_pb2.Status.FromString(told).details]
    number: int = code.value[0]
    answer = GrpcAnswer(number, await calling.details() or "", details, as_headers(trailers))
    return grpc_answer(answer, as_headers(await calling.initial_metadata() or ()))
