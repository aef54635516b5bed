"""What an app over gRPC is asked and gets, and what its answers do."""

from __future__ import annotations

from dataclasses import replace

from conformance.question import (
    AppAnswer,
    Entries,
    Fail,
    Group,
    Hang,
    Late,
    Question,
    answered,
    ask,
    responds,
    subscribed,
)
from conformance.questions.app_health import GROUPS as HEALTH_GROUPS
from conformance.questions.files import component, documents, resiliency, subscription_v1, subscription_v2
from conformance.questions.outcomes import CLOUD_EVENT, JSON, RAW, published
from outboard.gojson.values import Json

__all__ = ["GROUPS"]

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
BULK: dict[str, Json] = {"enabled": True, "maxMessagesCount": 10, "maxAwaitDurationMs": 50}
CODES = (
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "INTERNAL",
    "UNAVAILABLE",
    "UNAUTHENTICATED",
)


def taken(
    name: str, body: object, kind: str = JSON, query: str = "", deliveries: int = 1, **more: Json
) -> Question:
    """What the app gets of one publication."""
    name = f"grpc-event-{name}"
    return Question(
        name,
        ("delivery: over gRPC",),
        (published(name, body, query, kind=kind),),
        ({**subscribed(name), **more},),
        deliveries=deliveries,
    )


def event(name: str, /, **members: Json) -> Question:
    return taken(name, {"id": "1", "source": "s", "type": "t", "specversion": "1.0", **members}, CLOUD_EVENT)


def bare(name: str, body: object) -> Question:
    """An event that lies on the topic as it is written here."""
    return taken(f"bare-{name}", body, JSON, RAW)


EVENTS = (
    taken("text", b"hello", "text/plain"),
    taken("html", b"<p>", "text/html"),
    taken("xml", b"<p/>", "application/xml"),
    taken("json", b'{"b": 1, "a": "<", "c": 1.50, "d": 12345678901234567890}'),
    taken("json-charset", b'{"b": 1}', "application/json; charset=utf-8"),
    taken("json-text", b'"text"'),
    taken("json-null", b"null"),
    taken("json-number", b"5"),
    taken("json-list", b"[1, 2]"),
    taken("no-json", b"{bad"),
    taken("bytes", b"\xff\x00", "application/octet-stream"),
    taken("odd", b"odd", "foo/bar"),
    taken("odd-json", b'{"a":1}', "application/x+json"),
    taken("umlaut", "ü\u2028".encode(), "text/plain"),
    taken("upper-case", b'{"a":1}', "APPLICATION/JSON"),
    taken(
        "metadata", b"x", "text/plain", "?metadata.some=thing&metadata.Upper=Case&metadata.ttlInSeconds=60"
    ),
    taken(
        "metadata-names",
        b"x",
        "text/plain",
        "?metadata.grpc-status=5&metadata.x-bin=YQ%3D%3D&metadata.content-type=text/html&metadata.te=x"
        "&metadata.user-agent=me&metadata.content-length=7&metadata.connection=close",
    ),
    taken("metadata-trace", b"x", "text/plain", f"?metadata.cloudevent.traceparent={TRACE}"),
    taken("raw-trace", b'{"id":"1"}', JSON, f"{RAW}&metadata.traceparent={TRACE}&metadata.tracestate=a=b"),
    taken("overridden", b"x", "text/plain", "?metadata.cloudevent.subject=sub&metadata.cloudevent.type=t"),
    taken("raw", b"hello", "text/plain", RAW, metadata={"rawPayload": "true"}),
    taken("raw-json", b'{"a":1}', JSON, RAW, metadata={"rawPayload": "true"}),
    taken("raw-of-event", b'{"a":1}', JSON, metadata={"rawPayload": "true"}),
    taken(
        "raw-with-trace",
        b"hello",
        "text/plain",
        f"{RAW}&metadata.traceid=x&metadata.traceparent={TRACE}&metadata.tracestate=a=b",
        metadata={"rawPayload": "true"},
    ),
    event(
        "extensions", subject="s", number=5, float=1.5, flag=True, none=None, list=[1, "a"], object={"a": {}}
    ),
    event("data", data={"a": [1, None]}, datacontenttype=JSON),
    event("data-untyped", data={"a": 1}),
    event("text-untyped", data="text"),
    event("text-as-json", data="text", datacontenttype=JSON),
    event("object-as-event", data={"a": 1}, datacontenttype=CLOUD_EVENT),
    event("no-data", datacontenttype=JSON),
    event("null-data", data=None, datacontenttype=JSON),
    event("base64", data_base64="aGVsbG8=", datacontenttype="application/octet-stream"),
    event("base64-and-data", data_base64="aGVsbG8=", data={"a": 1}, datacontenttype=JSON),
    event("base64-typed", data_base64="aGVsbG8=", datacontenttype=JSON),
    event("times", time="2026-01-01T00:00:00Z", expiration="2126-01-01T00:00:00Z"),
    event("traced", traceparent=TRACE, traceid=TRACE, tracestate="a=b"),
    bare("empty", {}),
    bare("numbers", {"id": 1, "source": 2, "type": 3, "specversion": 1.0, "topic": 5, "pubsubname": 6}),
    bare("null-members", {"id": None, "source": None}),
    bare("data-only", {"data": "x"}),
    bare("kind-number", {"id": "1", "datacontenttype": 5, "data": "x"}),
    bare("other-topic", {"id": "1", "topic": "t", "pubsubname": "p"}),
    bare("text-trace", {"id": "1", "traceparent": "xyz", "tracestate": "abc"}),
    bare("number-trace", {"id": "1", "traceparent": 5}),
    bare(
        "large-number",
        b'{"id":"1","n":12345678901234567890,"m":1e2,"data":1e2,"datacontenttype":"application/json"}',
    ),
    *(
        taken(f"bare-trace-{name}", {"id": "1", **members}, JSON, RAW + query)
        for name, members, query in (
            ("id", {}, "&metadata.traceid=x"),
            ("parent", {}, f"&metadata.traceparent={TRACE}"),
            ("state", {}, "&metadata.tracestate=a=b"),
            ("id-and-parent", {}, f"&metadata.traceid=x&metadata.traceparent={TRACE}"),
            ("parent-of-id", {"traceid": "e"}, f"&metadata.traceparent={TRACE}"),
            (
                "parent-of-parent",
                {"traceparent": "e"},
                f"&metadata.traceparent={TRACE}&metadata.tracestate=a=b",
            ),
            ("id-of-parent", {"traceparent": TRACE}, "&metadata.traceid=x"),
            ("null", {"traceparent": None, "traceid": None}, f"&metadata.traceparent={TRACE}"),
        )
    ),
    bare("null", b"null"),
    bare("case", {"ID": "1", "Source": "s", "DATA": "x", "DataContentType": "text/plain"}),
)

