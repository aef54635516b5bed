"""Runs a handler, with what it depends on, as a request of its own within the request of the sidecar."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeAlias

from fastapi import Response
from starlette.types import Message, Receive, Scope, Send

from outboard.kit.subscriptions.arrival import Arrival
from outboard.kit.subscriptions.endpoint import AsyncHandler, Delivery, delivery_scope
from outboard.kit.subscriptions.outcome import ENDED, Run

__all__ = ["Inner", "Runner", "Serve"]

Serve: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
"""The route itself: its dependencies, the handler, and the exits of the dependencies."""
RawHeaders: TypeAlias = list[tuple[bytes, bytes]]

OF_THE_WHOLE: Final = frozenset(
    [b"content-type", b"content-length", b"transfer-encoding", b"traceparent", b"tracestate"]
)


@dataclass(frozen=True, slots=True)
class Inner:
    """The request within: its headers, and its body when somebody asks for it."""

    headers: RawHeaders
    body: Callable[[], bytes]


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

    def whole(self) -> Inner:
        """A request within that is the same as the one without."""
        return Inner(self.scope["headers"], lambda: self.body)

    def part(self, arrival: Arrival) -> Inner:
        """A request within that has one event of a batch."""
        own = [(name.encode(), value.encode()) for name, value in arrival.headers().items()]
        return Inner(self._shared + own, arrival.body)

    @cached_property
    def _shared(self) -> RawHeaders:
        return [pair for pair in self.scope["headers"] if pair[0] not in OF_THE_WHOLE]

    async def run(self, given: object, inner: Callable[[], Inner]) -> Run:
        """Let the handler run with `given`, an event or a batch of them. An error is a part of the result."""
        if not self.is_direct:
            return await self._serve(Delivery(given), inner())
        try:
            result = await self.call(given)
        except Exception as error:
            return await self._raise_in_app(error, given, inner())
        if result is None:
            return ENDED
        if isinstance(result, Response):
            return await self._serve(Delivery(given, ended=lambda: result), inner())
        return Run(http_status=200, returned=True, result=result)

    async def _raise_in_app(self, error: Exception, given: object, inner: Inner) -> Run:
        """Let the app's exception handlers see `error`, as they would without the short cut."""
        origin = error.__traceback__

        def again() -> object:
            raise error

        run = await self._serve(Delivery(given, ended=again), inner)
        error.__traceback__ = origin  # the way through the app says nothing of it
        return run

    async def _serve(self, delivery: Delivery, inner: Inner) -> Run:
        statuses: list[int] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": inner.body(), "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        scope = delivery_scope(self.scope, delivery)
        scope["headers"] = inner.headers
        try:
            await self.serve(scope, receive, send)
        except Exception as error:
            return Run(error=error)
        status = statuses[0] if statuses else None
        return Run(http_status=status, returned=delivery.returned, result=delivery.result)
