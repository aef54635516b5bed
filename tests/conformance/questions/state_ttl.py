"""State that lives for a while only."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.question import (
    Question,
    after,
)
from conformance.questions.stores import STORES, about

__all__ = ["QUESTIONS"]


def _lives(store: str) -> Iterator[Question]:
    at, name, rows = about(store, "ttl", "state ttl: TTL")
    yield Question(
        name,
        rows,
        (
            at.save(at.item(1, metadata={"ttlInSeconds": "60"})),
            at.get(),
            at.bulk("k"),
            at.save(at.item(2)),
            at.get(),
            at.save(at.item(3), query="?metadata.ttlInSeconds=60"),
            at.get(),
            at.save(at.item(4, metadata={"ttlInSeconds": "60"}), query="?metadata.ttlInSeconds=-1"),
            at.get(),
            at.save(at.item(5, metadata={"ttlInSeconds": "0"})),
            at.get(),
            at.save(at.item(6, metadata={"TTLINSECONDS": "60"})),
            at.get(),
            at.save(at.item(7, metadata={"ttlInSeconds": "-5"})),
            at.get(),
        ),
    )
    at, name, rows = about(store, "ttl-bad", "state ttl: TTL")
    bad: tuple[str, ...] = (
        "soon",
        "1.5",
        "",
        " 5",
        "+50",
        "99999999999",
        "999999999999999999999",
        "1m",
        "-1x",
    )
    yield Question(
        name,
        rows,
        tuple(
            each for ttl in bad for each in (at.save(at.item(1, metadata={"ttlInSeconds": ttl})), at.get())
        ),
    )
    at, name, rows = about(store, "ttl-passes", "state ttl: TTL")
    yield Question(
        name,
        rows,
        (
            at.save(at.item(1, metadata={"ttlInSeconds": "1"})),
            at.get(),
            after(2.2, at.get()),
            at.bulk("k"),
            at.delete(),
            at.save(at.item(2, etag="x")),
        ),
    )


QUESTIONS = (*(question for store in STORES for question in _lives(store)),)
