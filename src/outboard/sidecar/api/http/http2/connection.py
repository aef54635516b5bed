"""One HTTP/2 connection of a client of the API: many requests at a time, each on a stream of its own.

Source: RFC 9113; Go's server, which is daprd's, for the limits. h2 keeps the state of the protocol.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias, cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    Event,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import H2Error, ProtocolError
from h2.settings import SettingCodes, Settings
from hyperframe.exceptions import HyperframeError
from hyperframe.frame import GoAwayFrame
from uvicorn.server import ServerState

from outboard.sidecar.api.http.http2.heads import Pairs, RequestHead, Upgrade, list_size, request_head
from outboard.sidecar.api.http.http2.stream import BrokenResponse, ServedStream
from outboard.sidecar.api.http.messages import Receive, Scope, Send
from outboard.sidecar.http2_library import WholeFrames

__all__ = ["ServedConnection"]

Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

CONFIGURATION: Final = H2Configuration(client_side=False, header_encoding=None)
PREFACE_BYTES: Final = 24
SETTINGS_SECONDS: Final = 10.0
"""So long a client has for its first SETTINGS, as for the head of a request of HTTP/1.1."""
STREAMS: Final = 250
"""So many requests at a time. As Go's."""
REFUSALS: Final = 4 * STREAMS
"""A client that was refused so often makes requests only to give them up."""
UNLIMITED: Final = (1 << 31) - 1
WINDOW: Final = 1 << 20
"""Of a body so much may come before it is read. As Go's."""
WINDOW_OF_ALL: Final = 4 * WINDOW
"""Of all bodies together: one that nobody reads does not hold up the others."""
INITIAL_WINDOW: Final = 65535
HEAD_FACTOR: Final = 2
"""A head up to so many times the size that is taken is read, to be refused by an answer."""
TOO_LARGE: Final = [(b":status", b"431")]
FAILED: Final = b"Internal Server Error"


