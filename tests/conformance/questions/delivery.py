"""What the app gets: dead letters, raw payloads, routes."""

from __future__ import annotations

from conformance.question import (
    Question,
    answered,
    responds,
    subscribed,
)
from conformance.questions.outcomes import CLOUD_EVENT, JSON, RAW, published

__all__ = ["QUESTIONS"]

DEAD_LETTERS = (
    Question(
        "dead-letter-metadata",
        ("dead letters: copy",),
        (published("dead-letter-metadata", {"a": 1}, "?metadata.some=thing&metadata.ttlInSeconds=60"),),
        (subscribed("dead-letter-metadata", deadLetterTopic="dlm-dead"), subscribed("dlm-dead")),
        {"/dead-letter-metadata": (answered("DROP"),)},
        deliveries=2,
    ),
    Question(
        "dead-letter-raw",
        ("dead letters: copy", "subscription: rawPayload"),
        (published("dead-letter-raw", b'{"not":"an event"}', RAW),),
        (
            subscribed("dead-letter-raw", deadLetterTopic="dlr-dead", metadata={"rawPayload": "true"}),
            subscribed("dlr-dead", metadata={"rawPayload": "true"}),
        ),
        {"/dead-letter-raw": (answered("DROP"),)},
        deliveries=2,
    ),
    Question(
        "dead-letter-undecodable",
        ("dead letters: copy", "reading: not JSON"),
        (
            published("dead-letter-undecodable", b"not json", RAW),
            published("dead-letter-undecodable", b"[1]", RAW),
        ),
        (
            subscribed("dead-letter-undecodable", deadLetterTopic="dlu-dead"),
            subscribed("dlu-dead", metadata={"rawPayload": "true"}),
        ),
        deliveries=2,
    ),
    Question(
        "dead-letter-expired",
        ("dead letters: copy", "reading: expired"),
        (
            published(
                "dead-letter-expired", {"id": "1", "expiration": "2020-01-01T00:00:00Z"}, kind=CLOUD_EVENT
            ),
        ),
        (
            subscribed("dead-letter-expired", deadLetterTopic="dle-dead"),
            subscribed("dle-dead", metadata={"rawPayload": "true"}),
        ),
        deliveries=1,
    ),
    Question(
        "dead-letter-of-dead-letter",
        ("dead letters: copy",),
        (published("dlx"),),
        (
            subscribed("dlx", deadLetterTopic="dlx-dead"),
            subscribed("dlx-dead", deadLetterTopic="dlx-deader"),
            subscribed("dlx-deader"),
        ),
        {"/dlx": (answered("DROP"),), "/dlx-dead": (answered("DROP"),)},
        deliveries=3,
    ),
    Question(
        "dead-letter-forbidden",
        ("dead letters: copy", "scoping: publishingScopes"),
        (published("also", pubsub="scoped"),),
        (
            subscribed("also", "/dead-letter-forbidden", pubsub="scoped", deadLetterTopic="other"),
            subscribed("other", "/dlf-dead", pubsub="scoped"),
        ),
        {"/dead-letter-forbidden": (answered("DROP"),) * 3},
        deliveries=1,
    ),
    Question(
        "dead-letter-no-subscriber",
        ("dead letters: copy",),
        (published("dead-letter-no-subscriber"),),
        (subscribed("dead-letter-no-subscriber", deadLetterTopic="nobody"),),
        {"/dead-letter-no-subscriber": (responds(500),)},
        deliveries=1,
    ),
)


TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE_STATES = tuple(
    Question(
        f"tracestate-{name}",
        ("delivery: headers",),
        (published(f"tracestate-{name}", {"id": "1", **event}, f"?metadata.tracestate=a%3Db{query}"),),
        (subscribed(f"tracestate-{name}"),),
        deliveries=1,
    )
    for name, query, event in (
        ("alone", "", {}),
        ("raw", "&metadata.rawPayload=true", {}),
        ("with-parent", f"&metadata.rawPayload=true&metadata.traceparent={TRACE}", {}),
        ("with-bad-parent", "&metadata.rawPayload=true&metadata.traceparent=xyz", {}),
        ("with-trace-id", f"&metadata.rawPayload=true&metadata.traceid={TRACE}", {}),
        ("of-traced-event", "&metadata.rawPayload=true", {"traceparent": TRACE, "tracestate": "c=d"}),
    )
)

