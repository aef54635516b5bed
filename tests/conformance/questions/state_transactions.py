"""Transactions of state."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.question import (
    Question,
    ask,
)
from conformance.questions.stores import STORES, about
from outboard.gojson.values import Json

__all__ = ["QUESTIONS"]


def _transactions(store: str) -> Iterator[Question]:
    at, name, rows = about(store, "transaction", "state: transaction")
    yield Question(
        name,
        rows,
        (
            at.transact(at.upsert(1, "a"), at.upsert({"x": 1}, "b")),
            at.bulk("a", "b"),
            at.transact(at.remove("a"), at.upsert(2, "b")),
            at.bulk("a", "b"),
            at.transact(),
            at.transact(at.upsert(1), at.upsert(2), at.remove()),
            at.get(),
            at.transact(at.remove("missing")),
            ask(
                "PUT",
                f"{at.path}/transaction",
                {"OPERATIONS": [{"Operation": "upsert", "REQUEST": {"Key": at.key("p"), "VALUE": 1}}]},
            ),
            at.get("p"),
        ),
    )
    at, name, rows = about(store, "transaction-etag", "state etags: transaction")
    yield Question(
        name,
        rows,
        (
            at.save(at.item(1)),
            at.get(),
            at.transact(at.upsert(2, etag="{etag}"), at.upsert(1, "b")),
            at.transact(at.upsert(1, "c"), at.upsert(3, etag="{etag}")),
            at.bulk("k", "b", "c"),
            at.transact(at.remove(etag="no")),
            at.get(),
            at.transact(at.remove(etag="{etag}")),
            at.get(),
            at.transact(at.upsert(1, etag="")),
            at.transact(at.remove("gone", etag="x")),
            at.transact(at.upsert(1, options={"concurrency": "first-write"})),
            at.transact(at.upsert(1, options={"concurrency": "weird"})),
            at.transact(at.upsert(1, "n", etag="x")),
            at.transact(at.remove(options={"consistency": "weird"})),
        ),
    )
    at, name, rows = about(store, "transaction-ttl", "state ttl: TTL", "state: transaction")
    yield Question(
        name,
        rows,
        (
            at.transact(at.upsert(1, metadata={"ttlInSeconds": "60"})),
            at.get(),
            at.transact(at.upsert(2), query="?metadata.ttlInSeconds=60"),
            at.get(),
            at.transact(at.upsert(3), metadata={"ttlInSeconds": "60"}),
            at.get(),
            at.transact(at.upsert(1, metadata={"ttlInSeconds": "x"})),
            at.transact(at.upsert(4, metadata={"ttlInSeconds": "-1"})),
            at.get(),
        ),
    )


def _several_wrong(store: str) -> Iterator[Question]:
    at, name, rows = about(store, "transaction-several-wrong", "state errors: malformed")
    wrong: Json = {"key": 5, "etag": [1], "metadata": "x", "options": True, "contentType": {"a": None}}
    requests: tuple[Json, ...] = (
        wrong,
        {"metadata": {"b": 5, "a": 6, "c": None, "é": [1]}, "options": {"concurrency": 5, "consistency": {}}},
        {"KEY": 5, "Key": "a", "VALUE": 1},
        {"key": at.key("c"), "contentType": 5},
        *(5, "x", [], True),
    )
    operations: tuple[Json, ...] = tuple(
        {"operation": operation, "request": request}
        for request in requests
        for operation in ("upsert", "delete")
    )
    illegal = at.upsert(1, "a||b")
    unknown: Json = {"operation": "get", "request": {"key": 5}}
    orders = (
        (illegal, operations[0]),
        (operations[0], illegal),
        (unknown, operations[0]),
        (operations[0], unknown),
    )
    yield Question(name, rows, (*map(at.transact, operations), *(at.transact(*each) for each in orders)))


def _refused(store: str) -> Iterator[Question]:
    at, name, rows = about(store, "empty-key", "state keys: keys", "state: transaction")
    bulk = [at.body(body, "/bulk") for body in (b'{"keys":[null]}', b'{"keys":[""]}')]
    operations: tuple[bytes, ...] = (
        b'{"operation":"upsert"}',
        b'{"operation":"delete","request":{}}',
        b'{"operation":"upsert","request":null}',
        b'{"operation":"delete","request":null}',
        b'{"operation":"upsert","request":{}}',
    )
    writes = [at.body(b'{"operations":[%s]}' % each, "/transaction") for each in operations]
    yield Question(name, rows, (*bulk, *(ask for write in writes for ask in (write, *bulk))))
    at, name, rows = about(
        store, "transaction-bad", "state errors: unknown operation", "state errors: malformed"
    )
    key = at.key().encode()
    wrong_operations: tuple[bytes, ...] = (
        b"",
        b"[]",
        b"null",
        b"{}",
        b"5",
        b'{"operations":5}',
        b'{"operations":null}',
        b'{"operations":[5]}',
        b'{"operations":[{}]}',
        b'{"operations":[null]}',
        b'{"operations":[{"operation":"get","request":{"key":"a"}}]}',
        b'{"operations":[{"operation":"UPSERT","request":{"key":"a"}}]}',
        b'{"operations":[{"operation":"upsert","request":{"key":5}}]}',
        b'{"operations":[{"operation":"upsert","request":{"key":"a","metadata":{"a":1}}}]}',
        b'{"operations":[{"operation":"upsert","request":5}]}',
        b'{"operations":[{"operation":"upsert","request":{"key":"a","etag":5}}]}',
        b'{"operations":[{"operation":5,"request":{}}]}',
        b'{"operations":[{"operation":"upsert","request":{"key":"a||b"}}]}',
        b'{"operations":[{"operation":"delete","request":{"key":"a||b"}}]}',
        b'{"operations":[{"operation":"upsert","request":{"key":"%s","value":1,"unknown":2}}]}' % key,
        b'{"operations":[{"operation":"delete","request":{"key":"%s","value":1}}]}' % key,
        b'{"operations":[{"operation":"upsert","request":{"key":"%s","value":1}},{"operation":"get","request":{"key":"a"}}]}'
        % key,
        b'{"operations":[],"metadata":5}',
        b'{"operations":[{"operation":"upsert","request":{"key":"%s","value":1,"options":5}}]}' % key,
        b'{"operations":[{"operation":"upsert","request":{"key":"%s","value":1}}]} x' % key,
    )
    yield Question(name, rows, (*(at.body(body, "/transaction") for body in wrong_operations), at.get()))


QUESTIONS = (
    *(question for store in STORES for question in _transactions(store)),
    *(question for store in STORES for question in _several_wrong(store)),
    *(question for store in STORES for question in _refused(store)),
)
