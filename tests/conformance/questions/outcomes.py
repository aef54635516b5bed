"""What the app's answers do."""

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

__all__ = ["CLOUD_EVENT", "JSON", "QUESTIONS", "RAW", "outcome", "published"]

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
    "success-reason": json_body(b'{"status":"SUCCESS","reason":"its dead letter is elsewhere"}'),
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
    "drop-reason": json_body(b'{"status":"DROP","reason":"not ours"}'),
    "drop-twice": json_body(b'{"status":"RETRY","status":"DROP"}'),
    "not-found": responds(404, b"nothing here"),
    "not-found-success": responds(404, b'{"status":"SUCCESS"}'),
}


REFUSED: dict[str, AppAnswer] = {
    "retry": answered("RETRY"),
    "retry-reason": json_body(b'{"status":"RETRY","reason":"no mail server"}'),
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


QUESTIONS = MAPPED
