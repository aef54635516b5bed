"""Random requests, answers, subscriptions and scopes, valid and not."""

from __future__ import annotations

import json
from urllib.parse import quote

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from conformance.question import AppAnswer, Close, Entries, Garbage, Group, Question, Respond, subscribed
from conformance.questions.files import component, documents, resiliency
from conformance.sidecars import APP_ID

__all__ = [
    "ANSWERS",
    "BATCH_ANSWERS",
    "BODIES",
    "BROKEN",
    "CONTENT_TYPES",
    "EVENTS",
    "FEW",
    "GROUP",
    "ITEMS",
    "KEYS",
    "MANY",
    "METADATA",
    "METHODS",
    "PATHS",
    "SCOPED",
    "STATE_METADATA",
    "SUBSCRIPTIONS",
    "VALUES",
    "query",
]

FEW = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
"""Of examples that start sidecars or wait for deliveries, as many as there is time for."""
MANY = settings(FEW, max_examples=60)

# Integers that a 64-bit float holds, so that nobody's rounding is asked about.
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False, width=32)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
CONTENT_TYPES = st.sampled_from(
    ["application/json", "text/plain", "application/octet-stream", "application/cloudevents+json", "a/b", ""]
)
EVENTS = st.fixed_dictionaries(
    {},
    optional={
        name: TEXTS | st.none()
        for name in (
            "id",
            "source",
            "type",
            "specversion",
            "subject",
            "time",
            "tracestate",
            "datacontenttype",
            "x",
        )
    }
    | {"data": VALUES},
)
BROKEN = st.sampled_from(
    [b"", b"{", b"[", b'"', b"nul", b"{]", b"[1,]", b'{"a" 1}', b"01", b"-", b"\xff", b'"\\x"', b"1e"]
)
BODIES = st.one_of(
    VALUES.map(lambda value: json.dumps(value).encode()),
    EVENTS.map(lambda event: json.dumps(event).encode()),
    st.binary(max_size=12),
    BROKEN,
)
METADATA = st.dictionaries(
    st.sampled_from(
        ["ttlInSeconds", "ttl", "rawPayload", "cloudevent.id", "cloudevent.type", "cloudevent.source", "k"]
    ),
    st.sampled_from(["", "1", "60", "true", "false", "x y", "a+b", "1m", "-1", "%", "ü"]),
    max_size=2,
)
# A life that ends while the questions are asked would end between the two sidecars: an hour, or none.
STATE_METADATA = st.dictionaries(
    st.sampled_from(["ttlInSeconds", "rawPayload", "k"]),
    st.sampled_from(["", "3600", "true", "x y", "a+b", "1m", "-1", "%", "ü"]),
    max_size=2,
)
KEYS = st.sampled_from(["a", "b", "c d", "e/f", "g||h", "", "ü"])
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "concurrency": st.sampled_from(["first-write", "last-write", "", "other"]),
        "consistency": st.sampled_from(["strong", "eventual", "", "other"]),
    },
)
ITEMS = st.fixed_dictionaries(
    {},
    optional={
        "key": KEYS | st.none() | st.integers(),
        "value": VALUES,
        "etag": st.sampled_from(["1", "", "{etag}"]) | st.integers(),
        "metadata": st.dictionaries(
            st.sampled_from(["ttlInSeconds", "k"]), st.sampled_from(["3600", "x", "-1", ""]), max_size=1
        ),
        "options": OPTIONS,
    },
)
METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
SEGMENTS = st.sampled_from([
    "v1.0", "v1.0-alpha1", "v2.0", "state", "mem", "publish", "bulk", "ps", "random", "secrets", "file",
    "env", "metadata", "healthz", "outbound", "query", "transaction", "invoke", "method",
    "configuration", "a", "plain", "nested:", ".", "..", "%2F", "%2e%2e", "%", "%zz", "a+b", "ü", "x", "",
])  # fmt: skip
# Mostly what leads somewhere, so that it is not always the same error.
STARTS = st.sampled_from(
    [
        "",
        "/v1.0",
        "/v1.0/state/mem",
        "/v1.0/publish/ps",
        "/v1.0/secrets/file",
        "/v1.0/secrets/env",
        "/v1.0/metadata",
    ]
)
PATHS = st.builds(
    lambda start, segments: quote("/".join([start, *segments]) or "/", safe="/%+:."),
    STARTS,
    st.lists(SEGMENTS, max_size=4),
)

