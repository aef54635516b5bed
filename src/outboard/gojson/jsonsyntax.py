"""What Go says of text that is no JSON. Only looked at once something is wrong.

Source: Go, package `encoding/json`, `scanner.go`: the states are its states, the words its words.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

__all__ = ["MAX_DEPTH", "UNFINISHED", "syntax_error"]

SPACE: Final = b" \t\n\r"
DIGITS: Final = b"0123456789"
HEX: Final = b"0123456789abcdefABCDEF"
ESCAPES: Final = b'bfnrt\\/"'
LITERALS: Final = {ord(word[:1]): word for word in (b"true", b"false", b"null")}
MAX_DEPTH: Final = "exceeded max depth"
MAX_NESTING: Final = 10_000
UNFINISHED: Final = "unexpected EOF"
SPECIAL: Final = {
    ord("'"): "\\'", ord('"'): '"', ord("\\"): "\\\\",
    7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r",
}  # fmt: skip

BEGIN: Final = "looking for beginning of value"
KEY: Final = "looking for beginning of object key string"


class _Wrong(Exception):
    """Carries what is wrong."""


def syntax_error(data: bytes) -> str | None:
    """Why the first value in `data` is no JSON; None if it is. Nothing but space is "EOF"."""
    if not data.strip(SPACE):
        return "EOF"
    try:
        _value(_Text(data))
    except _Wrong as wrong:
        return str(wrong)
    return None


class _Text:
    """The bytes and where the reader is."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def peek(self) -> int | None:
        """The next byte, None at the end."""
        return self.data[self.at] if self.at < len(self.data) else None

    def next(self) -> int:
        byte = self.peek()
        if byte is None:
            raise _Wrong(UNFINISHED)
        self.at += 1
        return byte

    def token(self) -> int:
        """The next byte that is no space."""
        while (byte := self.next()) in SPACE:
            pass
        return byte


def _value(text: _Text) -> None:
    """Read one value. The nesting is a list, not the stack of Python: Go goes 10,000 deep."""
    open_ones: list[Iterator[None]] = []
    byte = text.token()
    while True:
        if byte in b"{[":
            if len(open_ones) == MAX_NESTING:
                _fail(byte, MAX_DEPTH)
            open_ones.append(_members(text) if byte == ord("{") else _elements(text))
        else:
            _scalar(text, byte)
        while open_ones:
            if next(open_ones[-1], False) is None:
                break
            open_ones.pop()
        if not open_ones:
            return
        byte = text.token()


def _members(text: _Text) -> Iterator[None]:
    """Read an object; it yields where a value is to be read."""
    byte = text.token()
    if byte == ord("}"):
        return
    while True:
        if byte != ord('"'):
            _fail(byte, KEY)
        _string(text)
        byte = text.token()
        if byte != ord(":"):
            _fail(byte, "after object key")
        yield None
        byte = text.token()
        if byte == ord("}"):
            return
        if byte != ord(","):
            _fail(byte, "after object key:value pair")
        byte = text.token()


def _elements(text: _Text) -> Iterator[None]:
    """Read an array, as `_members`."""
    if _closes_at_once(text):
        return
    while True:
        yield None
        byte = text.token()
        if byte == ord("]"):
            return
        if byte != ord(","):
            _fail(byte, "after array element")


def _closes_at_once(text: _Text) -> bool:
    if text.token() == ord("]"):
        return True
    text.at -= 1
    return False


def _scalar(text: _Text, byte: int) -> None:
    if byte == ord('"'):
        _string(text)
    elif byte in LITERALS:
        _literal(text, LITERALS[byte])
    elif byte == ord("-") or byte in DIGITS:
        _number(text, byte)
    else:
        _fail(byte, BEGIN)


def _string(text: _Text) -> None:
    while (byte := text.next()) != ord('"'):
        if byte < ord(" "):
            _fail(byte, "in string literal")
        if byte == ord("\\"):
            _escape(text)


def _escape(text: _Text) -> None:
    byte = text.next()
    if byte == ord("u"):
        for _ in range(4):
            byte = text.next()
            if byte not in HEX:
                _fail(byte, "in \\u hexadecimal character escape")
    elif byte not in ESCAPES:
        _fail(byte, "in string escape code")


def _literal(text: _Text, word: bytes) -> None:
    for expected in word[1:]:
        byte = text.next()
        if byte != expected:
            _fail(byte, f"in literal {word.decode()} (expecting {_quoted(expected)})")


def _number(text: _Text, byte: int) -> None:
    if byte == ord("-"):
        byte = text.next()
        if byte not in DIGITS:
            _fail(byte, "in numeric literal")
    if byte != ord("0"):
        _digits(text)
    if text.peek() == ord("."):
        text.next()
        _some_digits(text, "after decimal point in numeric literal")
    if text.peek() in {ord("e"), ord("E")}:
        text.next()
        if text.peek() in {ord("+"), ord("-")}:
            text.next()
        _some_digits(text, "in exponent of numeric literal")


def _some_digits(text: _Text, place: str) -> None:
    byte = text.next()
    if byte not in DIGITS:
        _fail(byte, place)
    _digits(text)


def _digits(text: _Text) -> None:
    while (byte := text.peek()) is not None and byte in DIGITS:
        text.next()


def _fail(byte: int, place: str) -> None:
    raise _Wrong(f"invalid character {_quoted(byte)} {place}")


def _quoted(byte: int) -> str:
    """A byte as Go shows it: as the character of that number, in single quotes."""
    if byte in SPECIAL:
        return f"'{SPECIAL[byte]}'"
    character = chr(byte)
    if character.isprintable():
        return f"'{character}'"
    return f"'\\x{byte:02x}'" if byte < 0x80 else f"'\\u{byte:04x}'"
