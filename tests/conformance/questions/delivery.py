"""What the app gets, and what its answers do."""

from __future__ import annotations

from conformance.question import (
    AppAnswer,
    Ask,
    Close,
    Garbage,
    Hang,
    Question,
    answered,
    ask,
    responds,
    subscribed,
)

__all__ = ["QUESTIONS"]

JSON = "application/json"
CLOUD_EVENT = "application/cloudevents+json"
RAW = "?metadata.rawPayload=true"


def published(topic: str, body: object = None, query: str = "", pubsub: str = "ps", kind: str = JSON) -> Ask:
    content: object = {"a": 1} if body is None else body
    return ask("POST", f"/v1.0/publish/{pubsub}/{topic}{query}", content, content_type=kind)


def outcome(
    name: str, rows: tuple[str, ...], answer: AppAnswer, delivered: int, dead: int, pubsub: str
) -> Question:
    """One event to an app that answers the same each time, with a dead letter topic."""
    name = f"{pubsub}-{name}"
    return Question(
        name,
        rows,
        (published(name, pubsub=pubsub),),
        (
            subscribed(name, pubsub=pubsub, deadLetterTopic=f"{name}-dead"),
            subscribed(f"{name}-dead", pubsub=pubsub),
        ),
        {f"/{name}": (answer,) * 5},
        deliveries=delivered + dead,
    )


def alone(name: str, rows: tuple[str, ...], answer: AppAnswer, delivered: int, pubsub: str) -> Question:
    """As `outcome`, without a dead letter topic."""
    name = f"{pubsub}-{name}-alone"
    topic = (subscribed(name, pubsub=pubsub),)
    return Question(
        name,
        rows,
        (published(name, pubsub=pubsub),),
        topic,
        {f"/{name}": (answer,) * 5},
        deliveries=delivered,
    )


def json_body(body: bytes) -> AppAnswer:
    return responds(200, body, content_type=JSON)