class ServedConnection(asyncio.Protocol):
    """Requests are answered by `app`; `state` is the server's, which ends its connections by it.

    A request that the client gives up goes on as in HTTP/1.1: the application sees it, and decides.
    """

    def __init__(self, app: Application, state: ServerState, max_head_bytes: int) -> None:
        self.transport: asyncio.Transport | None = None
        self._app = app
        self._state = state
        self._max_head_bytes = max_head_bytes
        self._h2 = H2Connection(CONFIGURATION)
        self._frames = WholeFrames(preface=PREFACE_BYTES)
        self._running: dict[int, ServedStream] = {}
        self._last_taken: int | None = None
        self._is_over = False
        self._refused = 0
        self._base: Mapping[str, Any] = {}
        self._deadline: asyncio.TimerHandle | None = None
        self._flushing: asyncio.Handle | None = None
        self._writable = asyncio.Event()
        self._log = logging.getLogger("uvicorn.error")

    def begin(
        self, transport: asyncio.Transport, base: Mapping[str, Any], upgrade: Upgrade | None = None
    ) -> None:
        """Take over `transport`. `base` is the scope that all requests share.

        The one that asked for an `upgrade` is answered at once.
        """
        self.transport = transport
        self._base = {**base, "http_version": "2"}
        self._state.connections.add(self)  # type: ignore[arg-type]  # it has all that a server asks of one
        self._writable.set()
        self._deadline = asyncio.get_running_loop().call_later(SETTINGS_SECONDS, self._out_of_time)
        told = {
            SettingCodes.MAX_CONCURRENT_STREAMS: STREAMS,
            SettingCodes.MAX_HEADER_LIST_SIZE: self._max_head_bytes,
            SettingCodes.INITIAL_WINDOW_SIZE: WINDOW,
        }
        self._h2.local_settings = Settings(client=False, initial_values=told)
        try:
            self._initiate(upgrade)
        except (ProtocolError, HyperframeError) as error:
            self._log.warning("a client asked for HTTP/2 with settings that there are not: %s", error)
            self._end()
            return
        # h2 ends the connection at a request too many, which is to be refused alone.
        told[SettingCodes.MAX_CONCURRENT_STREAMS] = UNLIMITED
        self._h2.local_settings = Settings(client=False, initial_values=told)
        self._h2.decoder.max_header_list_size = HEAD_FACTOR * self._max_head_bytes
        self._h2.increment_flow_control_window(WINDOW_OF_ALL - INITIAL_WINDOW)
        self._flush()
        if upgrade is not None:
            self._start(1, upgrade.head, is_whole=True).came(upgrade.body)

    def shutdown(self) -> None:
        """Take no further requests, and end with the last answer. uvicorn calls this."""
        if self.transport is None or self._is_over or self._last_taken is not None:
            return
        self._last_taken = self._h2.highest_inbound_stream_id
        self._flush()
        self.transport.write(GoAwayFrame(0, last_stream_id=self._last_taken).serialize())  # h2 would end all
        self._close_once_idle()

    # its streams call these

    @property
    def default_headers(self) -> Pairs:
        return self._state.default_headers

    def head(self, stream: ServedStream, pairs: Pairs, *, ends: bool) -> None:
        try:
            self._h2.send_headers(stream.number, pairs, end_stream=ends)
        except H2Error as error:
            raise BrokenResponse(str(error)) from error
        self._flush_soon()

    def room(self, stream: ServedStream) -> int:
        return min(self._h2.local_flow_control_window(stream.number), self._h2.max_outbound_frame_size)

    def data(self, stream: ServedStream, data: bytes, *, ends: bool) -> None:
        self._h2.send_data(stream.number, data, end_stream=ends)
        self._flush()

    async def drained(self) -> None:
        await self._writable.wait()

    def acknowledge(self, stream: ServedStream, counted: int) -> None:
        self._acknowledge(stream.number, counted)

    # asyncio calls these

    def pause_writing(self) -> None:
        """Who asks and does not read is not read either: answers to frames cannot pile up."""
        self._writable.clear()
        if self.transport is not None:
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        self._writable.set()
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        if self._is_over:
            return
        frames = self._frames.feed(data)
        if self._frames.ends_at is not None and self._last_taken is None:
            self._last_taken = self._h2.highest_inbound_stream_id
        try:
            for event in self._h2.receive_data(frames):
                self._on(event)
        except (ProtocolError, HyperframeError) as error:
            self._log.warning("a client broke HTTP/2: %s", error)
            self._end()
            return
        self._flush()
        self._close_once_idle()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_over = True
        self._state.connections.discard(self)
        self._settle()
        self._writable.set()
        for stream in self._running.values():
            stream.leave()

    def _initiate(self, upgrade: Upgrade | None) -> None:
        if upgrade is None:
            self._h2.initiate_connection()
        else:
            self._h2.initiate_upgrade_connection(upgrade.settings)

    def _on(self, event: Event) -> None:
        match event:
            case RequestReceived():
                self._take(event)
            case DataReceived():
                stream = self._running.get(event.stream_id)
                if stream is None or stream.is_complete:
                    self._acknowledge(event.stream_id, event.flow_controlled_length)
                else:
                    stream.came(event.data, event.flow_controlled_length)
            case StreamEnded() if event.stream_id in self._running:
                self._running[event.stream_id].end_request()
            case StreamReset() if event.stream_id in self._running:
                self._leave(self._running[event.stream_id])
            case WindowUpdated() if event.stream_id in self._running:
                self._running[event.stream_id].make_room()
            case RemoteSettingsChanged() | WindowUpdated():
                if isinstance(event, RemoteSettingsChanged):
                    self._settle()
                for each in self._running.values():
                    each.make_room()
            case _:
                pass  # answers to what was asked, trailers, priorities: nobody asks for them

    def _take(self, event: RequestReceived) -> None:
        number = event.stream_id
        if self._last_taken is not None and number > self._last_taken:
            return self._reset(number, ErrorCodes.REFUSED_STREAM)
        if len(self._running) >= STREAMS:
            self._refused += 1
            self._reset(number, ErrorCodes.REFUSED_STREAM)
            if self._refused > REFUSALS:
                self._log.warning("a client gives up requests as quickly as it makes them")
                self._h2.close_connection(ErrorCodes.ENHANCE_YOUR_CALM)
                self._end()
            return None
        is_whole = event.stream_ended is not None
        pairs = cast("Pairs", event.headers)
        head = request_head(pairs, has_body=not is_whole)
        if list_size(pairs) > self._max_head_bytes:
            return self._refuse_head(number, is_whole=is_whole)
        if head is None:
            return self._reset(number, ErrorCodes.PROTOCOL_ERROR)
        self._start(number, head, is_whole=is_whole)
        return None

    def _refuse_head(self, number: int, *, is_whole: bool) -> None:
        self._h2.send_headers(number, TOO_LARGE, end_stream=True)
        if not is_whole:
            self._reset(number, ErrorCodes.NO_ERROR)

    def _start(self, number: int, head: RequestHead, *, is_whole: bool) -> ServedStream:
        scope = {
            **self._base,
            "method": head.method,
            "path": head.path,
            "raw_path": head.raw_path,
            "query_string": head.query,
            "headers": head.headers,
        }
        stream = self._running[number] = ServedStream(self, number, scope, is_whole=is_whole)
        task = asyncio.get_running_loop().create_task(self._answer(stream))
        self._state.tasks.add(task)
        task.add_done_callback(self._state.tasks.discard)
        return stream

    async def _answer(self, stream: ServedStream) -> None:
        try:
            await self._app(stream.scope, stream.receive, stream.send)
            if not (stream.is_complete or stream.is_gone):
                raise BrokenResponse("a response that is not whole")  # noqa: TRY301 -- it fails as any other
        except Exception as error:  # the last line of defence: the client is told, the connection goes on
            self._log.error("no whole answer on an HTTP/2 stream", exc_info=error)
            self._fail(stream)
        finally:
            del self._running[stream.number]
            self._finish(stream)

    def _fail(self, stream: ServedStream) -> None:
        if stream.is_gone or self._is_over:
            return
        if stream.has_begun:
            self._reset(stream.number, ErrorCodes.INTERNAL_ERROR)
            return
        self._h2.send_headers(stream.number, [(b":status", b"500"), (b"content-type", b"text/plain")])
        self._h2.send_data(stream.number, FAILED, end_stream=True)

    def _finish(self, stream: ServedStream) -> None:
        if self._is_over:
            return
        self._acknowledge(stream.number, stream.forget())
        if not (stream.is_whole or stream.is_gone):
            self._reset(stream.number, ErrorCodes.NO_ERROR)  # it is answered: the rest need not come
        self._flush()
        self._close_once_idle()

    def _leave(self, stream: ServedStream) -> None:
        self._acknowledge(stream.number, stream.forget())
        stream.leave()

    def _acknowledge(self, number: int, counted: int) -> None:
        if counted and not self._is_over:
            self._h2.acknowledge_received_data(counted, number)
            self._flush_soon()

    def _reset(self, number: int, code: ErrorCodes) -> None:
        try:
            self._h2.reset_stream(number, code)
        except ProtocolError:
            return  # it is closed already
        self._flush_soon()

    def _settle(self) -> None:
        """The client has said what it had to say at the beginning."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _out_of_time(self) -> None:
        self._deadline = None
        self._end()

    def _flush_soon(self) -> None:
        """With what else is written in this turn of the loop."""
        if self._flushing is None:
            self._flushing = asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        data = self._h2.data_to_send()
        if data and self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def _close_once_idle(self) -> None:
        if self._last_taken is not None and not self._running:
            self._end()

    def _end(self) -> None:
        """With what h2 has to say about it."""
        self._flush()
        self._is_over = True
        if self.transport is not None:
            self.transport.close()
        for stream in self._running.values():
            stream.leave()
