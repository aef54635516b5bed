"""Saving, getting and deleting state."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.question import (
    Question,
)
from conformance.questions.stores import STORES, about

__all__ = ["QUESTIONS"]


def _saving(store: str) -> Iterator[Question]:
    at, name, rows = about(store, "missing", "state: get", "state: delete")
    yield Question(name, rows, (at.get(), at.delete(), at.delete(if_match="x"), at.delete(if_match='"5"')))
    at, name, rows = about(store, "save-get-delete", "state: save", "state: get", "state: delete")
    yield Question(
        name,
        rows,
        (
            at.save(at.item({"a": 1})),
            at.get(),
            at.save(at.item(2), method="PUT"),
            at.get(),
            at.delete(),
            at.get(),
        ),
    )
    at, name, rows = about(store, "several", "state: save")
    yield Question(
        name,
        rows,
        (
            at.save(),
            at.save(at.item(1, "a"), at.item(2, "b")),
            at.bulk("a", "b"),
            at.save(at.item(1), at.item(2)),
        ),
    )
    at, name, rows = about(store, "no-value", "state: save")
    yield Question(
        name, rows, (at.save({"key": at.key()}), at.get(), at.save({"KEY": at.key(), "Value": 3}), at.get())
    )
    at, name, rows = about(store, "nulls", "state: save")
    yield Question(name, rows, (at.save(at.item(1, etag=None, metadata=None, options=None)), at.get()))
    at, name, rows = about(store, "trailing", "state: save")
    yield Question(name, rows, (at.body(b'[{"key":"%s","value":1}] trailing' % at.key().encode()), at.get()))
    at, name, rows = about(store, "item-metadata", "state: save")
    yield Question(
        name,
        rows,
        (
            at.save(at.item(1, metadata={"contentType": "application/json", "partitionKey": "x"})),
            at.get(query="?metadata.partitionKey=x"),
        ),
    )


def _refusing(store: str) -> Iterator[Question]:
    at, name, rows = about(store, "key-missing", "state: save", "state errors: malformed")
    yield Question(
        name,
        rows,
        (
            at.save({"value": 1}),
            at.save({"key": "", "value": 1}),
            at.save(at.item(1), {"key": ""}),
            at.get(),
            at.save({}),
            at.save({"key": None}),
            at.save(None),
        ),
    )
    at, name, rows = about(store, "malformed", "state: save", "state errors: malformed")
    wrong_items: tuple[bytes, ...] = (
        b"",
        b"{}",
        b"null",
        b"5",
        b'"x"',
        b"[",
        b"x",
        b"[5]",
        b'["x"]',
        b"[[]]",
        b'[{"key":5}]',
        b'[{"key":"a","etag":5}]',
        b'[{"key":"a","metadata":{"a":5}}]',
        b'[{"key":"a","metadata":[]}]',
        b'[{"key":"a","options":5}]',
        b'[{"key":"a","metadata":5}]',
        b'[{"key":"a","options":{"concurrency":5}}]',
        b'[{"key":"a","value":}]',
        b'[{"key":"a"},]',
        b'[{"key":"a" "value":1}]',
        b"\xff",
        b'[{"key":"a","value":tru}]',
        b"[{key:1}]",
        b'[{"key":"a","value":01}]',
        b'[{"key":"a","value":"\n"}]',
        b'[{"key":"a"',
        b'[{"key',
        b'[{"key":"a\\x"}]',
        b"[{}",
        b"[{}]]",
        b"[NaN]",
        b"-",
        b"tr",
        b'[{"key":true}]',
        b"// x",
        b'[{"key":"a","value":1.}]',
    )
    yield Question(name, rows, tuple(at.body(body) for body in wrong_items))


def _large(store: str) -> Iterator[Question]:
    at, name, rows = about(store, "oversize", "http: oversize")
    big = b'[{"key":"%s","value":"%s"}]' % (at.key().encode(), b"x" * (4 * 1024 * 1024))
    yield Question(name, rows, (at.body(big), at.body(big, "/bulk"), at.body(big, "/transaction"), at.get()))


QUESTIONS = (
    *(question for store in STORES for question in _saving(store)),
    *(question for store in STORES for question in _refusing(store)),
    *(question for store in STORES for question in _large(store)),
)
