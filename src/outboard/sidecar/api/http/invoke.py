"""Calls of other apps: a request for which there is no route, passed on to the app that it names.

Source: Dapr, "Service invocation API reference"; daprd 1.18.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from outboard.sidecar.api.http.messages import ApiRequest, BodyTooLarge, Reply
from outboard.sidecar.api.http.streaming import unless_gone
from outboard.sidecar.errors import ApiError
from outboard.sidecar.invocation.headers import to_caller
from outboard.sidecar.invocation.paths import decoded
from outboard.sidecar.invocation.service import InvocationService
from outboard.sidecar.invocation.targets import asked_of
from outboard.sidecar.invocation.values import AppCall, CallBody, InvocationAnswer, InvocationFailed
from outboard.wire import dapr

__all__ = ["InvokeApi"]

NOT_MODIFIED: Final = 304
NO_APP_ID: Final = f"failed getting app id either from the URL path or the header {dapr.APP_ID_HEADER}"


class InvokeApi:
    """The handler of service invocation. With `has_token` callers show one, which is not passed on."""

    def __init__(self, service: InvocationService, *, has_token: bool) -> None:
        self._service = service
        self._kept = {dapr.APP_ID_HEADER, "host"} | ({dapr.API_TOKEN_HEADER} if has_token else set())

    async def invoke(self, request: ApiRequest) -> Reply:
        """Any method and path. Raises ApiError, and ClientGone."""
        asked = asked_of(decoded(request.raw_path), request.headers)
        if asked is None:
            raise ApiError(404, dapr.ErrorCode.DIRECT_INVOKE, NO_APP_ID)
        call = AppCall(
            asked.method,
            request.method,
            request.query_string,
            [item for item in request.all_headers if item[0] not in self._kept],
            CallBody(_body(request)),
            streaming=_is_streaming(request),
        )
        return _reply(await unless_gone(request, self._service.invoke(asked.target, call)))


def _is_streaming(request: ApiRequest) -> bool:
    return "transfer-encoding" in request.headers


async def _body(request: ApiRequest) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.chunks():
            yield chunk
    except BodyTooLarge as error:
        raise InvocationFailed(str(error)) from error


def _reply(answer: InvocationAnswer) -> Reply:
    headers = to_caller(answer.headers)
    if answer.status == NOT_MODIFIED:  # as Go, which lets nothing be said of a body that is elsewhere
        headers = [item for item in headers if item[0] != "content-type"]
    if answer.data is None:
        return Reply(answer.status, content_type="", stream=answer.body, repeated=headers)
    return Reply(answer.status, answer.data, content_type="", repeated=headers)
