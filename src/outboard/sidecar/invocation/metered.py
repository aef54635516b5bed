"""An app over HTTP, of which each call is measured."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from time import perf_counter
from typing import Final

from outboard.sidecar.invocation.app import AppCaller
from outboard.sidecar.invocation.headers import first
from outboard.sidecar.invocation.values import AnswerBody, AppCall, InvocationAnswer
from outboard.sidecar.metrics.meters import Meters

__all__ = ["MeteredApp"]

NOT_ANSWERED: Final = 500
"""As daprd has it."""


class MeteredApp:
    """AppCaller: `app`, told to `meters`, of an answer when its body has ended."""

    def __init__(self, app: AppCaller, meters: Meters) -> None:
        self._app = app
        self._meters = meters

    async def invoke(self, call: AppCall) -> InvocationAnswer:
        started = perf_counter()
        try:
            answer = await self._app.invoke(call)
        except Exception:
            self._told(call, NOT_ANSWERED, 0, started)
            raise
        received = 0

        async def counted() -> AsyncIterator[bytes]:
            nonlocal received
            async for chunk in answer.body:
                received += len(chunk)
                yield chunk

        async def told() -> None:
            self._told(call, answer.status, received, started)
            await answer.body.aclose()

        return replace(answer, body=AnswerBody(counted()).binding(told))

    def _told(self, call: AppCall, status: int, received: int, started: float) -> None:
        length, path = first(call.headers, "content-length"), "/" + call.method.removeprefix("/")
        sent = int(length) if length.isdecimal() else 0
        self._meters.called_app(call.verb, path, status, sent, received, perf_counter() - started)
