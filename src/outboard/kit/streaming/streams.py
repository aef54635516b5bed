"""The streams of a board's apps: whether there are any, whether they can be, and opening them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI

from outboard.clock import Clock
from outboard.errors import NotStreaming
from outboard.kit.client.opening import connected_streams
from outboard.kit.client.settings import Settings
from outboard.kit.streaming.consumer import StreamContext, consuming
from outboard.kit.streaming.lifespan import StreamingMiddleware
from outboard.kit.streaming.requests import streams_of
from outboard.kit.subscriptions.registry import Registry
from outboard.kit.topics.connections import Connections
from outboard.wire.http import Exchange

__all__ = ["Streams"]


@dataclass(frozen=True, slots=True)
class Streams:
    """Those of one board."""

    settings: Settings
    registry: Registry
    connections: Connections
    clock: Clock
    random: Callable[[], float]

    @property
    def bring_events(self) -> bool:
        """Whether events come by them: in a test with a sidecar of its own, that brings them."""
        return self.settings.streaming and not self.connections.is_given

    def mount(self, app: FastAPI) -> None:
        """Let `app` open its streams as soon as it has started, if the board is one for that."""
        if self.settings.streaming:
            app.add_middleware(StreamingMiddleware, whole=app, open_streams=self.open)

    def check(self, app: FastAPI) -> None:
        """Refuse handlers that no stream can serve. Raises HandlerUnsuitable."""
        if self.settings.streaming:
            streams_of(self.registry.served(app))

    def demand(self, operation: str) -> None:
        """Raise NotStreaming where the board is not one for streams, which `operation` needs."""
        if not self.settings.streaming:
            raise NotStreaming(operation)

    @asynccontextmanager
    async def open(self, app: FastAPI, exchange: Exchange) -> AsyncIterator[None]:
        """Take the events of the handlers of `app` while the block runs, and give them to it by `exchange`.

        Raises ExtraMissing, and NotConnected outside the board's lifespan.
        """
        if not self.bring_events:
            yield
            return
        self.connections.current("taking events by streams")
        handlers = streams_of(self.registry.served(app))
        async with connected_streams(self.settings) as streams:
            context = StreamContext(streams, exchange, self.settings.app_token, self.clock, self.random)
            async with consuming(handlers, context):
                yield
