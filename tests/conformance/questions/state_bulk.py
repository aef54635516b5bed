"""Several keys at once, and queries."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.question import (
    Question,
    ask,
)
from conformance.questions.stores import STORES, about

__all__ = ["QUESTIONS"]


def _bulk(store: str) -> Iterator[Question]:
    at, name, rows = about(store, "bulk-get", "state: bulk get")
    yield Question(
        name,
        rows,
        (
            at.save(at.item(1, "a"), at.item({"x": "<&>"}, "b", metadata={"ttlInSeconds": "60"})),
            at.bulk("a", "missing", "b"),
            at.bulk("b", "a"),
            at.bulk("missing"),
            at.bulk(),
            at.bulk("a", "a"),
            at.bulk("a", parallelism=0),
            at.bulk("a", parallelism=-5),
            at.bulk("a", parallelism=1, metadata={"x": "y"}),
            at.bulk("a", query="?metadata.x=y"),
            ask("PUT", f"{at.path}/bulk", {"KEYS": [at.key("a")]}),
        ),
    )
    at, name, rows = about(store, "bulk-malformed", "state: bulk get", "state errors: malformed")
    wrong_keys: tuple[bytes, ...] = (
        b"",
        b"[]",
        b"null",
        b"{}",
        b"5",
        b'{"keys":5}',
        b'{"keys":null}',
        b'{"keys":[5]}',
        b'{"keys":["a"],"parallelism":"x"}',
        b'{"keys":["a"],"metadata":5}',
        b'{"keys":["a"],"metadata":{"a":1}}',
        b'{"keys":["a"]',
        b'{"keys":["a||b"]}',
        b'{"keys":["x"],"parallelism":1.5}',
        b"{} x",
    )
    yield Question(name, rows, tuple(at.body(body, "/bulk") for body in wrong_keys))
    at, name, rows = about(store, "query", "state: query", "state errors: query")
    yield Question(
        name,
        rows,
        (
            ask("POST", f"/v1.0-alpha1/state/{store}/query", {}),
            ask("PUT", f"/v1.0-alpha1/state/{store}/query", {"filter": {}}),
            ask("POST", f"/v1.0-alpha1/state/{store}/query", b"x"),
            ask("GET", f"/v1.0-alpha1/state/{store}/query"),
            ask("POST", f"/v1.0/state/{store}/query", {}),
            ask("POST", f"/v1.0-alpha1/state/{store}/query", b""),
        ),
    )


QUESTIONS = (*(question for store in STORES for question in _bulk(store)),)