STATUSES = st.sampled_from([200, 201, 204, 299, 301, 304, 400, 404, 408, 429, 500, 503, 599])
WORDS = st.sampled_from(["SUCCESS", "RETRY", "DROP", "success", "", "OTHER"])
TOLD = st.builds(
    lambda name, word: json.dumps({name: word}).encode(),
    st.sampled_from(["status", "STATUS", "other"]),
    WORDS | VALUES,
)
CUT: st.SearchStrategy[AppAnswer] = st.sampled_from([Close(), Garbage(), Garbage(b"HTTP/1.1 200 OK\r\n")])
ANSWERS = st.builds(Respond, STATUSES, TOLD | BODIES) | CUT
BATCH_ANSWERS = (
    st.builds(Entries, st.lists(WORDS, max_size=2).map(tuple), st.sampled_from([(), ("who",)]))
    | st.builds(
        Respond, STATUSES, st.builds(lambda value: json.dumps({"statuses": value}).encode(), VALUES) | BODIES
    )
    | CUT
)

TOPICS = st.sampled_from(["a", "b", "c"])
ROUTES = st.sampled_from(["/one", "/two", "three", "/four/../five", "/six?x=y", ""])
RULES = st.sampled_from(
    [
        "true",
        "",
        "event.type == 'x'",
        "event.data.n > 1",
        "has(event.data.z)",
        "event.nope == 1",
        "event.data.n",
    ]
)
MORE = st.fixed_dictionaries(
    {},
    optional={
        "deadLetterTopic": st.just("dead"),
        "metadata": st.fixed_dictionaries({"rawPayload": st.sampled_from(["true", "false", "maybe", ""])}),
        "bulkSubscribe": st.fixed_dictionaries(
            {"enabled": st.booleans(), "maxMessagesCount": st.just(5), "maxAwaitDurationMs": st.just(20)}
        ),
    },
)
LISTED = st.lists(st.fixed_dictionaries({"match": RULES, "path": ROUTES}), max_size=3)
SUBSCRIPTIONS = st.lists(
    st.tuples(
        st.sampled_from(["v1", "v2", "told"]),
        TOPICS,
        ROUTES,
        LISTED,
        MORE,
        st.sampled_from([(), (APP_ID,), ("other",)]),
    ),
    min_size=3,
    max_size=8,
)
"""Each as kind, topic, (default) route, rules, the rest, and scopes."""

APPS = st.sampled_from([APP_ID, "other", f" {APP_ID} ", ""])
SCOPES = st.lists(
    st.tuples(APPS, st.lists(st.sampled_from(["a", "b", " c", ""]), max_size=2)), max_size=3
).map(lambda scopes: ";".join(f"{app}={','.join(topics)}" for app, topics in scopes))
TOPIC_LISTS = st.lists(st.sampled_from(["a", "b", " c ", ""]), max_size=3).map(",".join)
SCOPED = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "publishingScopes": SCOPES | st.sampled_from(["a", ";", "=", f"{APP_ID}", f"{APP_ID}=a=b"]),
            "subscriptionScopes": SCOPES,
            "allowedTopics": TOPIC_LISTS,
            "protectedTopics": TOPIC_LISTS,
        },
    ),
    min_size=6,
    max_size=6,
)

BULK = {"enabled": True, "maxMessagesCount": 5, "maxAwaitDurationMs": 10}
GROUP = Group(
    "random",
    (
        Question(
            "random",
            (),
            subscriptions=(
                subscribed("random"),
                subscribed("single", pubsub="retrying", deadLetterTopic="dead"),
                subscribed("batch", pubsub="retrying", deadLetterTopic="dead", bulkSubscribe=dict(BULK)),
                subscribed("dead", pubsub="retrying"),
            ),
        ),
    ),
    {
        "components.yaml": documents(
            component("ps", "pubsub.in-memory"),
            component("retrying", "pubsub.in-memory"),
            component("mem", "state.in-memory"),
            component("env", "secretstores.local.env", prefix="SECRET_"),
            component("file", "secretstores.local.file", secretsFile="{folder}/secrets.json"),
        ),
        "resiliency.yaml": resiliency(
            "policies",
            {"retries": {"twice": {"policy": "constant", "duration": "5ms", "maxRetries": 2}}},
            {"retrying": {"inbound": {"retry": "twice"}}},
        ),
        "../secrets.json": '{"plain": "word", "nested": {"deep": "value", "a": {"b": "c"}}, "a": "b"}',
    },
    environment={"SECRET_a": "hush", "SECRET_plain": "word"},
)
"""What single random requests are asked of."""


def query(metadata: dict[str, str]) -> str:
    """Request metadata as the query of a target."""
    parts = [f"metadata.{name}={quote(value)}" for name, value in metadata.items()]
    return "?" + "&".join(parts) if parts else ""
