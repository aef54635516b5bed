"""One HTTP/2 connection without TLS: many requests at a time, each on a stream of its own.

Source: RFC 9113, "Starting HTTP/2 with Prior Knowledge"; h2 keeps the state of the protocol.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from typing import Final, cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    Event,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import H2Error, ProtocolError
from h2.settings import SettingCodes, Settings

from outboard.sidecar.http2_library import WholeFrames
from outboard.wire.http import ExchangeFailed

__all__ = ["Http2Connection", "Http2Stream"]

CONFIGURATION: Final = H2Configuration(client_side=True, header_encoding=None)
WINDOW: Final = 4 * 1024 * 1024
"""Of a body so much may come before it is read. As Go's."""
WINDOW_OF_ALL: Final = 1 << 30
SETTINGS: Final = {SettingCodes.ENABLE_PUSH: 0, SettingCodes.INITIAL_WINDOW_SIZE: WINDOW}
BEFORE_SETTINGS: Final = 100
"""So many streams, before the app has told how many it takes. As Go's."""
HTTP1: Final = b"HTTP/1"
CLOSED: Final = "the connection was closed"
Pairs = Sequence[tuple[bytes, bytes]]


class Http2Stream:
    """A request and its response, whose `status` and `headers` are there once `answered` returns."""

    def __init__(self, connection: Http2Connection, number: int) -> None:
        self.number = number
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.sent = False
        self.ended = False
        self.room = asyncio.Event()
        self._connection = connection
        self._problem: Exception | None = None
        self._news = asyncio.Event()
        self._chunks = deque[tuple[bytes, int]]()
        self._sending: asyncio.Task[None] | None = None

    async def answered(self) -> None:
        """Wait for the head of the response. Raises ExchangeFailed, and what reading the body raised."""
        while not self.status:
            if self.ended:
                raise self._problem or ExchangeFailed("a response without a head")
            await self._more()

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes; of one that breaks off there is what came, as for daprd.

        Raises what reading the body of the request raised.
        """
        while True:
            while self._chunks:
                data, counted = self._chunks.popleft()
                self._connection.acknowledge(self, counted)
                yield data
            if self.ended:
                if self._problem is not None and not isinstance(self._problem, ExchangeFailed):
                    raise self._problem
                return
            await self._more()

    def close(self) -> None:
        """Give up what has not come or gone yet; nothing happens the second time."""
        if self._sending is not None:
            self._sending.cancel()
        unread = sum(counted for _, counted in self._chunks)
        self._chunks.clear()
        self._connection.leave(self, unread)

    def send(self, body: AsyncIterable[bytes]) -> None:
        """Begin to send `body`, while the response may come already."""
        self._sending = asyncio.create_task(self._send(body))

    def came(self, data: bytes, counted: int) -> None:
        self._chunks.append((data, counted))
        self._news.set()

    def began(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.status, self.headers = status, headers
        self._news.set()

    def end(self, problem: Exception | None = None) -> None:
        """There comes no more."""
        if not self.ended:
            self.ended, self._problem = True, problem
            self._news.set()
            self.room.set()

    async def _more(self) -> None:
        self._news.clear()
        await self._news.wait()

    async def _send(self, body: AsyncIterable[bytes]) -> None:
        try:
            async for chunk in body:
                await self._write(chunk)
            self._connection.finish(self)
        except Exception as error:  # who waits for the response raises it
            self.end(error)

    async def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest and not self.ended:
            room = self._connection.room(self)
            if room <= 0:
                self.room.clear()
                await self.room.wait()
                continue
            self._connection.write(self, bytes(rest[:room]))
            rest = rest[room:]
            await self._connection.drained()


class Http2Connection(asyncio.Protocol):
    """It `takes_more` while another request can be made on it now.

    `idle_since` is when the last one ended.
    """

    def __init__(self) -> None:
        self.idle_since = 0.0
        self._h2 = H2Connection(CONFIGURATION)
        self._streams: dict[int, Http2Stream] = {}
        self._transport: asyncio.Transport | None = None
        self._frames = WholeFrames()
        self._is_usable = False
        self._settings_came = False
        self._writable = asyncio.Event()

    @property
    def takes_more(self) -> bool:
        told = self._h2.remote_settings.max_concurrent_streams
        return self._is_usable and len(self._streams) < (told if self._settings_came else BEFORE_SETTINGS)

    @property
    def is_idle(self) -> bool:
        return not self._streams

    async def request(self, head: Pairs, body: AsyncIterable[bytes] | None) -> Http2Stream:
        """Send a request, and wait for the head of its response. The stream is to be closed.

        Raises ExchangeFailed, and what reading `body` raises.
        """
        stream = self._open(head, ends=body is None)
        try:
            if body is not None:
                stream.send(body)
            await stream.answered()
        except BaseException:
            stream.close()
            raise
        return stream

    def close(self) -> None:
        """Requests that are under way fail."""
        self._is_usable = False
        if self._transport is not None:
            self._transport.close()

    # its streams call these

    def room(self, stream: Http2Stream) -> int:
        """How many bytes may be written to `stream` now."""
        window = self._h2.local_flow_control_window(stream.number)
        return min(window, self._h2.max_outbound_frame_size)

    def write(self, stream: Http2Stream, data: bytes) -> None:
        self._h2.send_data(stream.number, data)
        self._flush()

    async def drained(self) -> None:
        await self._writable.wait()

    def finish(self, stream: Http2Stream) -> None:
        """All of the request has gone."""
        if not stream.ended:
            self._h2.end_stream(stream.number)
            stream.sent = True
            self._flush()

    def acknowledge(self, stream: Http2Stream, counted: int) -> None:
        """So many bytes were read: as many more may come."""
        if counted and self._transport is not None:
            self._h2.acknowledge_received_data(counted, stream.number)
            self._flush()

    def leave(self, stream: Http2Stream, unread: int) -> None:
        if self._streams.pop(stream.number, None) is None:
            return
        self.idle_since = asyncio.get_running_loop().time()
        if self._transport is not None:
            self.acknowledge(stream, unread)
            if not (stream.sent and stream.ended):
                self._reset(stream)
        if not self._is_usable and not self._streams:
            self.close()

    # asyncio calls these

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._h2.local_settings = Settings(client=True, initial_values=SETTINGS)
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(WINDOW_OF_ALL)
        self._is_usable = True
        self._writable.set()
        self._flush()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        if not self._settings_came and self._frames.is_between and data.startswith(HTTP1):
            return self._fail(ExchangeFailed("it answers in HTTP/1.1, not in HTTP/2"))
        frames = self._frames.feed(data)
        if self._frames.ends_at is not None:
            self._goes_away(self._frames.ends_at)
        try:
            for event in self._h2.receive_data(frames):
                self._on(event)
        except ProtocolError as error:
            self._flush()  # which tells the app why
            return self._fail(ExchangeFailed(f"not an HTTP/2 response: {error}"))
        self._flush()
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._writable.set()
        self._fail(ExchangeFailed(CLOSED if exc is None else f"{type(exc).__name__}: {exc}"))

    def _open(self, head: Pairs, *, ends: bool) -> Http2Stream:
        try:
            number = self._h2.get_next_available_stream_id()
            self._h2.send_headers(number, head, end_stream=ends)
        except H2Error as error:
            raise ExchangeFailed(f"a request that cannot be made: {error}", sent=False) from error
        stream = self._streams[number] = Http2Stream(self, number)
        stream.sent = ends
        self._flush()
        return stream

    def _goes_away(self, last: int) -> None:
        self._is_usable = False
        for stream in list(self._streams.values()):
            if stream.number > last:
                stream.end(ExchangeFailed("the app takes no more requests on this connection", sent=False))
        if not self._streams:
            self.close()

    def _on(self, event: Event) -> None:
        if isinstance(event, RemoteSettingsChanged):
            self._settings_came = True
        if isinstance(event, RemoteSettingsChanged | WindowUpdated):
            return self._make_room()
        number = getattr(event, "stream_id", None)
        stream = self._streams.get(number) if isinstance(number, int) else None
        if stream is None:
            return None
        match event:
            case ResponseReceived():
                stream.began(*_head(cast("Pairs", event.headers)))
            case DataReceived():
                stream.came(event.data, event.flow_controlled_length)
            case StreamEnded():
                stream.end()
            case StreamReset():
                stream.sent = True  # or need not be
                stream.end(_reset_by_app(stream.number, event.error_code))
            case _:
                pass  # an interim response, trailers: nobody asks for them
        return None

    def _make_room(self) -> None:
        for stream in self._streams.values():
            stream.room.set()

    def _reset(self, stream: Http2Stream) -> None:
        try:
            self._h2.reset_stream(stream.number, ErrorCodes.CANCEL)
        except ProtocolError:
            return  # it is closed: what ended this connection ended it
        self._flush()

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data and self._transport is not None:
            self._transport.write(data)

    def _fail(self, problem: ExchangeFailed) -> None:
        self._is_usable = False
        for stream in list(self._streams.values()):
            stream.end(problem)
        self.close()


def _head(headers: Pairs) -> tuple[int, list[tuple[str, str]]]:
    pairs = [(name.decode("latin-1"), value.decode("utf-8", "surrogateescape")) for name, value in headers]
    status = next(value for name, value in pairs if name == ":status")
    return int(status), [item for item in pairs if not item[0].startswith(":")]


def _reset_by_app(number: int, code: int | ErrorCodes | None) -> ExchangeFailed:
    """With Go's words."""
    name = code.name if isinstance(code, ErrorCodes) else f"unknown error code 0x{code or 0:x}"
    reason = f"stream error: stream ID {number}; {name}; received from peer"
    return ExchangeFailed(reason, sent=code != ErrorCodes.REFUSED_STREAM)
