"""Whether bytes are a CloudEvent in Protocol Buffers: read as far as that needs.

Source: CloudEvents 1.0, Protobuf format (`cloudevents.proto`); Protocol Buffers, "Encoding".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

__all__ = ["is_cloud_event"]

VARINT, FIXED64, LENGTH, START_GROUP, END_GROUP, FIXED32 = range(6)
LONGEST_VARINT: Final = 10
MAX_DEPTH: Final = 100
LAST_FIELD: Final = 2**29 - 1


class _Malformed(Exception):
    """The bytes are no message."""


@dataclass(frozen=True)
class _Message:
    """What of a message is checked: the fields that are text, those that are messages, and whether any of
    `one_of` is there.
    """

    texts: frozenset[int] = frozenset()
    messages: Mapping[int, _Message] = field(default_factory=dict)
    one_of: frozenset[int] = frozenset()


TIMESTAMP: Final = _Message()
ATTRIBUTE: Final = _Message(
    texts=frozenset({3, 5, 6}), messages={7: TIMESTAMP}, one_of=frozenset(range(1, 8))
)
ENTRY: Final = _Message(texts=frozenset({1}), messages={2: ATTRIBUTE}, one_of=frozenset({2}))
ANY: Final = _Message(texts=frozenset({1}))
EVENT: Final = _Message(texts=frozenset({1, 2, 3, 4, 7}), messages={5: ENTRY, 8: ANY})


def is_cloud_event(data: bytes) -> bool:
    """Whether a decoder of protobuf takes `data`. Fields that it does not know are no fault, nor are none."""
    try:
        _check(data, EVENT, 0)
    except (_Malformed, UnicodeDecodeError):
        return False
    return True


def _check(data: bytes, message: _Message, depth: int) -> None:
    groups: list[int] = []
    seen: set[int] = set()
    at = 0
    while at < len(data):
        number, kind, at = _tag(data, at)
        if kind == START_GROUP:
            groups.append(number)
        elif kind == END_GROUP:
            if not groups or groups.pop() != number:
                raise _Malformed
        else:
            start, at = _field(data, at, kind)
            seen.add(number)
            if kind == LENGTH and not groups:
                _check_field(data[start:at], number, message, depth)
        if len(groups) + depth > MAX_DEPTH:
            raise _Malformed
    if groups or (message.one_of and not seen & message.one_of):
        raise _Malformed


def _check_field(value: bytes, number: int, message: _Message, depth: int) -> None:
    if number in message.texts:
        value.decode("utf-8")
    elif number in message.messages:
        _check(value, message.messages[number], depth + 1)


def _tag(data: bytes, at: int) -> tuple[int, int, int]:
    tag, at = _varint(data, at)
    number, kind = tag >> 3, tag & 7
    if not 1 <= number <= LAST_FIELD:
        raise _Malformed
    return number, kind, at


def _field(data: bytes, at: int, kind: int) -> tuple[int, int]:
    """Where the value of a field begins and ends."""
    size = {FIXED64: 8, FIXED32: 4}.get(kind, 0)
    if kind == VARINT:
        _, end = _varint(data, at)
        return at, end
    if kind == LENGTH:
        size, at = _varint(data, at)
    elif not size:
        raise _Malformed
    if at + size > len(data):
        raise _Malformed
    return at, at + size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(LONGEST_VARINT):
        if at + place >= len(data):
            raise _Malformed
        byte = data[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, at + place + 1
    raise _Malformed
