"""A client of HTTP/2 without TLS, frame by frame, as a test wants it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    InformationalResponseReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.settings import SettingCodes, Settings

from outboard.sidecar.http2_library import WholeFrames

__all__ = ["Http2Client", "Taken", "http2_client", "upgraded"]

CHUNK = 64 * 1024
OFFER = b"\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAIAAAAA\r\n\r\n"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
"""With no settings: of a size of the table Go's server may tell too late, behind its first answer."""


@dataclass
class Taken:
    """What has come of a response up to now. `reset` is the code with which its stream was."""

    status: int = 0
    interim: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    ended: bool = False
    reset: ErrorCodes | int | None = None

    @property
    def is_over(self) -> bool:
        return self.ended or self.reset is not None

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)


class Http2Client:
    """One connection. `reading` may be turned off: then no window is opened again.

    h2 forgets its streams at a GOAWAY, unless it `keeps_streams`; then `ends_at` is the last to go on.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        settings: Mapping[SettingCodes, int] | None = None,
    ) -> None:
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding="latin-1"))
        self.h2.local_settings = Settings(client=True, initial_values=dict(settings or {}))
        self.taken: dict[int, Taken] = {}
        self.terminated: ConnectionTerminated | None = None
        self.is_closed = False
        self.reading = True
        self.keeps_streams = False
        self._frames = WholeFrames()
        self.writer = writer
        self._reader = reader

    def flush(self) -> None:
        self.writer.write(self.h2.data_to_send())

    def ask(
        self,
        method: str,
        target: str,
        headers: Iterable[tuple[str, str]] = (),
        *,
        ends: bool = True,
        authority: str = "localhost",
    ) -> int:
        """Send the head of a request: the number of its stream."""
        number = self.h2.get_next_available_stream_id()
        pseudo = [(":method", method), (":scheme", "http"), (":authority", authority), (":path", target)]
        self.h2.send_headers(number, [*pseudo, *headers], end_stream=ends)
        self.taken[number] = Taken()
        self.flush()
        return number

    async def send(self, number: int, data: bytes, *, ends: bool = True) -> None:
        """A part of a body, as fast as the other side takes it; what it no longer wants is kept."""
        while data and not self.taken[number].is_over:
            room = min(self.h2.local_flow_control_window(number), self.h2.max_outbound_frame_size)
            if room <= 0:
                await self.read()
                continue
            self.h2.send_data(number, data[:room])
            data = data[room:]
            self.flush()
            await self.writer.drain()
        if ends and not self.taken[number].is_over:
            self.h2.end_stream(number)
            self.flush()

    async def whole(
        self,
        method: str,
        target: str,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        authority: str = "localhost",
    ) -> Taken:
        """All of a request, and all that comes of it."""
        number = self.ask(method, target, headers, ends=not body, authority=authority)
        if body:
            await self.send(number, body)
        return await self.over(number)

    async def over(self, number: int) -> Taken:
        await self.until(lambda: self.taken[number].is_over)
        return self.taken[number]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Read until `condition` holds. Raises EOFError where the connection ends before."""
        while not condition():
            await self.read()

    async def closed(self) -> None:
        """Read to the end of the connection."""
        with suppress(EOFError, ConnectionError):
            while True:
                await self.read()

    async def read(self) -> None:
        """What comes next. Raises EOFError at the end of the connection."""
        data = await self._reader.read(CHUNK)
        if not data:
            self.is_closed = True
            raise EOFError
        self.feed(data)

    @property
    def ends_at(self) -> int | None:
        return self._frames.ends_at

    def feed(self, data: bytes) -> None:
        for event in self.h2.receive_data(self._frames.feed(data) if self.keeps_streams else data):
            self._on(event)
        self.flush()

    def _on(self, event: Event) -> None:
        number = getattr(event, "stream_id", None)
        taken = self.taken.setdefault(number, Taken()) if number else Taken()
        match event:
            case InformationalResponseReceived():
                taken.interim = int(dict(cast("list[tuple[str, str]]", event.headers))[":status"])
            case ResponseReceived():
                headers = cast("list[tuple[str, str]]", event.headers)
                taken.status = int(dict(headers)[":status"])
                taken.headers = [item for item in headers if not item[0].startswith(":")]
            case DataReceived():
                taken.body += event.data
                if self.reading:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case StreamEnded():
                taken.ended = True
            case StreamReset():
                taken.reset = event.error_code
            case ConnectionTerminated():
                self.terminated = event
            case _:
                pass


@asynccontextmanager
async def http2_client(
    port: int, settings: Mapping[SettingCodes, int] | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[Http2Client]:
    """A connection that begins with HTTP/2."""
    reader, writer = await asyncio.open_connection(host, port)
    client = Http2Client(reader, writer, settings)
    client.h2.initiate_connection()
    client.flush()
    try:
        yield client
    finally:
        writer.close()


@asynccontextmanager
async def upgraded(
    port: int, head: bytes, body: bytes = b"", host: str = "127.0.0.1"
) -> AsyncIterator[tuple[Http2Client | None, bytes]]:
    """A connection whose first request, `head` without its empty line, asks for HTTP/2; and what it was told.

    That is the head of the answer, and all up to the end of the connection where no client is there: it was
    not 101. The answer to the request is that of stream 1.
    """
    reader, writer = await asyncio.open_connection(host, port)
    client = Http2Client(reader, writer)
    client.h2.initiate_upgrade_connection()
    client.h2.clear_outbound_data_buffer()
    writer.write(head + OFFER + body)
    try:
        told = await reader.readuntil(b"\r\n\r\n")
        if not told.startswith(b"HTTP/1.1 101"):
            yield None, told + await reader.read()
            return
        writer.write(PREFACE)
        client.taken[1] = Taken()
        yield client, told
    finally:
        writer.close()