# What no message can be made of: given up as what the app refuses.
UNSENT: dict[str, dict[str, Json]] = {
    "bad-base64": {"data_base64": "*"},
    "base64-number": {"data_base64": 5},
    "object-as-text": {"data": {"a": 1}, "datacontenttype": "text/plain"},
    "number-as-text": {"data": 5, "datacontenttype": "text/plain"},
    "null-as-text": {"data": None, "datacontenttype": "text/plain"},
    "null-base64": {"data_base64": None},
    "short-base64": {"data_base64": "YQ"},
    "url-base64": {"data_base64": "-_-_"},
    "base64-lines": {"data_base64": "aGVs\nbG8="},
    "empty-base64": {"data_base64": "", "data": "x", "datacontenttype": "text/plain"},
}


def unsent(name: str, members: dict[str, Json], **more: Json) -> Question:
    topic = f"grpc-unsent-{name}"
    return Question(
        topic,
        ("delivery: over gRPC",),
        (published(topic, {"id": "1", **members}, RAW),),
        (
            {**subscribed(topic, deadLetterTopic=f"{topic}-dead"), **more},
            subscribed(f"{topic}-dead", metadata={"rawPayload": "true"}),
        ),
        {f"/{topic}": (Entries(("SUCCESS",)),)} if more else {},
        deliveries=2 if name in ("batch-object-as-text", "batch-number-as-text") else 1,
    )


NOT_SENT = (
    *(unsent(name, members) for name, members in UNSENT.items()),
    *(unsent(f"batch-{name}", members, bulkSubscribe=BULK) for name, members in UNSENT.items()),
)


