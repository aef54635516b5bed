"""State: each store that needs no server is asked the same."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.question import Ask, Question, after, ask
from outboard.wire.subscriptions import Json

__all__ = ["QUESTIONS", "STORES"]

STORES = ("mem", "lite")
JSON = "application/json"


class _Store:
    """Requests about one key space of one store, so that no two questions meet."""

    def __init__(self, store: str, question: str) -> None:
        self.path = f"/v1.0/state/{store}"
        self.store = store
        self.prefix = f"{question}-"

    def key(self, name: str = "k") -> str:
        return self.prefix + name

    def save(self, *items: Json, query: str = "", method: str = "POST") -> Ask:
        return ask(method, f"{self.path}{query}", list(items))

    def item(self, value: Json, name: str = "k", **more: Json) -> Json:
        return {"key": self.key(name), "value": value, **more}

    def get(self, name: str = "k", query: str = "", **headers: str) -> Ask:
        return ask("GET", f"{self.path}/{self.key(name)}{query}", **headers)

    def delete(self, name: str = "k", query: str = "", **headers: str) -> Ask:
        return ask("DELETE", f"{self.path}/{self.key(name)}{query}", **headers)

    def bulk(self, *names: str, query: str = "", **more: Json) -> Ask:
        return ask("POST", f"{self.path}/bulk{query}", {"keys": [self.key(name) for name in names], **more})

    def transact(self, *operations: Json, query: str = "", **more: Json) -> Ask:
        return ask("POST", f"{self.path}/transaction{query}", {"operations": list(operations), **more})

    def upsert(self, value: Json, name: str = "k", **more: Json) -> Json:
        return {"operation": "upsert", "request": {"key": self.key(name), "value": value, **more}}

    def remove(self, name: str = "k", **more: Json) -> Json:
        return {"operation": "delete", "request": {"key": self.key(name), **more}}

    def body(self, body: bytes, where: str = "") -> Ask:
        return ask("POST", f"{self.path}{where}", body)


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
        at = _Store(store, f"value-{name}")
        saved = at.body(b'[{"key":"%s","value":%s}]' % (at.key().encode(), value))
        yield Question(
            f"{store}-value-{name}",
            ("state values: values", "state: save", "state: get"),
            (saved, at.get(), at.bulk("k")),
        )


def _reading_and_writing(store: str) -> Iterator[Question]:
    def question(name: str, *rows: str) -> tuple[_Store, str, tuple[str, ...]]:
        return _Store(store, name), f"{store}-{name}", rows

    at, name, rows = question("missing", "state: get", "state: delete")
    yield Question(name, rows, (at.get(), at.delete(), at.delete(if_match="x"), at.delete(if_match='"5"')))
    at, name, rows = question("save-get-delete", "state: save", "state: get", "state: delete")
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
    at, name, rows = question("several", "state: save")
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
    at, name, rows = question("no-value", "state: save")
    yield Question(
        name, rows, (at.save({"key": at.key()}), at.get(), at.save({"KEY": at.key(), "Value": 3}), at.get())
    )
    at, name, rows = question("key-missing", "state: save", "state errors: malformed")
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
    at, name, rows = question("malformed", "state: save", "state errors: malformed")
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
    at, name, rows = question("trailing", "state: save")
    yield Question(name, rows, (at.body(b'[{"key":"%s","value":1}] trailing' % at.key().encode()), at.get()))
    at, name, rows = question("nulls", "state: save")
    yield Question(name, rows, (at.save(at.item(1, etag=None, metadata=None, options=None)), at.get()))
    at, name, rows = question("etag", "state etags: mismatch")
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
    at, name, rows = question("etag-delete", "state etags: mismatch")
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
    at, name, rows = question("etag-several", "state etags: several")
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
    at, name, rows = question("first-write", "state etags: options")
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
    at, name, rows = question("last-write", "state etags: options")
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
    at, name, rows = question("consistency", "state etags: options")
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
    at, name, rows = question("ttl", "state ttl: TTL")
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
    at, name, rows = question("ttl-bad", "state ttl: TTL")
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
    at, name, rows = question("ttl-passes", "state ttl: TTL")
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
    at, name, rows = question("item-metadata", "state: save")
    yield Question(
        name,
        rows,
        (
            at.save(at.item(1, metadata={"contentType": "application/json", "partitionKey": "x"})),
            at.get(query="?metadata.partitionKey=x"),
        ),
    )
    at, name, rows = question("bulk-get", "state: bulk get")
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
    at, name, rows = question("bulk-malformed", "state: bulk get", "state errors: malformed")
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
    at, name, rows = question("transaction", "state: transaction")
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
    at, name, rows = question("transaction-etag", "state etags: transaction")
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
    at, name, rows = question("transaction-ttl", "state ttl: TTL", "state: transaction")
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
    at, name, rows = question("empty-key", "state keys: keys", "state: transaction")
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
    at, name, rows = question("transaction-bad", "state errors: unknown operation", "state errors: malformed")
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
    at, name, rows = question("keys", "state keys: keys", "state keys: illegal key")
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
    at, name, rows = question("methods", "http: fallback")
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
    at, name, rows = question("query", "state: query", "state errors: query")
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
    at, name, rows = question("oversize", "http: oversize")
    big = b'[{"key":"%s","value":"%s"}]' % (at.key().encode(), b"x" * (4 * 1024 * 1024))
    yield Question(name, rows, (at.body(big), at.body(big, "/bulk"), at.body(big, "/transaction"), at.get()))
    at, name, rows = question("escaped-store", "http: cleaning")
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
    at, name, rows = question("trace", "http: tracing")
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    yield Question(name, rows, (at.get(traceparent=trace, tracestate="a=b"), at.get(traceparent="nonsense")))


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

QUESTIONS = (
    *(question for store in STORES for question in _values(store)),
    *(question for store in STORES for question in _reading_and_writing(store)),
    *_prefixes(),
    UNKNOWN,
)
