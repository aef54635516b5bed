"""One HTTP/1.1 connection: a request, its response, the next request. No pipelining.

Source: RFC 9112; httptools (llhttp) reads the responses.
"""

from __future__ import annotations

import asyncio
import zlib
from typing import Final, cast

import httptools

from outboard.wire.http import ExchangeFailed, Request, Response

__all__ = ["AGENT", "Connection", "request_head", "unpacked"]

LONGEST_HEAD: Final = 64 * 1024
MOST_HEADERS: Final = 1_000
GZIP: Final = 16 + zlib.MAX_WBITS
SWITCHING: Final = 101
FINAL: Final = 200
AGENT: Final = "outboard"
# Go takes these of a response, so daprd does. It is the app's alone: nobody else's can hide in it.
AS_GO: Final = {
    "lenient_headers": True,
    "lenient_chunked_length": True,
    "lenient_optional_cr_before_lf": True,
    "lenient_spaces_after_chunk_size": True,
}


def request_head(request: Request, host: str) -> bytes:
    """The request line and the headers. Raises ExchangeFailed for what cannot stand in a head."""
    lines = [
        f"{request.method} {request.target} HTTP/1.1",
        f"host: {host}",
        f"user-agent: {AGENT}",
        "accept-encoding: gzip",
    ]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    if request.body or request.method == "POST":
        lines.append(f"content-length: {len(request.body)}")
    text = "\r\n".join(lines)
    if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1 or "\0" in text:
        raise ExchangeFailed("a line break in the head of the request", sent=False)
    try:
        return f"{text}\r\n\r\n".encode()
    except UnicodeEncodeError:
        raise ExchangeFailed("text that is not Unicode in the head of the request", sent=False) from None


class Connection(asyncio.Protocol):
    """Of a response body `limit` bytes are kept. `usable` while it can take another request."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Response] | None = None
        self._used = False
        self._begin()

    def _begin(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(**AS_GO)
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._size = self._received = 0
        self._head_is_read = False

    @property
    def usable(self) -> bool:
        return self._transport is not None and not self._transport.is_closing() and self._answer is None

    async def exchange(self, head: bytes, body: bytes) -> Response:
        """Send a request and wait for its response; whatever keeps it from coming closes the connection.

        Raises ExchangeFailed.
        """
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._begin()
        self._transport.write(head + body)
        try:
            return await self._answer
        except BaseException:
            self.close()
            raise
        finally:
            self._answer, self._used = None, True

    def close(self) -> None:
        """At once: what is under way is given up."""
        if self._transport is not None:
            self._transport.abort()

    # asyncio calls these

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._answer.done():
            return self.close()  # more than was asked for
        self._received += len(data)
        if not self._head_is_read and self._received > LONGEST_HEAD + len(data):
            return self._fail("the head of the response is too long")
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._complete(keep=False)
        except httptools.HttpParserError as error:
            self._broken(f"not an HTTP response: {error}")
        else:
            if self._received > LONGEST_HEAD + 2 * self._limit:
                self._complete(keep=False)
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        reason = "the connection was closed" if exc is None else f"{type(exc).__name__}: {exc}"
        self._broken(reason, dropped=self._used and not self._received)

    # httptools calls these

    def on_message_begin(self) -> None:
        if self._answer is None or self._answer.done():
            self.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        if b"\0" in value or len(self._headers) == MOST_HEADERS:
            raise ValueError("a NUL in a header, or too many of them")
        if not self._head_is_read:
            self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= FINAL or status == SWITCHING:
            self._head_is_read = True
        else:
            self._headers = {}  # of an interim response; the final one follows

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        self._body.append(body)
        if self._size > self._limit:
            self._complete(keep=False)  # the rest is not wanted, and reading it would hold the connection

    def on_message_complete(self) -> None:
        if self._head_is_read:
            self._complete(keep=self._parser.should_keep_alive())

    def _broken(self, reason: str, *, dropped: bool = False) -> None:
        """There comes no more: of a body daprd takes what there is."""
        if self._head_is_read:
            self._complete(keep=False)
        else:
            self._fail(reason, dropped=dropped)

    def _complete(self, *, keep: bool) -> None:
        if self._answer is not None and not self._answer.done():
            body = b"".join(self._body)[: self._limit]
            if self._headers.get("content-encoding", "").lower() == "gzip":
                body = unpacked(body, self._limit)
            self._answer.set_result(Response(self._parser.get_status_code(), self._headers, body))
        if not keep or (self._transport is not None and self._transport.get_write_buffer_size()):
            self.close()  # also where the response came before the whole request had gone

    def _fail(self, reason: str, *, dropped: bool = False) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ExchangeFailed(reason, dropped=dropped))
        self.close()


def unpacked(body: bytes, limit: int) -> bytes:
    """At most `limit` bytes; of what is no gzip there is nothing that could be read, as for daprd."""
    try:
        return zlib.decompressobj(GZIP).decompress(body, limit)
    except zlib.error:
        return b""