def outcome(
    name: str, answer: AppAnswer, delivered: int, dead: int, pubsub: str, *, alone: bool = False
) -> Question:
    """One event to an app that answers the same each time, with a dead letter topic unless it is `alone`."""
    name = f"grpc-{pubsub}-{name}{'-alone' if alone else ''}"
    more: dict[str, Json] = {} if alone else {"deadLetterTopic": f"{name}-dead"}
    dead_letters = () if alone else (subscribed(f"{name}-dead", pubsub=pubsub),)
    return Question(
        name,
        ("outcome: over gRPC",),
        (published(name, pubsub=pubsub),),
        ({**subscribed(name, pubsub=pubsub), **more}, *dead_letters),
        {f"/{name}": (answer,) * 5},
        deliveries=delivered + (0 if alone else dead),
    )


ANSWERS: dict[str, tuple[AppAnswer, int, int]] = {
    "empty": (responds(200), 1, 0),
    "success": (answered("SUCCESS"), 1, 0),
    "retry": (answered("RETRY"), 3, 1),
    "drop": (answered("DROP"), 1, 1),
    "unknown": (responds(200, {"status": 7}), 3, 1),
    "unimplemented": (Fail("UNIMPLEMENTED", "no such handler"), 1, 0),
    **{code.lower(): (Fail(code, "broken"), 3, 1) for code in CODES},
}
OUTCOMES = (
    *(outcome(name, answer, n, dead, "retrying") for name, (answer, n, dead) in ANSWERS.items()),
    *(outcome(name, answer, 1, dead, "ps") for name, (answer, _, dead) in ANSWERS.items()),
    *(
        outcome(name, *ANSWERS[name], "retrying", alone=True)
        for name in ("retry", "drop", "unimplemented", "internal", "unavailable")
    ),
    *(
        outcome(name, ANSWERS[name][0], n, 1, "choosy")
        for name, n in (("internal", 1), ("unavailable", 3), ("not_found", 3), ("retry", 3))
    ),
    outcome("hang", Hang(), 3, 1, "patient"),
)


def batched(
    name: str,
    answer: AppAnswer | None,
    delivered: int,
    dead: int = 0,
    pubsub: str = "ps",
    body: object = None,
    query: str = "",
    kind: str = JSON,
    **more: Json,
) -> Question:
    name = f"grpc-{pubsub}-batch-{name}"
    return Question(
        name,
        ("bulk subscribe: over gRPC",),
        (published(name, body, query, pubsub, kind),),
        (
            {**subscribed(name, pubsub=pubsub, bulkSubscribe=BULK, deadLetterTopic=f"{name}-dead"), **more},
            subscribed(f"{name}-dead", pubsub=pubsub, metadata={"rawPayload": "true"}),
        ),
        {f"/{name}": (answer,) * 8} if answer is not None else {},
        deliveries=delivered + dead,
    )


HANDLED = Entries(("SUCCESS",))
BATCH_ANSWERS: dict[str, tuple[AppAnswer, int, int]] = {
    "success": (HANDLED, 1, 0),
    "retry": (Entries(("RETRY",)), 3, 1),
    "drop": (Entries(("DROP",)), 1, 1),
    "unknown": (Entries(("7",)), 3, 1),
    "untold": (Entries(()), 3, 1),
    "stranger": (Entries(("SUCCESS",), ("who",)), 1, 0),
    "only-stranger": (Entries((), ("who",)), 3, 1),
    "unimplemented": (Fail("UNIMPLEMENTED", "no such handler"), 2, 0),
    "internal": (Fail("INTERNAL", "broken"), 3, 1),
    "not-found": (Fail("NOT_FOUND", "broken"), 3, 1),
    "unavailable": (Fail("UNAVAILABLE", "broken"), 3, 1),
}
BATCHES = (
    *(batched(name, answer, n, dead, "retrying") for name, (answer, n, dead) in BATCH_ANSWERS.items()),
    *(
        batched(name, answer, 2 if name == "unimplemented" else 1, dead)
        for name, (answer, _, dead) in BATCH_ANSWERS.items()
    ),
    batched("envelope", HANDLED, 1, query="?metadata.a=b&metadata.ttlInSeconds=60"),
    batched("text", HANDLED, 1, body=b"hello", kind="text/plain"),
    batched("octets", HANDLED, 1, body=b"\x00\xff", kind="application/octet-stream"),
    batched("odd", HANDLED, 1, body=b"odd", kind="foo/bar"),
    batched(
        "event",
        HANDLED,
        1,
        kind=CLOUD_EVENT,
        body=b'{"id":"1", "n": 1.50, "flag":true, "data":"<b>&", "datacontenttype":"text/plain",'
        b'"traceid":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}',
    ),
    batched("traced", HANDLED, 1, query=RAW, body={"id": "1", "traceparent": TRACE}),
    batched("trace-told", HANDLED, 1, query=f"{RAW}&metadata.traceparent={TRACE}", body={"id": "1"}),
    batched("raw", HANDLED, 1, query=RAW, body=b"hello", metadata={"rawPayload": "true"}),
    batched("raw-event", HANDLED, 1, metadata={"rawPayload": "true"}),
    batched(
        "base64",
        HANDLED,
        1,
        query=RAW,
        body={"data_base64": "aGVsbG8=", "data": "x", "datacontenttype": JSON},
    ),
    batched("bare-numbers", HANDLED, 1, query=RAW, body={"id": 1}),
    batched("bare-empty", HANDLED, 1, query=RAW, body={}),
    Question(
        "grpc-batch-alpha",
        ("bulk subscribe: over gRPC",),
        (published("grpc-batch-alpha"),) * 2,
        (subscribed("grpc-batch-alpha", bulkSubscribe=BULK),),
        {"/grpc-batch-alpha": (Fail("UNIMPLEMENTED"), HANDLED, Fail("UNIMPLEMENTED"), HANDLED)},
        deliveries=4,
    ),
)


