"""Base64 read as Go reads it: line ends are passed over, and an error says at which byte.

Source: Go, package `encoding/base64`, `StdEncoding`.
"""

from __future__ import annotations

import base64
import string
from typing import Final

__all__ = ["CorruptInput", "decode"]

ALPHABET: Final = frozenset((string.ascii_letters + string.digits + "+/").encode())
LINE_ENDS: Final = frozenset(b"\r\n")
PADDING: Final = ord("=")
QUANTUM: Final = 4


class CorruptInput(ValueError):
    """The text is no base64."""

    def __init__(self, at: int) -> None:
        super().__init__(f"illegal base64 data at input byte {at}")


def decode(text: str) -> bytes:
    """Raises CorruptInput."""
    source = text.encode("utf-8", "replace")
    index = 0
    while index < len(source):
        index = _quantum(source, index)
    return base64.b64decode(bytes(byte for byte in source if byte not in LINE_ENDS))


def _quantum(source: bytes, index: int) -> int:
    """Read four characters: where the next ones begin, which is the end after padding."""
    count = 0
    while count < QUANTUM:
        if index == len(source):
            if not count:
                return index
            raise CorruptInput(index - count)
        byte = source[index]
        index += 1
        if byte in ALPHABET:
            count += 1
        elif byte == PADDING:
            return _padding(source, index, count)
        elif byte not in LINE_ENDS:
            raise CorruptInput(index - 1)
    return index


def _padding(source: bytes, index: int, count: int) -> int:
    """Read what follows a `=` behind `count` characters: nothing but a second one may."""
    if count < QUANTUM - 2:
        raise CorruptInput(index - 1)
    if count == QUANTUM - 2:
        index = _skip(source, index)
        if index == len(source):
            raise CorruptInput(index)
        if source[index] != PADDING:
            raise CorruptInput(index - 1)
        index += 1
    index = _skip(source, index)
    if index < len(source):
        raise CorruptInput(index)
    return index


def _skip(source: bytes, index: int) -> int:
    while index < len(source) and source[index] in LINE_ENDS:
        index += 1
    return index