ACKNOWLEDGED: dict[str, AppAnswer] = {
    "empty": responds(200),
    "success": answered("SUCCESS"),
    "no-status": json_body(b"{}"),
    "empty-status": answered(""),
    "null-status": json_body(b'{"status":null}'),
    "text": responds(200, b"hello", content_type="text/plain"),
    "garbled-json": json_body(b'{"status":'),
    "array": json_body(b"[1]"),
    "null": json_body(b"null"),
    "number-status": json_body(b'{"status":5}'),
    "created": responds(201),
    "no-content": responds(204),
    "code-299": responds(299),
    "text-retry": responds(202, b"RETRY"),
    "both-names": json_body(b'{"status":"DROP","Status":"SUCCESS"}'),
    "both-names-null": json_body(b'{"status":"SUCCESS","STATUS":null}'),
    "half": Garbage(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"),
    "two-values": json_body(b'{"status":"SUCCESS"}{"status":"RETRY"}'),
}
DROPPED: dict[str, AppAnswer] = {
    "drop": answered("DROP"),
    "drop-accepted": responds(202, b'{"status":"DROP"}'),
    "drop-upper-name": json_body(b'{"STATUS":"DROP"}'),
    "drop-text-type": responds(200, b'{"status":"DROP"}', content_type="text/plain"),
    "drop-trailing": json_body(b'{"status":"DROP"} x'),
    "drop-twice": json_body(b'{"status":"RETRY","status":"DROP"}'),
    "not-found": responds(404, b"nothing here"),
    "not-found-success": responds(404, b'{"status":"SUCCESS"}'),
}
REFUSED: dict[str, AppAnswer] = {
    "retry": answered("RETRY"),
    "retry-space": json_body(b' {"status" : "RETRY"}\n'),
    "unknown": answered("MAYBE"),
    "lower-case": answered("success"),
    "status-space": answered("SUCCESS "),
    "code-500": responds(500, b"broken"),
    "code-500-success": responds(500, b'{"status":"SUCCESS"}', content_type=JSON),
    "code-400": responds(400),
    "code-401": responds(401),
    "code-403": responds(403),
    "code-405": responds(405),
    "code-429": responds(429),
    "code-503": responds(503),
    "code-301": responds(301, location="/elsewhere"),
    "code-302": responds(302, location="/elsewhere"),
    "code-307": responds(307, location="/elsewhere"),
    "code-304": responds(304),
    "code-410": responds(410),
    "closed": Close(),
    "garbage": Garbage(),
    "half-head": Garbage(b"HTTP/1.1 200 OK\r\ncontent-"),
    "bad-status": Garbage(b"HTTP/1.1 999999 WHAT\r\ncontent-length: 0\r\n\r\n"),
}
OUTCOMES = (
    "outcome: HTTP 2xx",
    "outcome: RETRY",
    "outcome: DROP",
    "outcome: 404",
    "outcome: other status",
    "outcome: connection error",
)

MAPPED = (
    *(outcome(name, OUTCOMES[:1], answer, 1, 0, "ps") for name, answer in ACKNOWLEDGED.items()),
    *(outcome(name, OUTCOMES[2:4], answer, 1, 1, "ps") for name, answer in DROPPED.items()),
    *(outcome(name, OUTCOMES[1:], answer, 1, 1, "ps") for name, answer in REFUSED.items()),
    *(
        outcome(name, ("resiliency: retry", "dead letters: copy"), answer, 3, 1, "retrying")
        for name, answer in REFUSED.items()
    ),
    *(outcome(name, ("resiliency: retry",), answer, 1, 1, "retrying") for name, answer in DROPPED.items()),
    *(
        alone(name, ("resiliency: retry", "dead letters: in-memory"), REFUSED[name], 3, "retrying")
        for name in ("retry", "code-500", "closed")
    ),
    *(
        alone(name, ("dead letters: in-memory",), REFUSED[name], 1, "ps")
        for name in ("retry", "code-500", "closed", "garbage")
    ),
    *(alone(name, ("outcome: DROP",), DROPPED[name], 1, "ps") for name in ("drop", "not-found")),
    *(outcome("code-600", OUTCOMES[4:5], responds(600), 1, 1, pubsub) for pubsub in ("ps", "retrying")),
    *(
        outcome("code-418-drop", OUTCOMES[4:5], responds(418, b'{"status":"DROP"}'), count, 1, pubsub)
        for pubsub, count in (("ps", 1), ("retrying", 3))
    ),
    outcome("hang", ("resiliency: timeout",), Hang(), 3, 1, "patient"),
)

RETRIES = (
    Question(
        "retry-then-success",
        ("resiliency: retry",),
        (published("retry-then-success", pubsub="retrying"),),
        (
            subscribed("retry-then-success", pubsub="retrying", deadLetterTopic="never"),
            subscribed("never", pubsub="retrying"),
        ),
        {"/retry-then-success": (responds(500), answered("RETRY"), answered("SUCCESS"))},
        deliveries=3,
    ),
    Question(
        "retry-then-drop",
        ("resiliency: retry", "outcome: DROP"),
        (published("retry-then-drop", pubsub="retrying"),),
        (
            subscribed("retry-then-drop", pubsub="retrying", deadLetterTopic="retry-then-drop-dead"),
            subscribed("retry-then-drop-dead", pubsub="retrying"),
        ),
        {"/retry-then-drop": (responds(500), answered("DROP"))},
        deliveries=3,
    ),
    Question(
        "retry-next-message",
        ("resiliency: retry",),
        (
            published("retry-next-message", {"n": 1}, pubsub="retrying"),
            published("retry-next-message", {"n": 2}, pubsub="retrying"),
        ),
        (subscribed("retry-next-message", pubsub="retrying"),),
        {"/retry-next-message": (responds(500),) * 3},
        deliveries=4,
    ),
    *(
        Question(
            f"matching-{status}",
            ("resiliency: matching",),
            (published(f"matching-{status}", pubsub="choosy"),),
            (
                subscribed(f"matching-{status}", pubsub="choosy", deadLetterTopic=f"matching-{status}-dead"),
                subscribed(f"matching-{status}-dead", pubsub="choosy"),
            ),
            {f"/matching-{status}": (responds(status),) * 5},
            deliveries=deliveries,
        )
        for status, deliveries in ((500, 4), (503, 4), (504, 4), (505, 2), (429, 4), (400, 2), (404, 2))
    ),
    Question(
        "matching-retry-status",
        ("resiliency: matching",),
        (published("matching-retry-status", pubsub="choosy"),),
        (subscribed("matching-retry-status", pubsub="choosy"),),
        {"/matching-retry-status": (answered("RETRY"),) * 5},
        deliveries=3,
    ),
    Question(
        "circuit-breaker",
        ("resiliency: circuit breaker",),
        tuple(published("circuit-breaker", {"n": n}, pubsub="breaking") for n in range(3)),
        (
            subscribed("circuit-breaker", pubsub="breaking", deadLetterTopic="cb-dead"),
            subscribed("cb-dead", pubsub="breaking"),
        ),
        {"/circuit-breaker": (responds(500),) * 9},
        deliveries=2,
    ),
    Question(
        "exponential",
        ("resiliency: retry",),
        (published("exponential", pubsub="growing"),),
        (subscribed("exponential", pubsub="growing"),),
        {"/exponential": (responds(500),) * 9},
        deliveries=4,
    ),
)

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

QUESTIONS = (*MAPPED, *RETRIES, *DEAD_LETTERS, *RAW_SUBSCRIPTIONS, *ROUTES)