def routed(name: str, routes: Json, deliveries: int = 1, *paths: str, type: str = "t") -> Question:
    name = f"grpc-route-{name}"
    return Question(
        name,
        ("delivery: over gRPC",),
        (published(name, {"id": "1", "type": type, "specversion": "1.0", "source": "s"}, kind=CLOUD_EVENT),),
        ({"pubsubname": "ps", "topic": name, **({} if routes is None else {"routes": routes})},),
        paths=paths,
        deliveries=deliveries,
    )


ROUTES = (
    routed("none", None, 1, "/"),
    routed(
        "matches",
        {"rules": [{"match": 'event.type == "t"', "path": "grpc-m"}], "default": "grpc-d"},
        1,
        "/grpc-m",
    ),
    routed(
        "default",
        {"rules": [{"match": 'event.type == "u"', "path": "m"}], "default": "grpc-dd"},
        1,
        "/grpc-dd",
    ),
    routed("no-match", {"rules": [{"match": 'event.type == "u"', "path": "/grpc-nm"}]}, 0),
    routed("query", {"default": "/grpc-query?a=b"}, 1, "/grpc-query"),
    routed("dots", {"default": "/grpc-x/../grpc-dots"}),
)
EMPTY_ROUTES = Group(
    "grpc-empty-routes",
    (routed("empty", {}, 1, "/"), Question("grpc-empty-metadata", (), (ask("GET", "/v1.0/metadata"),))),
    {"components.yaml": component("ps", "pubsub.in-memory")},
    grpc=True,
)

PUBSUBS = documents(
    *(component(name, "pubsub.in-memory") for name in ("ps", "retrying", "patient", "choosy"))
)
POLICIES = resiliency(
    "policies",
    {
        "retries": {
            "twice": {"policy": "constant", "duration": "20ms", "maxRetries": 2},
            "some": {
                "policy": "constant",
                "duration": "20ms",
                "maxRetries": 2,
                "matching": {"gRPCStatusCodes": "5,14"},
            },
        },
        "timeouts": {"short": "800ms"},
    },
    {
        "retrying": {"inbound": {"retry": "twice"}},
        "choosy": {"inbound": {"retry": "some"}},
        "patient": {"inbound": {"retry": "twice", "timeout": "short"}},
    },
)
MAIN = Group(
    "grpc-app",
    (
        *EVENTS,
        *NOT_SENT,
        *OUTCOMES,
        *BATCHES,
        *ROUTES,
        Question("grpc-app-metadata", ("metadata: subscriptions",), (ask("GET", "/v1.0/metadata"),)),
    ),
    {"components.yaml": PUBSUBS, "resiliency.yaml": POLICIES},
    grpc=True,
)
TOKEN = Group(
    "grpc-app-token",
    (
        Question(
            "grpc-app-token",
            ("tokens: APP_API_TOKEN", "delivery: over gRPC"),
            (published("with-token"), published("batch-with-token")),
            (subscribed("with-token"), subscribed("batch-with-token", bulkSubscribe=BULK)),
            {"/batch-with-token": (HANDLED,)},
            paths=("/dapr/subscribe",),
            deliveries=3,
            side_by_side=True,
        ),
    ),
    {"components.yaml": component("ps", "pubsub.in-memory")},
    environment={"APP_API_TOKEN": "open"},
    grpc=True,
)


