"""ETags and options of state."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.question import (
    Question,
)
from conformance.questions.stores import STORES, about
from outboard.gojson.values import Json

__all__ = ["QUESTIONS"]


def _etags(store: str) -> Iterator[Question]:
    at, name, rows = about(store, "etag", "state etags: mismatch")
    yield Question(
        name,
        rows,
        (
            at.save(at.item(1)),
            at.get(),
            at.save(at.item(2, etag="{etag}")),
            at.save(at.item(3, etag="{etag}")),
            at.get(),
            at.save(at.item(4, etag="nonsense")),
            at.save(at.item(4, etag="")),
            at.get(),
            at.save(at.item(5, "new", etag="{etag}")),
        ),
    )
    at, name, rows = about(store, "etag-delete", "state etags: mismatch")
    yield Question(
        name,
        rows,
        (
            at.save(at.item(1)),
            at.delete(if_match="nonsense"),
            at.get(),
            at.delete(if_match="{etag}"),
            at.get(),
            at.save(at.item(1)),
            at.get(),
            at.delete(if_match='"{etag}"'),
            at.delete(if_match=""),
            at.get(),
            at.delete(if_match="{etag}"),
            at.save(at.item(1)),
            at.delete(if_match="*"),
            at.get(if_none_match="x"),
        ),
    )
    at, name, rows = about(store, "etag-several", "state etags: several")
    yield Question(
        name,
        rows,
        (
            at.save(at.item(1, "a"), at.item(1, "b")),
            at.save(at.item(2, "a", etag="no"), at.item(2, "b")),
            at.bulk("a", "b"),
            at.save(at.item(2, "a", etag="no")),
            at.save(at.item(2, "a", options={"concurrency": "x"}), at.item(3, "b")),
            at.save(at.item(2, "c", options={"concurrency": "x"})),
        ),
    )


def _options(store: str) -> Iterator[Question]:
    at, name, rows = about(store, "first-write", "state etags: options")
    first: Json = {"concurrency": "first-write"}
    yield Question(
        name,
        rows,
        (
            at.save(at.item(1, options=first)),
            at.save(at.item(2, options=first)),
            at.get(),
            at.save(at.item(2, options=first, etag="{etag}")),
            at.save(at.item(3, options=first, etag="{etag}")),
            at.get(),
            at.save(at.item(4)),
            at.get(),
            at.delete(query="?concurrency=first-write"),
            at.get(),
        ),
    )
    at, name, rows = about(store, "last-write", "state etags: options")
    last: Json = {"concurrency": "last-write"}
    yield Question(
        name,
        rows,
        (
            at.save(at.item(1, options=last)),
            at.save(at.item(2, options=last, etag="no")),
            at.get(),
            at.save(at.item(3, options={})),
            at.delete(query="?concurrency=last-write", if_match="no"),
            at.get(),
        ),
    )
    at, name, rows = about(store, "consistency", "state etags: options")
    yield Question(
        name,
        rows,
        (
            *(
                at.save(at.item(1, options={"consistency": each}))
                for each in ("strong", "eventual", "", "weird", "STRONG")
            ),
            at.get(),
            *(at.get(query=f"?consistency={each}") for each in ("strong", "eventual", "", "weird")),
            *(
                at.save(at.item(1, options={"concurrency": each}))
                for each in ("first-write", "", "weird", "First-Write", "5")
            ),
            *(
                at.delete(query=f"?consistency={each}&concurrency={concurrency}")
                for each, concurrency in (("weird", ""), ("", "weird"), ("strong", "last-write"))
            ),
        ),
    )


QUESTIONS = (
    *(question for store in STORES for question in _etags(store)),
    *(question for store in STORES for question in _options(store)),
)
