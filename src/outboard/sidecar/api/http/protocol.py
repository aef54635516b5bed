"""HTTP as it comes in: bounded in size and time while a head is read, before anybody knows who calls.

Source: daprd 1.18, which waits ten seconds for a head and closes the connection without a word. HTTP/2 is not
spoken here (`http2` does, for the API itself); whoever begins with it is told so.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from outboard.sidecar.api.http.upgrades import UpgradeIgnoringParser
from outboard.sidecar.http2_library import is_h2_installed

__all__ = ["BoundedHttpProtocol"]

HEAD_SECONDS: Final = 10.0
TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Connection: close\r\n\r\n431 Request Header Fields Too Large"
)
PREFACE: Final = b"PRI * HTTP/2.0\r\n"
"""How HTTP/2 begins where nobody has asked whether it is spoken (RFC 9113, "HTTP/2 Connection Preface")."""
NO_HTTP2: Final = b"HTTP/1.1 is spoken on this port"
WITHOUT_H2: Final = "; Dapr's API speaks HTTP/2, too, after `pip install 'outboard[h2c]'`"
HTTP_1_1_REQUIRED: Final = b"\x00\x00\x00\x0d"
ONLY_HTTP1: Final = (
    b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"  # SETTINGS, without any
    + (8 + len(NO_HTTP2)).to_bytes(3, "big")
    + b"\x07\x00\x00\x00\x00\x00"  # GOAWAY: no stream was looked at
    + b"\x00\x00\x00\x00"
    + HTTP_1_1_REQUIRED
    + NO_HTTP2
)
"""What a client of HTTP/2 understands."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """uvicorn's, with the size in `h11_max_incomplete_event_size` for what makes no whole part of a request.

    The parser keeps what it has read of a head, and of the trailers behind a body, until that is whole.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.parser: UpgradeIgnoringParser = UpgradeIgnoringParser(self)  # type: ignore[assignment]
        self._limit = config.h11_max_incomplete_event_size
        self._kept = 0
        self._in_head = True
        self._has_progressed = False
        self._deadline: asyncio.TimerHandle | None = None

    @property
    def leaves_http1(self) -> bool:
        """Never."""
        return False

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._in_head = False
        self._watch_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if data.startswith(PREFACE) and self._in_head and not self._kept:
            advice = "" if is_h2_installed() else WITHOUT_H2
            self.logger.warning("a client speaks HTTP/2 without TLS: %s%s", NO_HTTP2.decode(), advice)
            self._in_head = False
            self._watch_head()
            self.transport.write(ONLY_HTTP1)
            self.transport.close()
            return
        self._has_progressed = False
        super().data_received(data)
        self._kept = 0 if self._has_progressed else self._kept + len(data)
        if self._limit is not None and self._kept > self._limit and not self.transport.is_closing():
            self._refuse()
        self._watch_head()

    # httptools

    def on_message_begin(self) -> None:
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._has_progressed = True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._has_progressed = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._has_progressed = True
        if not self.parser.ends_too_soon:
            super().on_message_complete()

    def _refuse(self) -> None:
        self._in_head = False
        if not self._is_answering():
            self.transport.write(TOO_LARGE)
        self.transport.close()

    def _watch_head(self) -> None:
        """A head that came at once, as nearly all do, sets no timer."""
        if self._in_head and self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_SECONDS, self._out_of_time)
        elif not self._in_head and self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _out_of_time(self) -> None:
        """While an earlier request is answered nothing is read, so that no head can come."""
        self._deadline = None
        if self._is_answering():
            self._watch_head()
        else:
            self.transport.close()

    def _is_answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # None until the first request
        return cycle is not None and not cycle.response_complete
