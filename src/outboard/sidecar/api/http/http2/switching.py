"""A connection that begins in HTTP/1.1 and may go on in HTTP/2: from its first byte, or by an upgrade.

Source: RFC 9113, 3.3, and RFC 7540, 3.2; daprd 1.18.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

import httptools
from uvicorn.config import Config
from uvicorn.server import ServerState

from outboard.sidecar.api.http.app import Api
from outboard.sidecar.api.http.http2.heads import (
    RequestHead,
    Upgrade,
    is_h2c_offered,
    offered_head,
    settings_offered,
)
from outboard.sidecar.api.http.protocol import PREFACE, BoundedHttpProtocol

if TYPE_CHECKING:
    from outboard.sidecar.api.http.http2.connection import ServedConnection

__all__ = ["SwitchingHttpProtocol"]

SWITCHING: Final = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
UNREADABLE: Final = (
    b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"  # as daprd
)
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
BEYOND_LIMIT: Final = 2
"""Of a body that is too long so many bytes more are kept, by which that is seen."""


@dataclass(slots=True)
class _Offer:
    """A request that offers HTTP/2. It is answered there, once all of it is here."""

    head: RequestHead
    settings: bytes | None
    body: bytearray = field(default_factory=bytearray)
    is_whole: bool = False


class SwitchingHttpProtocol(BoundedHttpProtocol):
    """That of an `Api` that speaks HTTP/2, too, whose library is imported with the first such connection."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._api = cast("Api", config.app)
        self._beginning: bytes | None = b""
        self._offer: _Offer | None = None

    # asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        if self._beginning is not None:
            data = self._beginning + data
            if len(data) < len(PREFACE) and PREFACE.startswith(data):
                self._beginning = data
                return
            self._beginning = None
            if data.startswith(PREFACE):
                connection = self._switched()
                connection.begin(self.transport, self._base())
                connection.data_received(data)
                return
        super().data_received(data)
        if self._offer is not None and self._offer.is_whole and not self.transport.is_closing():
            self._upgrade(self._offer, self.parser.behind)

    # httptools

    @property
    def leaves_http1(self) -> bool:
        return self._offer is not None and self._offer.is_whole

    def on_message_begin(self) -> None:
        if self._offer is not None:  # before it was told that it may go on
            self.transport.close()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        if self._offer is not None:
            return None
        if not self._offers() or self._is_answering():
            return super().on_headers_complete()
        self._in_head = False
        self._has_progressed = True
        url = httptools.parse_url(self.url)
        method = self.parser.get_method().decode("ascii")
        head = offered_head(method, url.path, url.query or b"", self.headers)
        self._offer = _Offer(head, settings_offered(self.headers))
        if self.expect_100_continue:
            self.transport.write(CONTINUE)
        return None

    def on_body(self, body: bytes) -> None:
        if self._offer is None:
            return super().on_body(body)
        self._has_progressed = True
        room = self._api.max_body_bytes + BEYOND_LIMIT - len(self._offer.body)
        self._offer.body += body[: max(room, 0)]
        return None

    def on_message_complete(self) -> None:
        if self._offer is None:
            return super().on_message_complete()
        self._has_progressed = True
        self._offer.is_whole = not self.parser.ends_too_soon
        return None

    def _offers(self) -> bool:
        parser = self.parser
        return parser.is_offered and parser.get_http_version() == "1.1" and is_h2c_offered(self.headers)

    def _upgrade(self, offer: _Offer, behind: bytes) -> None:
        if offer.settings is None:
            self.transport.write(UNREADABLE)
            self.transport.close()
            return
        self.transport.write(SWITCHING)
        connection = self._switched()
        upgrade = Upgrade(offer.head, offer.settings, bytes(offer.body))
        connection.begin(self.transport, self._base(), upgrade)
        if behind:
            connection.data_received(behind)

    def _switched(self) -> ServedConnection:
        """The connection that reads and writes from now on."""
        from outboard.sidecar.api.http.http2.connection import ServedConnection

        self._in_head = False
        self._watch_head()
        self.connections.discard(self)
        connection = ServedConnection(self._api, self.server_state, self._api.max_header_list_bytes)
        self.transport.set_protocol(connection)
        return connection

    def _base(self) -> dict[str, Any]:
        return {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": self.root_path,
        }