RAW_SUBSCRIPTIONS = (
    *(
        Question(
            f"raw-sub-{name}",
            ("subscription: rawPayload", "reading: rawPayload"),
            (published(f"raw-sub-{name}", body, query, kind=kind),),
            (subscribed(f"raw-sub-{name}", metadata={"rawPayload": flag}),),
            deliveries=deliveries,
        )
        for name, body, query, kind, flag, deliveries in (
            ("event", b'{"a":1}', "", JSON, "true", 1),
            ("raw", b"hello", RAW, "text/plain", "true", 1),
            ("nothing", b"", RAW, "text/plain", "true", 1),
            ("binary", b"\x00\xff", RAW, "application/octet-stream", "true", 1),
            ("one", b"hello", RAW, "text/plain", "1", 1),
            ("false", b'{"a":1}', "", JSON, "false", 1),
            ("bad", b'{"a":1}', "", JSON, "maybe", 0),
            (
                "trace",
                b"hello",
                f"{RAW}&metadata.traceid=x&metadata.traceparent=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01&metadata.tracestate=a=b",
                "text/plain",
                "true",
                1,
            ),
            ("expired", b"hello", f"{RAW}&metadata.expiration=2020-01-01T00:00:00Z", "text/plain", "true", 1),
        )
    ),
    Question(
        "raw-sub-upper-name",
        ("subscription: rawPayload",),
        (published("raw-sub-upper-name"),),
        (subscribed("raw-sub-upper-name", metadata={"RAWPAYLOAD": "true"}),),
        deliveries=1,
    ),
    Question(
        "raw-dead-letter-bad-flag",
        ("subscription: rawPayload", "dead letters: copy"),
        (published("raw-dead-letter-bad-flag"),),
        (
            subscribed(
                "raw-dead-letter-bad-flag", metadata={"rawPayload": "maybe"}, deadLetterTopic="rdl-dead"
            ),
            subscribed("rdl-dead"),
        ),
        deliveries=1,
    ),
    Question(
        "null-payload",
        ("reading: not JSON",),
        (published("null-payload", b"null", RAW),),
        (subscribed("null-payload"),),
        deliveries=1,
    ),
    *(
        Question(
            f"payload-{name}",
            ("reading: not JSON", "reading: byte for byte"),
            (published(f"payload-{name}", body, RAW),),
            (subscribed(f"payload-{name}"),),
            deliveries=deliveries,
        )
        for name, body, deliveries in (
            ("kept", b' {"b" : 1, "a": 1.50, "a":2}\n', 1),
            ("two", b"{}{}", 0),
            ("trailing", b"{} x", 0),
            ("array", b"[]", 0),
            ("trace-bad", b'{"traceparent":"xyz"}', 1),
            (
                "trace-null",
                b'{"traceparent":null,"traceid":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}',
                1,
            ),
            (
                "trace",
                b'{"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","tracestate":"a=b"}',
                1,
            ),
            ("traceid-only", b'{"traceid":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}', 1),
            ("binary", b"\xff", 0),
            ("broken-utf8", b'{"a":"\xff"}', 1),
            ("nan", b'{"a":NaN}', 0),
            ("infinite", b'{"a":1e400}', 0),
            ("large", b'{"a":12345678901234567890,"b":1e2}', 1),
            ("utf16", "{}".encode("utf-16"), 0),
        )
    ),
)


ROUTES = (
    *(
        Question(
            f"route-{name}",
            ("delivery: path",),
            (published(f"route-{name}"),),
            (subscribed(f"route-{name}", route),),
            paths=(path,),
            deliveries=1,
        )
        for name, route, path in (
            ("no-slash", "route-no-slash/x", "/route-no-slash/x"),
            ("query", "/route-query?a=b&c=d", "/route-query"),
            ("dots", "/route-dots/../route-dotted", "/route-dotted"),
            ("double", "//route-double//x", "/route-double/x"),
            ("trailing", "/route-trailing/", "/route-trailing"),
            ("umlaut", "/route-ü", "/route-%C3%BC"),
            ("escaped", "/route-%C3%BC-x", "/route-%C3%BC-x"),
            ("space", "/route a", "/route%20a"),
            ("plus", "/route+b", "/route+b"),
            ("escaped-slash", "/route-a%2Fb", "/route-a%2Fb"),
            ("bad-query", "/route-bad-query?a=%zz", "/route-bad-query"),
        )
    ),
    *(
        Question(
            f"route-{name}",
            ("delivery: path",),
            (published(f"route-{name}"),),
            (
                subscribed(f"route-{name}", route, deadLetterTopic=f"route-{name}-dead"),
                subscribed(f"route-{name}-dead"),
            ),
            paths=(f"/route-{name}",),
            deliveries=1,
        )
        for name, route in (
            ("bad-escape", "/route-bad-escape%zz"),
            ("half-escape", "/route-half-escape%2"),
            ("control", "/route-control\x07"),
            ("control-in-query", "/route-control-in-query?a=\x7f"),
        )
    ),
    Question(
        "route-root",
        ("delivery: path",),
        (published("route-root"),),
        (subscribed("route-root", "/"),),
        deliveries=1,
    ),
)


QUESTIONS = (*DEAD_LETTERS, *TRACE_STATES, *RAW_SUBSCRIPTIONS, *ROUTES)
