"""When streams are open: from when an app has started to when it is to end, whoever runs it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import TypeAlias

from fastapi import FastAPI

from outboard.asgi import ASGIApp, AsgiExchange, Message, Receive, Scope, Send
from outboard.wire.http import Exchange

__all__ = ["OpenStreams", "StreamingMiddleware"]

OpenStreams: TypeAlias = Callable[[FastAPI, Exchange], AbstractAsyncContextManager[None]]
"""Opens the streams of an app, which is also given as what takes their events, while the block runs."""


class StreamingMiddleware:
    """ASGI middleware that opens the streams of `whole`, the app that it is a middleware of.

    Not the app's own lifespan does that: what it makes for handlers has to be there before the first event,
    and to stay until the last one is settled.
    """

    def __init__(self, app: ASGIApp, whole: FastAPI, open_streams: OpenStreams) -> None:
        self.app = app
        self.whole = whole
        self.open_streams = open_streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self.app(scope, receive, send)
            return
        async with AsyncExitStack() as streams:

            async def hear() -> Message:
                message = await receive()
                if message["type"] == "lifespan.shutdown":
                    await streams.aclose()
                return message

            async def tell(message: Message) -> None:
                if message["type"] == "lifespan.startup.complete":
                    exchange = AsgiExchange(self.whole, scope.get("state"))
                    await streams.enter_async_context(self.open_streams(self.whole, exchange))
                await send(message)

            await self.app(scope, hear, tell)
