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
from outboard.sidecar.api.grpc.errors import http_like
from outboard.sidecar.errors import ApiError
from outboard.sidecar.invocation.headers import first, to_caller
from outboard.sidecar.invocation.service import InvocationService
from outboard.sidecar.invocation.values import AppCall, CallBody, Headers, InvocationAnswer
from outboard.wire import dapr

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
            answer = await self._service.invoke(request.id, asked, failure_code=_number)
        except ApiError as error:
            raise ApiError(500, error.code, str(error)) from error  # over gRPC no other status is told
        return await self._told(await answer.whole(), call)

    async def _told(self, answer: InvocationAnswer, call: Call) -> Message:
        body = answer.data or b""
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
        headers = [item for item in call.metadata.items() if item[0] not in self._kept]
        if message.content_type:
            headers.append(("content-type", message.content_type))
        if data:
            headers.append(("content-length", str(len(data))))
        is_http = message.HasField("http_extension")
        verb = common_pb2.HTTPExtension.Verb.Name(http.verb) if is_http else ""
        return AppCall(message.method, verb, http.querystring, headers, CallBody(_once(data)))


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


def _number(status: int) -> int:
    number: int = _code(status).value[0]
    return number


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
