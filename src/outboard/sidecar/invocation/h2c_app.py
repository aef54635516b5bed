"""HTTP/2 without TLS to the app: bodies are passed on as they come, both ways, also both at once."""

from __future__ import annotations

from outboard.sidecar.channel.h2c import H2cConnections
from outboard.sidecar.invocation.app import has_body, http_call, sent_headers
from outboard.sidecar.invocation.values import AnswerBody, AppCall, InvocationAnswer, InvocationFailed
from outboard.wire.http import ExchangeFailed

__all__ = ["H2cApp"]


class H2cApp:
    """AppCaller of the app that is reached by `connections`, and is called `base` in errors."""

    def __init__(self, connections: H2cConnections, base: str, token: str = "") -> None:
        self._connections = connections
        self._base = base
        self._token = token

    async def invoke(self, call: AppCall) -> InvocationAnswer:
        request = http_call(call, self._base, self._token)
        body = call.body.chunks() if has_body(request, call) else None
        try:
            stream = await self._connections.request(
                request.verb, request.target, sent_headers(request), body
            )
        except (ExchangeFailed, InvocationFailed) as failure:
            told = f'{request.verb.capitalize()} "{self._base}{request.target}": {failure.reason}'
            raise InvocationFailed(told) from failure

        async def close() -> None:
            stream.close()

        headers = [item for item in stream.headers if item[0] != "content-length"]
        return InvocationAnswer(stream.status, headers, AnswerBody(stream.chunks()).binding(close))