HEALTH = Group(
    "grpc-app-health",
    (Question("grpc-app-health", ("app health: over gRPC",), paths=("/healthz",), deliveries=1, quiet=0),),
    {"components.yaml": component("ps", "pubsub.in-memory")},
    ("--enable-app-health-check", "--app-health-probe-interval=60"),
    environment={"APP_API_TOKEN": "open"},
    grpc=True,
)


def discovered(
    name: str, failing: Fail | None, asked: int, deliveries: int, *subscriptions: dict[str, Json]
) -> Group:
    """What the answer to ListTopicSubscriptions does to it and to subscriptions in files."""
    question = Question(
        f"grpc-discovery-{name}",
        ("discovery: over gRPC",),
        (published("told"), published("filed"), published("ruled"), ask("GET", "/v1.0/metadata")),
        subscriptions,
        paths=("/dapr/subscribe", "/filed", "/ruled"),
        deliveries=asked + deliveries,
        side_by_side=True,
    )
    files = {
        "components.yaml": component("ps", "pubsub.in-memory"),
        "subscription.yaml": documents(
            subscription_v1("filed", "filed", "/filed"),
            subscription_v2("ruled", "ruled", {"default": "/ruled"}, metadata={"rawPayload": "true"}),
        ),
    }
    return Group(f"grpc-discovery-{name}", (question,), files, subscribe=failing, grpc=True)


TOLD: dict[str, Json] = {"pubsubname": "ps", "topic": "told", "route": "/told"}
DISCOVERIES = (
    discovered("told", None, 1, 3, TOLD),
    discovered("nothing", None, 1, 2),
    discovered("unimplemented", Fail("UNIMPLEMENTED", "not here"), 1, 2),
    discovered("internal", Fail("INTERNAL", "broken"), 4, 0),
    discovered("unavailable", Fail("UNAVAILABLE", "busy"), 4, 0),
    discovered(
        "bad-rule",
        None,
        1,
        0,
        {
            "pubsubname": "ps",
            "topic": "told",
            "routes": {"rules": [{"match": "event.type ==", "path": "/x"}]},
        },
    ),
)
NO_INIT = Group(
    "grpc-no-init-endpoints",
    (
        Question(
            "grpc-init-endpoints",
            ("discovery: disable-init-endpoints",),
            (published("skipped"),),
            (subscribed("skipped"),),
            paths=("/dapr/subscribe",),
            deliveries=0,
        ),
    ),
    {"components.yaml": component("ps", "pubsub.in-memory")},
    ("--disable-init-endpoints=config,subscribe",),
    grpc=True,
)
UNWELL = next(group for group in HEALTH_GROUPS if group.name == "unwell")
UNWELL_OVER_GRPC = Group(
    "grpc-unwell",
    (
        replace(
            UNWELL.questions[0],
            name="grpc-pauses-and-resumes",
            rows=("app health: over gRPC", "app health: paused while unwell"),
        ),
    ),
    UNWELL.files,
    UNWELL.flags,
    grpc=True,
)
ONE_CALL = Group(
    "grpc-one-call",
    (
        Question(
            "grpc-one-call-at-a-time",
            ("flags: app-max-concurrency",),
            (published("one-call"), published("another-call")),
            (subscribed("one-call"), subscribed("another-call")),
            {"/one-call": (Late(responds(200), 0.3),), "/another-call": (Late(responds(200), 0.3),)},
            deliveries=2,
            unordered=True,
        ),
    ),
    {"components.yaml": component("ps", "pubsub.in-memory")},
    ("--app-max-concurrency=1",),
    grpc=True,
)
GROUPS = (MAIN, EMPTY_ROUTES, TOKEN, HEALTH, UNWELL_OVER_GRPC, *DISCOVERIES, NO_INIT, ONE_CALL)
