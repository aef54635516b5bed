"""Runs a handler, with what it depends on, as a request of its own within the request of the sidecar."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeAlias

from fastapi import Response
from starlette.types import Message, Receive, Scope, Send

from outboard.kit.subscriptions.arrival import Arrival
from outboard.kit.subscriptions.endpoint import AsyncHandler, Delivery, delivery_scope
from outboard.kit.subscriptions.outcome import ENDED, Run

__all__ = ["Runner", "Serve"]

Serve: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
"""The route itself: its dependencies, the handler, and the exits of the dependencies."""
RawHeaders: TypeAlias = list[tuple[bytes, bytes]]

OF_THE_WHOLE: Final = frozenset(
    [b"content-type", b"content-length", b"transfer-encoding", b"traceparent", b"tracestate"]
)


@dataclass(frozen=True)
class Runner:
    """Runs one handler, as often as there are events in one request.

    Where `is_direct`, nothing stands between the request and the handler, so that it is called at once.
    """

    call: AsyncHandler
    scope: Scope
    serve: Serve
    body: bytes
    is_direct: bool

    @property
    def route(self) -> str:
        """The path of the request."""
        path: str = self.scope["path"]
        return path

    @cached_property
    def _shared(self) -> RawHeaders:
        return [pair for pair in self.scope["headers"] if pair[0] not in OF_THE_WHOLE]

    async def run(self, given: object, part: Arrival | None = None) -> Run:
        """Let the handler run with `given`, an event or a batch of them. An error is a part of the result.

        `part` is what the request within has of this one; all of it where it is None.
        """
        if not self.is_direct:
            return await self._serve(Delivery(given), part)
        try:
            result = await self.call(given)
        except Exception as error:
            return await self._raise_in_app(error, given, part)
        if result is None:
            return ENDED
        if isinstance(result, Response):
            return await self._serve(Delivery(given, ended=lambda: result), part)
        return Run(http_status=200, returned=True, result=result)

    async def _raise_in_app(self, error: Exception, given: object, part: Arrival | None) -> Run:
        """Let the app's exception handlers see `error`, as they would without the short cut."""
        origin = error.__traceback__

        def again() -> object:
            raise error

        run = await self._serve(Delivery(given, ended=again), part)
        error.__traceback__ = origin  # the way through the app says nothing of it
        return run

    async def _serve(self, delivery: Delivery, part: Arrival | None) -> Run:
        statuses: list[int] = []

        async def receive() -> Message:
            body = self.body if part is None else part.body()
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        scope = delivery_scope(self.scope, delivery)
        if part is not None:
            scope["headers"] = [*self._shared, *_raw(part.headers())]
        try:
            await self.serve(scope, receive, send)
        except Exception as error:
            return Run(error=error)
        status = statuses[0] if statuses else None
        if status == 200 and delivery.returned and delivery.result is None:
            return ENDED
        return Run(http_status=status, returned=delivery.returned, result=delivery.result)


def _raw(headers: Mapping[str, str]) -> RawHeaders:
    return [(name.encode(), value.encode()) for name, value in headers.items()]
