"""An app that speaks HTTP/2 without TLS, frame by frame, as a test wants it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TypeAlias, cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded
from h2.exceptions import StreamClosedError
from h2.settings import SettingCodes, Settings

__all__ = ["Conversation", "H2cServer"]


class Conversation(asyncio.Protocol):
    """One connection of a client: `requests` by their streams, `bodies` as far as they came."""

    def __init__(self, server: H2cServer) -> None:
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self.requests: dict[int, dict[str, str]] = {}
        self.bodies: dict[int, bytes] = {}
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._server.conversations.append(self)
        self.h2.local_settings = Settings(client=False, initial_values=dict(self._server.settings))
        self.h2.initiate_connection()
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.lost.set()

    def data_received(self, data: bytes) -> None:
        for event in self.h2.receive_data(data):
            if isinstance(event, RequestReceived):
                headers = cast("list[tuple[str, str]]", event.headers)
                self.requests[event.stream_id] = dict(headers)
                self.bodies[event.stream_id] = b""
            elif isinstance(event, DataReceived):
                self.bodies[event.stream_id] += event.data
                self._server.came.set()
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, StreamEnded):
                self._server.answering(self, event.stream_id)
        self.flush()

    def answer(
        self, stream: int, status: int = 200, body: bytes = b"ok", headers: Mapping[str, str] | None = None
    ) -> None:
        """All of a response; `body` has to fit into a frame."""
        try:
            self.h2.send_headers(stream, [(":status", str(status)), *(headers or {}).items()])
            self.h2.send_data(stream, body, end_stream=True)
        except StreamClosedError:
            pass  # the client has given it up
        self.flush()

    def flush(self) -> None:
        self.transport.write(self.h2.data_to_send())


Answering: TypeAlias = Callable[[Conversation, int], None]


class H2cServer:
    """`answering` is called when a request is there as a whole; `lost` is set when a connection
    has ended, `came` when a part of a body is there.
    """

    def __init__(
        self, answering: Answering = Conversation.answer, settings: Mapping[SettingCodes, int] | None = None
    ) -> None:
        self.answering = answering
        self.settings = settings or {}
        self.conversations: list[Conversation] = []
        self.lost = asyncio.Event()
        self.came = asyncio.Event()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[int]:
        """On a free port of loopback, which this is."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Conversation(self), "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for each in self.conversations:
                each.transport.abort()
