"""An app that is reached by an exchange, as in the tests of one process: bodies are whole, both ways."""

from __future__ import annotations

from typing import Final

from outboard.sidecar.invocation.app import http_call
from outboard.sidecar.invocation.values import AnswerBody, AppCall, InvocationAnswer, InvocationFailed
from outboard.wire.http import Exchange, ExchangeFailed, Request

__all__ = ["ExchangeApp"]

NOT_SENT: Final = frozenset({"content-length", "accept-encoding", "user-agent", "expect"})
"""The exchange writes them by itself."""


class ExchangeApp:
    """AppCaller over `exchange`. Of a header that is there several times it takes the last."""

    def __init__(self, exchange: Exchange, base: str, token: str = "") -> None:
        self._exchange = exchange
        self._base = base
        self._token = token

    async def invoke(self, call: AppCall) -> InvocationAnswer:
        request = http_call(call, self._base, self._token)
        headers = {name: value for name, value in request.headers if name not in NOT_SENT}
        body = b"".join([chunk async for chunk in call.body.chunks()])
        try:
            response = await self._exchange(Request(request.verb, request.target, headers, body), None)
        except ExchangeFailed as failure:
            told = f'{request.verb.capitalize()} "{self._base}{request.target}": {failure.reason}'
            raise InvocationFailed(told) from failure
        return InvocationAnswer(response.status, [*response.headers.items()], AnswerBody.of(response.body))
