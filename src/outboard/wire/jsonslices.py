"""Cuts JSON text into the texts of its parts, so that one of them can be kept byte for byte. Pure.

What is inside a part is not looked at more closely than it takes to find its end: nesting of any depth,
numbers of any length and strings of any bytes are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from json import JSONDecodeError, JSONDecoder
from typing import Final

__all__ = ["decoded", "encoded", "skip", "to_end", "walk_array", "walk_object"]

SPACE: Final = re.compile(r"[ \t\n\r]*")
MARK: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[][{}]', re.DOTALL)
DECODER: Final = JSONDecoder(parse_int=str, parse_float=str, strict=False)


def decoded(body: bytes) -> str:
    """`body` as text; bytes that are not UTF-8 survive the way back through `encoded`."""
    return body.decode("utf-8", "surrogateescape")


def encoded(text: str) -> bytes:
    """The bytes of which `text` was decoded."""
    return text.encode("utf-8", "surrogateescape")


def walk_object(text: str, at: int, member: Callable[[str, int], int]) -> int:
    """Call `member` with each name and where its value begins; it returns where that ends.

    Returns where the object ends. Raises JSONDecodeError.
    """
    at = _space(text, _expect(text, at, "{"))
    if text.startswith("}", at):
        return at + 1
    while True:
        if not text.startswith('"', at):
            raise JSONDecodeError("Expecting a name", text, at)
        name, at = DECODER.raw_decode(text, at)
        at = _space(text, member(name, _space(text, _expect(text, at, ":"))))
        if text.startswith("}", at):
            return at + 1
        at = _space(text, _expect(text, at, ","))


def walk_array(text: str, at: int, item: Callable[[int], int]) -> int:
    """Call `item` with where each item begins; it returns where that ends.

    Returns where the array ends. Raises JSONDecodeError.
    """
    at = _space(text, _expect(text, at, "["))
    if text.startswith("]", at):
        return at + 1
    while True:
        at = _space(text, item(at))
        if text.startswith("]", at):
            return at + 1
        at = _space(text, _expect(text, at, ","))


def skip(text: str, at: int) -> int:
    """Where the value that begins at `at` ends. Raises JSONDecodeError."""
    try:
        end: int = DECODER.raw_decode(text, at)[1]
    except RecursionError:
        return _skip_nested(text, at)
    return end


def to_end(text: str, at: int) -> None:
    """Raises JSONDecodeError where more than white space is left."""
    if _space(text, at) != len(text):
        raise JSONDecodeError("Extra data", text, at)


def _skip_nested(text: str, at: int) -> int:
    depth = 0
    for mark in MARK.finditer(text, at):
        if mark[0] in "[{":
            depth += 1
        elif mark[0] in "]}":
            depth -= 1
            if depth == 0:
                return mark.end()
    raise JSONDecodeError("Expecting the end of what is nested", text, at)


def _space(text: str, at: int) -> int:
    found = SPACE.match(text, at)
    return at if found is None else found.end()


def _expect(text: str, at: int, character: str) -> int:
    at = _space(text, at)
    if not text.startswith(character, at):
        raise JSONDecodeError(f"Expecting {character!r}", text, at)
    return at + 1
