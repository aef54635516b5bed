"""Requests that offer an upgrade of the connection: one that is not taken is passed over.

Source: RFC 9110, 7.8: a server may ignore it. Java's HttpClient offers HTTP/2 with each first request.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

import httptools

__all__ = ["UpgradeIgnoringParser"]

FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})


class ReadsRequests(Protocol):
    """What httptools calls; its `headers` are those of the request that is read.

    `leaves_http1` says that the request is whole, and that what comes behind it is in another protocol.
    """

    headers: list[tuple[bytes, bytes]]

    @property
    def leaves_http1(self) -> bool: ...


class UpgradeIgnoringParser:
    """httptools' parser for `protocol`, which ends a request with such an offer at its head.

    What comes behind the head would be lost. Another parser reads it, after it was shown how long it is.
    """

    def __init__(self, protocol: ReadsRequests) -> None:
        self._protocol = protocol
        self._parser = _parser(protocol)
        self.behind = b""
        """What came behind the last request of HTTP/1.1."""

    @property
    def is_offered(self) -> bool:
        """Whether the request that is read offers another protocol."""
        return self._parser.should_upgrade()

    @property
    def ends_too_soon(self) -> bool:
        """Whether the request that is told to be complete has a body that was not read yet."""
        return self.is_offered and bool(_framing(self._protocol.headers))

    def feed_data(self, data: bytes) -> None:
        """Raises httptools.HttpParserError, and no HttpParserUpgrade."""
        while data:
            try:
                self._parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as offer:
                data = data[offer.args[0] :]
                if self._protocol.leaves_http1:
                    self.behind = data
                    return
                self._parser = _behind_head(self._protocol)

    def should_upgrade(self) -> bool:
        """Never."""
        return False

    def should_keep_alive(self) -> bool:
        return self._parser.should_keep_alive()

    def get_http_version(self) -> str:
        return self._parser.get_http_version()

    def get_method(self) -> bytes:
        return self._parser.get_method()


class _Muted:
    """Passes on what a parser calls, once it `speaks`."""

    def __init__(self, protocol: ReadsRequests) -> None:
        self.speaks = False
        self._protocol = protocol

    def __getattr__(self, name: str) -> Any:
        called = getattr(self._protocol, name)

        def call(*arguments: Any) -> None:
            if self.speaks:
                called(*arguments)

        return call


def _parser(protocol: object) -> httptools.HttpRequestParser:
    parser = httptools.HttpRequestParser(protocol)
    parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
    return parser


def _behind_head(protocol: ReadsRequests) -> httptools.HttpRequestParser:
    """One that reads what comes behind the head of the request that `protocol` has the headers of."""
    framing = _framing(protocol.headers)
    if not framing:
        return _parser(protocol)
    muted = _Muted(protocol)
    parser = _parser(muted)
    lines = b"".join(b"%s: %s\r\n" % header for header in framing)
    parser.feed_data(b"POST / HTTP/1.1\r\n" + lines + b"\r\n")
    muted.speaks = True
    return parser


def _framing(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers that tell how long the body is; none where there is no body."""
    return [item for item in headers if item[0] in FRAMING and item[1].strip(b"0")]
