"""Requests and responses of the HTTP API as values, and the ASGI side of them."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from itertools import chain
from typing import Any, Final, NamedTuple, TypeAlias
from urllib.parse import unquote_plus

from outboard.gojson.values import Json
from outboard.sidecar.invocation.values import AnswerBody, Headers
from outboard.wire import dapr
from outboard.wire.http import NO_HEADERS
from outboard.wire.tracing import TraceContext

__all__ = [
    "EMPTY",
    "ApiRequest",
    "BodyTooLarge",
    "Receive",
    "Reply",
    "Scope",
    "Send",
    "head_of",
    "json_reply",
    "send_reply",
]

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

JSON: Final = "application/json"
STREAM_TOO_LARGE: Final = "stream too large"
DISCARD_FACTOR: Final = 8
BAD_ESCAPE: Final = re.compile("%(?![0-9A-Fa-f]{2})")


class BodyTooLarge(Exception):
    """The body is longer than the sidecar takes."""

    def __init__(self) -> None:
        super().__init__(STREAM_TOO_LARGE)


class ClientGone(Exception):
    """The client hung up before its request was whole: nobody waits for an answer."""


class Reply(NamedTuple):
    """A response. Header names in lower case; `content_type` empty sends none, as does status 204.

    One that is not `traced` goes without the headers of the trace. Instead of `body` there may be a `stream`,
    sent as it comes. `repeated` are further headers, of which some may be there several times.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = NO_HEADERS
    content_type: str = JSON
    traced: bool = True
    stream: AnswerBody | None = None
    repeated: Headers = ()

    def with_headers(self, headers: Mapping[str, str]) -> Reply:
        return self._replace(headers={**self.headers, **headers})


EMPTY: Final = Reply(204)


def json_reply(status: int, value: Json, *, newline: bool = False) -> Reply:
    """`value` as compact JSON; with the newline that daprd's encoder puts after some bodies."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Reply(status, (text + "\n" * newline).encode("utf-8", "replace"))


class ApiRequest:
    """One request. `parameters` are the unescaped parts of the path that the route names."""

    def __init__(self, scope: Scope, receive: Receive, max_body_bytes: int) -> None:
        self.method: str = scope["method"]
        raw_path: bytes = scope.get("raw_path") or str(scope["path"]).encode()
        self.raw_path = raw_path.partition(b"?")[0].decode("latin-1")
        self.headers = _headers(scope["headers"])
        self.parameters: Mapping[str, str] = {}
        self.trace = TraceContext.parse(self.headers.get("traceparent"), self.headers.get("tracestate", ""))
        """The trace that the request belongs to, by its headers."""
        self._query_string: bytes = scope.get("query_string", b"")
        self.query_string = self._query_string.decode("latin-1")
        """The whole query, as it was sent."""
        self.query = first_values(self.query_string)
        """The first value of each query parameter."""
        self.metadata = _metadata(self.query)
        """The query parameters that begin with `metadata.`, without that."""
        self._receive = receive
        slack = scope.get("http_version", "1.1") != "2"  # of HTTP/1.1 daprd, too, takes a byte too many
        self._max_body_bytes = max_body_bytes + slack
        self._raw_headers: list[tuple[bytes, bytes]] = scope["headers"]
        is_empty = self.headers.get("content-length", "0") == "0"
        self._is_read = is_empty and "transfer-encoding" not in self.headers
        self._told: list[Callable[[], None]] = []

    @property
    def head_bytes(self) -> int:
        """The size of the request line and the headers, as they were sent."""
        line = len(self.method) + len(self.raw_path) + len(self._query_string) + len("  HTTP/1.1\r\n")
        separators = len(": \r\n") * len(self._raw_headers)
        return line + separators + sum(map(len, chain.from_iterable(self._raw_headers)))

    @property
    def baggage(self) -> str | None:
        """That of the trace: all of it in one line."""
        if "baggage" not in self.headers:
            return None
        return ",".join(value for name, value in self.all_headers if name == "baggage")

    @property
    def all_headers(self) -> Headers:
        """Each as often as it was sent; what is no UTF-8 is kept as surrogates."""
        return [
            (name.decode("latin-1").lower(), value.decode("utf-8", "surrogateescape"))
            for name, value in self._raw_headers
        ]

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes. Raises BodyTooLarge, and ClientGone."""
        size, more = 0, not self._is_read
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            chunk: bytes = message.get("body", b"")
            size += len(chunk)
            if size > self._max_body_bytes:
                raise BodyTooLarge
            if chunk:
                yield chunk
            more = message.get("more_body", False)
        self._is_read = True
        for told in self._told:
            told()

    def once_read(self, told: Callable[[], None]) -> None:
        """Call `told` when the body has come to its end by `chunks`: at once where there is none."""
        if self._is_read:
            told()
        else:
            self._told.append(told)

    async def has_gone(self) -> bool:
        """Wait for the next word of the client; to be asked behind the body alone. Whether it has hung up."""
        return bool((await self._receive())["type"] == "http.disconnect")

    async def body(self) -> bytes:
        """The whole body. Raises BodyTooLarge, and ClientGone."""
        chunks, size, more = [], 0, True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            chunk: bytes = message.get("body", b"")
            size += len(chunk)
            more = message.get("more_body", False)
            if size <= self._max_body_bytes:
                chunks.append(chunk)
            elif size > self._max_body_bytes * DISCARD_FACTOR:
                break  # a client that goes on gets the answer in the middle of it
        if size > self._max_body_bytes:
            raise BodyTooLarge
        return b"".join(chunks)


def first_values(query: str) -> dict[str, str]:
    """The first value of each parameter; as in Go, one with a semicolon or a bad escape is left out."""
    values: dict[str, str] = {}
    for part in query.split("&"):
        if part and ";" not in part and not BAD_ESCAPE.search(part):
            name, _, value = part.partition("=")
            values.setdefault(unquote_plus(name), unquote_plus(value))
    return values


def _metadata(query: Mapping[str, str]) -> dict[str, str]:
    prefix = dapr.METADATA_QUERY_PREFIX
    return {name.removeprefix(prefix): value for name, value in query.items() if name.startswith(prefix)}


async def send_reply(send: Send, reply: Reply, *, head_only: bool = False) -> None:
    """Send `reply`."""
    headers = head_of(reply)
    if reply.status != EMPTY.status:
        headers.append((b"content-length", str(len(reply.body)).encode("ascii")))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head_only else reply.body})


def head_of(reply: Reply) -> list[tuple[bytes, bytes]]:
    """The headers of `reply` but for its length, as ASGI has them."""
    headers = [
        (name.encode("latin-1"), value.encode("utf-8", "replace")) for name, value in reply.headers.items()
    ]
    headers += [
        (name.encode("latin-1", "replace"), value.encode("utf-8", "surrogateescape"))
        for name, value in reply.repeated
    ]
    if reply.status != EMPTY.status and reply.content_type:
        headers.append((b"content-type", reply.content_type.encode("latin-1")))
    return headers


def _headers(raw: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Of a header that is sent twice the first counts, as in Go."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in reversed(raw)}
