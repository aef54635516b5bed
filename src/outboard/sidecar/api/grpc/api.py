"""The gRPC API as one handler of every call: token, method, answer.

Source: Dapr, "Dapr API token authentication", "API logging"; daprd 1.18.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import grpc
from dapr.proto.runtime.v1 import dapr_pb2
from google.protobuf.message import Message
from grpc import StatusCode

from outboard.resources.configuration import ApiAccess, ApiLogging
from outboard.sidecar.api.grpc.access import is_allowed
from outboard.sidecar.api.grpc.call import (
    APP_ID,
    EMPTY,
    NO_METHOD,
    NO_PROXY,
    Call,
    Method,
    StatusRaised,
    StreamMethod,
    Undecodable,
)
from outboard.sidecar.api.grpc.errors import GrpcStatus, http_like, status_of
from outboard.sidecar.api.grpc.proxied import proxied
from outboard.sidecar.api.grpc.reflection import REFLECTION
from outboard.sidecar.api.unserved_calls import UnservedCalls
from outboard.sidecar.errors import ApiError
from outboard.sidecar.invocation.grpc.metadata import Pairs
from outboard.sidecar.invocation.grpc.proxy import GrpcProxy
from outboard.sidecar.invocation.grpc.relay import ProxiedCall
from outboard.sidecar.invocation.peers.status import go_name
from outboard.sidecar.invocation.peers.stream import to_its_end
from outboard.sidecar.logs import SidecarLog
from outboard.sidecar.metrics.call_meters import CallMeters
from outboard.wire import dapr

__all__ = ["GrpcApi", "GrpcSettings"]

SERVICE: Final = "dapr.proto.runtime.v1.Dapr"
NO_TOKEN: Final = "missing api token in request metadata"
OTHER_TOKEN: Final = "authentication error: api token mismatch"
UNDECODABLE: Final = "grpc: error unmarshalling request: proto: cannot parse invalid wire-format data"
STREAMED: Final = (None, None)
UNEXPECTED: Final = "unexpected error in the sidecar; its log says more"
RUNTIME: Final = "/dapr.proto.runtime."

SINGLE: Final = frozenset(
    f"/{SERVICE}/{each.name}"
    for each in dapr_pb2.DESCRIPTOR.services_by_name["Dapr"].methods
    if not each.client_streaming and not each.server_streaming
)
"""Paths of the methods that take one message and answer with one."""
ONE: Final = frozenset(
    f"/{SERVICE}/{each.name}"
    for each in dapr_pb2.DESCRIPTOR.services_by_name["Dapr"].methods
    if not each.client_streaming
)
"""Those and the ones that answer with a stream."""

Context = grpc.aio.ServicerContext[bytes, bytes]


@dataclass(frozen=True, slots=True)
class GrpcSettings:
    """`token` empty asks for none; with `token_optional` a call without one passes too."""

    max_body_bytes: int
    token: str = field(default="", repr=False)
    token_optional: bool = False
    access: ApiAccess = field(default_factory=ApiAccess)
    log_calls: ApiLogging = field(default_factory=ApiLogging)


class GrpcApi(grpc.GenericRpcHandler):
    """Takes each call as bytes: one message where it is known to be one, which costs the library less.

    On the wire a call of any kind is a stream, and so is taken what is not known.
    `methods` are those of Dapr's service, by name, and `streams` those that take a stream. A call of another
    one goes to `proxy`, if its metadata name an app.
    """

    def __init__(
        self,
        methods: Mapping[str, Method],
        streams: Mapping[str, StreamMethod],
        proxy: GrpcProxy,
        settings: GrpcSettings,
        unserved: UnservedCalls,
        log: SidecarLog,
        meters: CallMeters | None = None,
    ) -> None:
        self._methods = methods
        self._proxy = proxy
        self._streams = {f"/{SERVICE}/{name}": each for name, each in streams.items()}
        self._settings = settings
        self._token = settings.token.encode()
        self._unserved = unserved
        self._log = log
        self._meters = meters

    @property
    def max_message_bytes(self) -> int:
        """The size up to which a message is taken."""
        return self._settings.max_body_bytes

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        path = handler_call_details.method
        stream = self._streams.get(path)
        if stream is not None:
            return grpc.stream_stream_rpc_method_handler(partial(self._stream, path, stream))
        if self._method(path) is None and _names_app(handler_call_details):
            if (reflection := REFLECTION.get(path)) is not None:
                return grpc.stream_stream_rpc_method_handler(partial(self._stream, path, reflection))
            return grpc.stream_stream_rpc_method_handler(partial(self._proxied, path))

        if path in SINGLE:
            return grpc.unary_unary_rpc_method_handler(partial(self._single, path))

        async def handle(requests: AsyncIterator[bytes], context: Context) -> AsyncIterator[bytes]:
            yield await self._single(path, await _first(path, requests), context)

        return grpc.stream_stream_rpc_method_handler(handle)

    async def _single(self, path: str, request: bytes, context: Context) -> bytes:
        """Raises where the answer is a status, which is how the library tells it."""
        started = time.perf_counter()
        call = _call(context)
        answer = await self._answer(path, request, call)
        if call.told:
            await context.send_initial_metadata(tuple(call.told))
        reply = b"" if isinstance(answer, GrpcStatus) else answer.SerializeToString()
        self._told(path, context, answer, started, (len(request), len(reply)))
        if isinstance(answer, GrpcStatus):
            context.set_trailing_metadata((*call.trailers, *answer.trailers()))
            await context.abort(answer.code, answer.message)
        if call.trailers:
            context.set_trailing_metadata(tuple(call.trailers))
        return reply

    async def _stream(
        self, path: str, stream: StreamMethod, requests: AsyncIterator[bytes], context: Context
    ) -> None:
        """Raises at its end, which is how the library tells a status."""
        started, call = time.perf_counter(), _call(context)

        async def send(message: Message) -> None:
            await to_its_end(context.write(message.SerializeToString()))

        async def handle() -> GrpcStatus | Message:
            await stream.handle(aiter(requests), send, call)
            return EMPTY

        denied = self._denial(path) if path.startswith(RUNTIME) else None
        answer = self._refusal(call) or denied or await self._handled(path, handle)
        self._told(path, context, answer, started)
        if isinstance(answer, GrpcStatus):
            context.set_trailing_metadata(answer.trailers())
            await context.abort(answer.code, answer.message)

    async def _proxied(self, path: str, requests: AsyncIterator[bytes], context: Context) -> None:
        """A call of a service that is not Dapr's. Raises at its end, where that is a status."""
        started, call = time.perf_counter(), _call(context)
        answer = self._refusal(call) or (self._denial(path) if path.startswith(RUNTIME) else None)
        trailers: Pairs = () if answer is None else answer.trailers()
        if answer is None:
            sent = [item for item in call.sent if not self._token or item[0] != dapr.API_TOKEN_HEADER]
            ended = await proxied(self._proxy, ProxiedCall(path, sent, requests, context), call)
            answer, trailers = GrpcStatus(ended.code, ended.message), ended.trailers
        self._told(path, context, answer, started)
        context.set_trailing_metadata(tuple(trailers))
        if answer.code is not StatusCode.OK:
            await context.abort(answer.code, answer.message)

    def _method(self, path: str) -> Method | None:
        service, _, name = path.strip("/").rpartition("/")
        return self._methods.get(name) if service == SERVICE else None

    async def _answer(self, path: str, data: bytes, call: Call) -> Message | GrpcStatus:
        refusal = self._refusal(call)
        if refusal is not None:
            return refusal
        try:
            call.tell_baggage()
        except StatusRaised as raised:
            return raised.status
        found = self._method(path)
        if found is None:  # daprd takes it for one to another app
            of_dapr = path.strip("/").rpartition("/")[0] == SERVICE
            return GrpcStatus(StatusCode.UNKNOWN, NO_METHOD if of_dapr else NO_PROXY)
        denial = self._denial(path)
        if denial is not None:
            return denial
        if found.unserved:
            self._unserved.tell(found.unserved, path)
        return await self._handled(path, partial(found.handle, data, call))

    def _denial(self, path: str) -> GrpcStatus | None:
        if is_allowed(path.rpartition("/")[2], self._settings.access):
            return None
        return http_like(
            StatusCode.UNIMPLEMENTED, 501, "Not Implemented", "requested endpoint is not available"
        )

    async def _handled(
        self, path: str, handle: Callable[[], Awaitable[Message | GrpcStatus]]
    ) -> Message | GrpcStatus:
        try:
            return await handle()
        except ApiError as error:
            self._log.debug("%s", error)
            return status_of(error)
        except StatusRaised as raised:
            return raised.status
        except Undecodable:
            return GrpcStatus(StatusCode.INTERNAL, UNDECODABLE)
        except Exception:
            # The last line of defence: the app is told, the log has the traceback, the sidecar goes on.
            self._log.exception("unexpected error at %s", path)
            return GrpcStatus(StatusCode.INTERNAL, UNEXPECTED)

    def _refusal(self, call: Call) -> GrpcStatus | None:
        given = call.metadata.get(dapr.API_TOKEN_HEADER)
        if not self._token or (given is None and self._settings.token_optional):
            return None
        if given is not None and hmac.compare_digest(given.encode("utf-8"), self._token):
            return None
        message = NO_TOKEN if given is None else OTHER_TOKEN
        return http_like(StatusCode.UNAUTHENTICATED, 401, "Unauthorized", message)

    def _told(
        self,
        path: str,
        context: Context,
        answer: Message | GrpcStatus,
        started: float,
        sizes: tuple[int | None, int | None] = STREAMED,
    ) -> None:
        """Measure a call that has ended, and log it."""
        seconds = time.perf_counter() - started
        code = answer.code if isinstance(answer, GrpcStatus) else StatusCode.OK
        if self._meters is not None and (sizes == STREAMED or self._method(path) is not None):
            self._meters.served(path, go_name(code), seconds, *sizes)  # daprd counts none that is for nobody
        if self._settings.log_calls.enabled:
            self._log_call(path, context, code, seconds)

    def _log_call(self, path: str, context: Context, code: StatusCode, seconds: float) -> None:
        fields = {
            "method": path,
            "duration": f"{seconds * 1000:.0f}",
            "code": str(code.value[0]),
            "useragent": _call(context).metadata.get("user-agent", ""),
            "scope": "dapr.runtime.grpc.api-info",
        }
        self._log.info("gRPC API Called", extra=fields)


async def _first(path: str, requests: AsyncIterator[bytes]) -> bytes:
    """The request, or the first of a stream.

    Whoever sends one is heard to the end: an answer that comes before it is an error of the transport to some
    clients.
    """
    first = await anext(aiter(requests), b"")
    if path in ONE:
        async for _ in requests:
            pass
    return first


def _call(context: Context) -> Call:
    given = tuple(context.invocation_metadata() or ())
    return Call({str(name): value for name, value in given if isinstance(value, str)}, given)


def _names_app(details: grpc.HandlerCallDetails) -> bool:
    return any(name in APP_ID for name, _ in details.invocation_metadata or ())
