"""An app of a test at a port, for the sidecar that is a process of its own."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from outboard.asgi import Receive, Scope, Send
from outboard.sidecar.api.http.server import serving
from outboard.wire.http import Exchange, ExchangeFailed, Request, Response

__all__ = ["bound_to_loopback", "served_at"]

HEAD_BYTES: Final = 1024 * 1024
UNAVAILABLE: Final = 503


def bound_to_loopback() -> socket.socket:
    """A socket with a free port, at which nobody is answered yet."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.bind(("127.0.0.1", 0))
    return bound


@asynccontextmanager
async def served_at(bound: socket.socket, channel: Exchange, drain: float) -> AsyncIterator[None]:
    """What comes to `bound` while the block runs is passed to `channel`; the end waits `drain` seconds."""
    async with serving(_ChannelApp(channel), [bound], drain):
        yield


class _ChannelApp:
    """Be an ASGI app that passes each request on."""

    max_head_bytes = HEAD_BYTES

    def __init__(self, channel: Exchange) -> None:
        self._channel = channel

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = _request(scope, await _body(receive))
        try:
            response = await self._channel(request, None)
        except ExchangeFailed as error:
            response = Response(UNAVAILABLE, {"content-type": "text/plain"}, error.reason.encode())
        headers = [
            (name.encode("latin-1"), value.encode("utf-8")) for name, value in response.headers.items()
        ]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _request(scope: Scope, body: bytes) -> Request:
    query = scope["query_string"].decode("ascii")
    target = scope["raw_path"].decode("ascii") + (f"?{query}" if query else "")
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return Request(scope["method"], target, headers, body)
