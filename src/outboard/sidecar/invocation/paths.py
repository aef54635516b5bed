"""The path of a call: made plain where it comes in, and escaped where it goes on, as Go does both. Pure.

Source: daprd 1.18; the rules of Go's `net/url` for which characters a path is escaped.
"""

from __future__ import annotations

import posixpath
import re
from typing import Final
from urllib.parse import quote_from_bytes, unquote_to_bytes

from outboard.sidecar.invocation.values import InvocationFailed

__all__ = ["cleaned", "decoded", "go_quoted", "normalised", "request_target"]

ENCODING: Final = ("utf-8", "surrogateescape")
FORBIDDEN: Final = frozenset("#?\0")
PLAIN: Final = "/$&+,:;=@-_.~"
VALID: Final = re.compile(rb"[A-Za-z0-9!$&'()*+,;=:@\[\]%/\-_.~]*\Z")
BAD_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2}).{0,2}", re.DOTALL)
SHORT: Final = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v",
                '"': '\\"', "\\": "\\\\"}  # fmt: skip


def decoded(raw_path: str) -> str:
    """A path as it was sent, without its escapes; what is no UTF-8 is kept as surrogates."""
    return unquote_to_bytes(raw_path.encode("latin-1")).decode(*ENCODING)


def cleaned(path: str) -> str:
    """Without empty parts, `.` and `..`; that of nothing is empty."""
    clean = posixpath.normpath(path) if path else ""
    if clean.startswith("//"):
        clean = clean[1:]
    return "" if clean == "." else clean


def normalised(method: str) -> str:
    """A path that leads nowhere above its beginning. Raises InvocationFailed for one that cannot be."""
    if not FORBIDDEN.isdisjoint(method):
        raise _invalid(f"method contains forbidden character: {go_quoted(method)}")
    for index, letter in enumerate(method):
        if letter < " " or letter == "\x7f":
            position = len(method[:index].encode(*ENCODING))
            raise _invalid(f"method contains control character at position {position}: {go_quoted(method)}")
    clean = cleaned(method)
    while clean.startswith("../"):
        clean = clean[3:]
    return "" if clean == ".." else clean


def request_target(base: str, method: str, query: str) -> str:
    """The path and query of a request for `method`. Raises InvocationFailed where they make no URL.

    `base` is where it goes ("http://127.0.0.1:8000"), for the error.
    """
    path = method if method.startswith("/") else f"/{method}"
    raw = path.encode(*ENCODING)
    found = BAD_ESCAPE.search(raw)
    if found is not None:
        url, escape = f"{base}{path}" + (f"?{query}" if query else ""), found[0].decode(*ENCODING)
        raise InvocationFailed(f"parse {go_quoted(url)}: invalid URL escape {go_quoted(escape)}")
    escaped = raw if VALID.match(raw) else quote_from_bytes(unquote_to_bytes(raw), PLAIN).encode()
    return escaped.decode("ascii") + (f"?{query}" if query else "")


def go_quoted(text: str) -> str:
    """`text` between double quotes, as Go writes it."""
    return '"' + "".join(map(_quoted, text)) + '"'


def _quoted(letter: str) -> str:
    if letter in SHORT:
        return SHORT[letter]
    number = ord(letter)
    if 0xDC80 <= number <= 0xDCFF:
        return f"\\x{number - 0xDC00:02x}"
    if letter.isprintable():
        return letter
    if number < 0x80:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _invalid(problem: str) -> InvocationFailed:
    return InvocationFailed(f"invalid method: {problem}", "InvalidArgument")
