"""Values as they come back."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.question import (
    Question,
)
from conformance.questions.stores import STORES, Store

__all__ = ["QUESTIONS"]

VALUES: dict[str, bytes] = {
    "object": b'{"b": 1, "a": {"z": [1, 2.50, "x"]}}',
    "string": b'"text"',
    "number": b"5",
    "float": b"1.10",
    "big": b"12345678901234567890",
    "exact": b"9007199254740993",
    "exponent": b"1e3",
    "large-exponent": b"1e21",
    "small": b"0.0000001",
    "negative-zero": b"-0",
    "null": b"null",
    "true": b"true",
    "empty-string": b'""',
    "empty-object": b"{}",
    "empty-array": b"[]",
    "html": b'"<b>&"',
    "umlaut": '"ü€𝄞"'.encode(),
    "escapes": b'"\\u00fc\\n\\u2028\\u0001\\/"',
    "surrogate": b'"\\ud800"',
    "duplicate": b'{"a":1,"a":2}',
    "base64-like": b'"AAE="',
    "infinite": b"1e400",
    "upper": b'{"B":1,"a":2,"_":3}',
}


def _values(store: str) -> Iterator[Question]:
    for name, value in VALUES.items():
        at = Store(store, f"value-{name}")
        saved = at.body(b'[{"key":"%s","value":%s}]' % (at.key().encode(), value))
        yield Question(
            f"{store}-value-{name}",
            ("state values: values", "state: save", "state: get"),
            (saved, at.get(), at.bulk("k")),
        )


QUESTIONS = tuple(question for store in STORES for question in _values(store))
