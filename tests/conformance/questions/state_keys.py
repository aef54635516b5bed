"""Keys and paths of state."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.question import (
    Question,
    ask,
)
from conformance.questions.stores import STORES, about
from outboard.gojson.values import Json

__all__ = ["QUESTIONS"]


def _prefixes() -> Iterator[Question]:
    for store in ("by-app", "by-app-upper", "by-name", "by-none", "by-text", "by-namespace"):
        items: list[Json] = [{"key": f"{store}-k", "value": store}]
        others = [
            ask("GET", f"/v1.0/state/by-none/{prefix}%7C%7C{store}-k") for prefix in ("conformance", store)
        ]
        bulk = ask("POST", f"/v1.0/state/{store}/bulk", {"keys": [f"{store}-k"]})
        yield Question(
            f"prefix-{store}",
            ("state keys: keyPrefix",),
            (
                ask("POST", f"/v1.0/state/{store}", items),
                ask("GET", f"/v1.0/state/{store}/{store}-k"),
                bulk,
                *others,
            ),
        )


UNKNOWN = Question(
    "state-unknown-store",
    ("state errors: named store missing",),
    (
        ask("GET", "/v1.0/state/nowhere/k"),
        ask("POST", "/v1.0/state/nowhere", []),
        ask("DELETE", "/v1.0/state/nowhere/k"),
        ask("POST", "/v1.0/state/nowhere/bulk", {}),
        ask("POST", "/v1.0/state/nowhere/transaction", {}),
        ask("POST", "/v1.0-alpha1/state/nowhere/query", {}),
        ask("POST", "/v1.0/state/nowhere", b"x"),
        ask("GET", "/v1.0/state/ps/k"),
        ask("GET", "/v1.0/state/nowhere/a%7C%7Cb"),
    ),
)


def _keys(store: str) -> Iterator[Question]:
    at, name, rows = about(store, "keys", "state keys: keys", "state keys: illegal key")
    yield Question(
        name,
        rows,
        (
            at.save({"key": f"{at.key()} a/b+c%25ü", "value": 1}),
            at.get("k%20a%2Fb%2Bc%2525%C3%BC"),
            at.get("k+a%2Fb%2Bc%2525%C3%BC"),
            at.get("k%zz"),
            at.get("a/b"),
            at.get("a/"),
            at.save({"key": f"{at.key()}||x", "value": 1}),
            at.save(at.item(1), {"key": "||", "value": 1}),
            at.get("a%7C%7Cb"),
            at.get("a||b"),
            at.delete("a%7C%7Cb"),
            at.bulk("a||b"),
            at.bulk("k", "a||b"),
            at.get("a%7Cb"),
            at.save({"key": " ", "value": 1}),
            ask("GET", f"{at.path}/%20"),
            ask("GET", f"{at.path}/"),
            ask("DELETE", f"{at.path}/"),
            ask("GET", at.path),
            at.save({"key": "bulk", "value": 1}),
            ask("GET", f"{at.path}/bulk"),
            at.save({"key": "transaction", "value": 1}),
            ask("GET", f"{at.path}/transaction"),
        ),
    )
    at, name, rows = about(store, "methods", "http: fallback")
    yield Question(
        name,
        rows,
        (
            *(ask(method, f"{at.path}/{at.key()}") for method in ("POST", "PUT", "PATCH", "HEAD", "OPTIONS")),
            *(ask(method, at.path) for method in ("DELETE", "PATCH", "GET")),
            ask("DELETE", f"{at.path}/bulk"),
            ask("GET", "/v1.0/state"),
            ask("GET", "/v1.0/state/"),
            ask("GET", "/v1.0-alpha1/state/x/y"),
            ask("POST", "/v1.0/state/", b"[]"),
        ),
    )
    at, name, rows = about(store, "escaped-store", "http: cleaning")
    escaped = f"/v1.0/state/{store[0]}%{ord(store[1]):02X}{store[2:]}"
    yield Question(
        name,
        rows,
        (
            ask("POST", escaped, [{"key": at.key(), "value": 1}]),
            at.get(),
            ask("GET", f"//v1.0//state/./{store}/x/../{at.key()}/"),
        ),
    )
    at, name, rows = about(store, "trace", "http: tracing")
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    yield Question(name, rows, (at.get(traceparent=trace, tracestate="a=b"), at.get(traceparent="nonsense")))


QUESTIONS = (
    *(question for store in STORES for question in _keys(store)),
    *_prefixes(),
    UNKNOWN,
)
