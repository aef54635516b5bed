"""Calls of other apps: the method for it, which a client without a stub of the other app uses.

Source: Dapr, "Service invocation API reference"; daprd 1.18 for statuses and metadata.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from http import HTTPStatus
from typing import Final

from dapr.proto.common.v1 import common_pb2
from dapr.proto.runtime.v1 import invoke_pb2
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from grpc import StatusCode

from outboard.sidecar.api.grpc.call import Call, Method, StatusRaised, method
from outboard.sidecar.api.grpc.errors import GrpcStatus, http_like
from outboard.sidecar.errors import ApiError
from outboard.sidecar.invocation.grpc.metadata import as_headers, as_metadata
from outboard.sidecar.invocation.headers import first, to_caller
from outboard.sidecar.invocation.peers.status import by_number
from outboard.sidecar.invocation.service import InvocationService, NotInvoked
from outboard.sidecar.invocation.values import (
    AnsweredBadly,
    AppCall,
    CallBody,
    GrpcAnswer,
    Headers,
    InvocationAnswer,
)
from outboard.sidecar.resiliency.failure import CircuitOpen, TimedOut
from outboard.wire import dapr
from outboard.wire.tracing import ZERO_TRACEPARENT

__all__ = ["invoke_methods"]

STATUS: Final = "dapr-http-status"
PREFIXED: Final = frozenset({
    "content-type",
    "accept", "accept-charset", "accept-language", "accept-ranges", "cache-control", "cookie", "date",
    "expect", "from", "host", "if-match", "if-modified-since", "if-none-match", "if-schedule-tag-match",
    "if-unmodified-since", "max-forwards", "origin", "pragma", "referer", "via", "warning",
})  # fmt: skip
CODES: Final = {
    400: StatusCode.INTERNAL,
    401: StatusCode.UNAUTHENTICATED,
    403: StatusCode.PERMISSION_DENIED,
    404: StatusCode.NOT_FOUND,
    408: StatusCode.CANCELLED,
    409: StatusCode.ALREADY_EXISTS,
    429: StatusCode.RESOURCE_EXHAUSTED,
    501: StatusCode.UNIMPLEMENTED,
    503: StatusCode.UNAVAILABLE,
    504: StatusCode.DEADLINE_EXCEEDED,
}
TRACEPARENT: Final = "traceparent"
DETAILS: Final = "grpc-status-details-bin"
LONGEST: Final = 63
"""Of what an app says beside a status that is an error."""
OK: Final = range(200, 300)


def invoke_methods(service: InvocationService, *, has_token: bool) -> Mapping[str, Method]:
    """By name. With `has_token` callers show one, which is not passed on."""
    call = _Invoke(service, has_token=has_token).invoke
    return {"InvokeService": method(invoke_pb2.InvokeServiceRequest, call)}


class _Invoke:
    def __init__(self, service: InvocationService, *, has_token: bool) -> None:
        self._service = service
        self._kept = {"content-type", "content-length"} | ({dapr.API_TOKEN_HEADER} if has_token else set())

    async def invoke(self, request: invoke_pb2.InvokeServiceRequest, call: Call) -> Message:
        """Raises ApiError where there is no answer, StatusRaised for one that is an error."""
        asked = self._call(request.message, call)
        try:
            answer = await self._service.invoke(request.id, asked, failed=_failed)
        except NotInvoked as error:
            if isinstance(error.failure, TimedOut | CircuitOpen):
                raise StatusRaised(_cut_short(error.failure)) from error
            raise ApiError(500, error.code, str(error)) from error  # over gRPC no other status is told
        except ApiError as error:
            raise ApiError(500, error.code, str(error)) from error  # over gRPC no other status is told
        return await self._told(await answer.whole(), call)

    async def _told(self, answer: InvocationAnswer, call: Call) -> Message:
        body = answer.data or b""
        if answer.grpc is not None:
            return _ended(answer, answer.grpc, body, call)
        call.told.extend(_metadata(answer.headers))
        call.told.append((STATUS, str(answer.status)))
        if answer.status not in OK:
            text = body.decode("utf-8", "replace")[:LONGEST]
            raise StatusRaised(http_like(_code(answer.status), answer.status, _phrase(answer.status), text))
        return common_pb2.InvokeResponse(
            data=AnyMessage(value=body), content_type=first(answer.headers, "content-type")
        )

    def _call(self, message: common_pb2.InvokeRequest, call: Call) -> AppCall:
        data, http = message.data.value, message.http_extension
        headers = [item for item in as_headers(call.sent) if item[0] not in self._kept]
        if message.content_type:
            headers.append(("content-type", message.content_type))
        if data:
            headers.append(("content-length", str(len(data))))
        is_http = message.HasField("http_extension")
        verb = common_pb2.HTTPExtension.Verb.Name(http.verb) if is_http else ""
        return AppCall(
            message.method,
            verb,
            http.querystring,
            headers,
            CallBody(_once(data)),
            over_grpc=True,
            type_url=message.data.type_url,
        )


async def _once(data: bytes) -> AsyncIterator[bytes]:
    if data:
        yield data


def _metadata(headers: Headers) -> Iterator[tuple[str, str]]:
    """An app's headers as metadata: those that mean something to HTTP with a prefix."""
    for name, value in to_caller(headers):
        if value.isascii() and value.isprintable():
            yield f"dapr-{name}" if name in PREFIXED else name, value


def _code(status: int) -> StatusCode:
    return CODES.get(status, StatusCode.UNKNOWN)


def _failed(answer: InvocationAnswer) -> AnsweredBadly | None:
    """Whatever is told as an error counts, whichever statuses a policy names: as daprd has it."""
    is_error = answer.status not in OK if answer.grpc is None else bool(answer.grpc.number)
    return AnsweredBadly(answer, None) if is_error else None


def _ended(answer: InvocationAnswer, told: GrpcAnswer, body: bytes, call: Call) -> Message:
    """The answer of an app over gRPC: as it gave it. Raises StatusRaised."""
    call.told.extend(as_metadata([item for item in answer.headers if item[0] != "content-type"]))
    call.trailers.extend(item for item in as_metadata(told.trailers) if item[0] != DETAILS)
    traced = (TRACEPARENT, ZERO_TRACEPARENT if call.trace is None else call.trace.traceparent)
    call.told.append(traced)
    call.trailers.append(traced)
    if told.number:
        details = [AnyMessage(type_url=kind, value=value) for kind, value in told.details]
        raise StatusRaised(GrpcStatus(by_number(told.number), told.message, details))
    data = AnyMessage(value=body, type_url=told.type_url)
    return common_pb2.InvokeResponse(data=data, content_type=told.content_type)


def _cut_short(failure: TimedOut | CircuitOpen) -> GrpcStatus:
    code = StatusCode.DEADLINE_EXCEEDED if isinstance(failure, TimedOut) else StatusCode.UNKNOWN
    return GrpcStatus(code, str(failure))


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
