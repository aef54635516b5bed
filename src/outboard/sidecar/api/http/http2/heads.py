"""The heads of requests and responses, between HTTP/2 and ASGI. Pure.

Source: RFC 9113, 8.2 and 8.3; ASGI, "HTTP & WebSocket" (which puts `:authority` into `host`).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import unquote

__all__ = [
    "Pairs",
    "RequestHead",
    "Upgrade",
    "is_h2c_offered",
    "list_size",
    "offered_head",
    "request_head",
    "response_pairs",
    "settings_offered",
]

Pairs: TypeAlias = Sequence[tuple[bytes, bytes]]

OF_CONNECTION: Final = frozenset({
    b"connection", b"http2-settings", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"
})  # fmt: skip
OF_OFFER: Final = frozenset({b"connection", b"http2-settings", b"upgrade"})
TARGET: Final = re.compile(rb"[/*](?:[\x21-\x24\x26-\x3e\x40-\x7e]|%[0-9A-Fa-f]{2})*(?:\?[\x21-\x7e]*)?")
HEADER_OVERHEAD: Final = 32
UNKNOWN_LENGTH: Final = (b"transfer-encoding", b"chunked")


class RequestHead(NamedTuple):
    """What ASGI tells of a request: `raw_path` and `query` as they were sent, headers in lower case."""

    method: str
    path: str
    raw_path: bytes
    query: bytes
    headers: list[tuple[bytes, bytes]]


class Upgrade(NamedTuple):
    """A whole request of HTTP/1.1 that is to be answered in HTTP/2, with the client's settings in base64."""

    head: RequestHead
    settings: bytes
    body: bytes


def request_head(pairs: Pairs, *, has_body: bool) -> RequestHead | None:
    """That of a request, whose pseudo-headers h2 has looked for; None where its path is none.

    A body of unknown length is told of as in HTTP/1.1, so that nobody who reads it has to know the protocol.
    """
    pseudo = {name: value for name, value in pairs if name.startswith(b":")}
    target = pseudo.get(b":path", b"")
    if not TARGET.fullmatch(target):
        return None
    headers = _one_host(pseudo.get(b":authority"), pairs)
    headers += [
        item for item in pairs if not item[0].startswith(b":") and item[0] not in (b"host", b"cookie")
    ]
    if cookies := [value for name, value in pairs if name == b"cookie"]:
        headers.append((b"cookie", b"; ".join(cookies)))
    if has_body and all(name != b"content-length" for name, _ in pairs):
        headers.append(UNKNOWN_LENGTH)
    raw_path, _, query = target.partition(b"?")
    return RequestHead(pseudo[b":method"].decode("latin-1"), _unquoted(raw_path), raw_path, query, headers)


def list_size(pairs: Pairs) -> int:
    """The size of a head, in bytes. Source: RFC 9113, "SETTINGS_MAX_HEADER_LIST_SIZE"."""
    return sum(len(name) + len(value) + HEADER_OVERHEAD for name, value in pairs)


def offered_head(method: str, raw_path: bytes, query: bytes, headers: Pairs) -> RequestHead:
    """That of a request of HTTP/1.1 with an offer, as the first one of HTTP/2."""
    kept = [item for item in headers if item[0] not in OF_OFFER]
    return RequestHead(method, _unquoted(raw_path), raw_path, query, kept)


def is_h2c_offered(headers: Pairs) -> bool:
    """Whether a request of HTTP/1.1 asks to go on in HTTP/2. Source: RFC 7540, 3.2."""
    return b"h2c" in _tokens(headers, b"upgrade") and b"http2-settings" in _tokens(headers, b"connection")


def settings_offered(headers: Pairs) -> bytes | None:
    """The settings of the client, in base64 with its padding; None where there are none that can be read."""
    values = [value for name, value in headers if name == b"http2-settings"]
    if len(values) != 1:
        return None
    padded = values[0] + b"=" * (-len(values[0]) % 4)
    try:
        base64.b64decode(padded, altchars=b"-_", validate=True)
    except binascii.Error:
        return None
    return padded


def response_pairs(status: int, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The head of a response, without what speaks of a connection."""
    lower = [(name.lower(), value) for name, value in headers]
    return [
        (b":status", str(status).encode("ascii")),
        *(item for item in lower if item[0] not in OF_CONNECTION),
    ]


def _one_host(authority: bytes | None, pairs: Pairs) -> list[tuple[bytes, bytes]]:
    told = [authority] if authority is not None else [value for name, value in pairs if name == b"host"]
    return [(b"host", value) for value in told[:1]]


def _tokens(headers: Pairs, wanted: bytes) -> set[bytes]:
    values = (value for name, value in headers if name == wanted)
    return {token.strip().lower() for value in values for token in value.split(b",")}


def _unquoted(raw_path: bytes) -> str:
    path = raw_path.decode("latin-1")
    return unquote(path) if "%" in path else path
