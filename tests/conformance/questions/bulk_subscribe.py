"""Events delivered in batches."""

from __future__ import annotations

from conformance.question import (
    AppAnswer,
    Close,
    Entries,
    Garbage,
    Question,
    answered,
    ask,
    responds,
    subscribed,
)
from outboard.gojson.values import Json

__all__ = ["QUESTIONS"]

JSON = "application/json"
CLOUD_EVENT = "application/cloudevents+json"
BULK: dict[str, Json] = {"enabled": True, "maxMessagesCount": 10, "maxAwaitDurationMs": 50}


def batched(
    name: str,
    rows: tuple[str, ...],
    answer: AppAnswer | None,
    delivered: int,
    dead: int = 0,
    pubsub: str = "ps",
    body: object = None,
    query: str = "",
    kind: str = JSON,
    **more: Json,
) -> Question:
    name = f"{pubsub}-batch-{name}"
    content: object = {"a": 1} if body is None else body
    return Question(
        name,
        rows,
        (ask("POST", f"/v1.0/publish/{pubsub}/{name}{query}", content, content_type=kind),),
        (
            {**subscribed(name, pubsub=pubsub, bulkSubscribe=BULK, deadLetterTopic=f"{name}-dead"), **more},
            subscribed(f"{name}-dead", pubsub=pubsub, metadata={"rawPayload": "true"}),
        ),
        {f"/{name}": (answer,) * 5} if answer is not None else {},
        deliveries=delivered + dead,
    )


ANSWERS: dict[str, tuple[AppAnswer, int, int]] = {
    "success": (Entries(("SUCCESS",)), 1, 0),
    "retry": (Entries(("RETRY",)), 3, 1),
    "drop": (Entries(("DROP",)), 1, 1),
    "reason": (Entries(("SUCCESS",), reason="its dead letter is elsewhere"), 1, 0),
    "retry-reason": (Entries(("RETRY",), reason="no mail server"), 3, 1),
    "unknown": (Entries(("MAYBE",)), 3, 1),
    "empty-status": (Entries(("",)), 3, 1),
    "untold": (Entries(()), 3, 1),
    "stranger": (Entries(("SUCCESS",), ("who",)), 1, 0),
    "only-stranger": (Entries((), ("who",)), 3, 1),
    "no-body": (responds(200), 3, 1),
    "no-content": (responds(204), 3, 1),
    "text": (responds(200, b"hello"), 3, 1),
    "object": (responds(200, {}), 3, 1),
    "null": (responds(200, b"null"), 3, 1),
    "array": (responds(200, []), 3, 1),
    "single-status": (answered("SUCCESS"), 3, 1),
    "statuses-number": (responds(200, {"statuses": 5}), 3, 1),
    "statuses-null": (responds(200, {"statuses": None}), 3, 1),
    "not-found": (responds(404), 1, 0),
    "code-500": (responds(500), 3, 1),
    "code-301": (responds(301, location="/x"), 3, 1),
    "closed": (Close(), 3, 1),
    "garbage": (Garbage(), 3, 1),
}

QUESTIONS = (
    *(
        batched(name, ("bulk subscribe: answers",), answer, delivered, dead, "retrying")
        for name, (answer, delivered, dead) in ANSWERS.items()
    ),
    *(
        batched(name, ("bulk subscribe: answers",), answer, 1, dead)
        for name, (answer, _, dead) in ANSWERS.items()
    ),
    batched(
        "envelope",
        ("bulk subscribe: envelope",),
        Entries(("SUCCESS",)),
        1,
        query="?metadata.a=b&metadata.ttlInSeconds=60",
    ),
    batched(
        "event",
        ("bulk subscribe: envelope",),
        Entries(("SUCCESS",)),
        1,
        kind=CLOUD_EVENT,
        body=b'{"id":"1", "n": 1.50, "data":"<b>&",'
        b'"traceid":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}',
    ),
    batched(
        "numbers",
        ("bulk subscribe: envelope",),
        Entries(("SUCCESS",)),
        1,
        kind=CLOUD_EVENT,
        body=b'{"id":"1","n":12345678901234567890,"m":1e2,"o":-0,"p":0.0000001}',
    ),
    batched(
        "trace",
        ("bulk subscribe: envelope",),
        Entries(("SUCCESS",)),
        1,
        query="?metadata.rawPayload=true&metadata.traceparent=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        body={"id": "1"},
    ),
    batched(
        "octets",
        ("bulk subscribe: envelope",),
        Entries(("SUCCESS",)),
        1,
        body=b"\x00\xff",
        kind="application/octet-stream",
    ),
    batched(
        "raw",
        ("bulk subscribe: envelope",),
        Entries(("SUCCESS",)),
        1,
        query="?metadata.rawPayload=true",
        body=b"hello",
        metadata={"rawPayload": "true"},
    ),
    batched(
        "raw-event", ("bulk subscribe: envelope",), Entries(("SUCCESS",)), 1, metadata={"rawPayload": "true"}
    ),
    batched(
        "raw-bad-flag",
        ("bulk subscribe: envelope",),
        Entries(("SUCCESS",)),
        0,
        1,
        metadata={"rawPayload": "maybe"},
    ),
    batched(
        "undecodable",
        ("bulk subscribe: envelope",),
        Entries(("SUCCESS",)),
        0,
        1,
        query="?metadata.rawPayload=true",
        body=b"hello",
    ),
    batched(
        "expired",
        ("bulk subscribe: expired",),
        Entries(("SUCCESS",)),
        0,
        1,
        kind=CLOUD_EVENT,
        body={"id": "1", "expiration": "2020-01-01T00:00:00Z"},
    ),
    batched(
        "null-event",
        ("bulk subscribe: envelope",),
        Entries(("SUCCESS",)),
        1,
        query="?metadata.rawPayload=true",
        body=b"null",
    ),
    Question(
        "batch-recovers",
        ("bulk subscribe: answers",),
        (ask("POST", "/v1.0/publish/retrying/batch-recovers", {}, content_type=JSON),),
        (subscribed("batch-recovers", pubsub="retrying", bulkSubscribe=BULK),),
        {"/batch-recovers": (responds(500), Entries(("RETRY",)), Entries(("SUCCESS",)))},
        deliveries=3,
    ),
    Question(
        "batch-defaults",
        ("bulk subscribe: defaults",),
        (ask("POST", "/v1.0/publish/ps/batch-defaults", {}, content_type=JSON),),
        (subscribed("batch-defaults", bulkSubscribe={"enabled": True}),),
        {"/batch-defaults": (Entries(("SUCCESS",)),)},
        deliveries=1,
    ),
    Question(
        "batch-disabled",
        ("bulk subscribe: defaults",),
        (ask("POST", "/v1.0/publish/ps/batch-disabled", {}, content_type=JSON),),
        (subscribed("batch-disabled", bulkSubscribe={"enabled": False, "maxMessagesCount": 5}),),
        deliveries=1,
    ),
    Question(
        "batch-routes",
        ("bulk subscribe: routes",),
        tuple(
            ask(
                "POST",
                "/v1.0/publish/ps/batch-routes",
                {"id": str(n), "type": kind},
                content_type=CLOUD_EVENT,
            )
            for n, kind in enumerate("ab")
        ),
        (
            {
                "pubsubname": "ps",
                "topic": "batch-routes",
                "bulkSubscribe": BULK,
                "routes": {
                    "rules": [{"match": 'event.type == "a"', "path": "/batch-routes/a"}],
                    "default": "/batch-routes/d",
                },
            },
        ),
        {"/batch-routes/a": (Entries(("SUCCESS",)),), "/batch-routes/d": (Entries(("SUCCESS",)),)},
        deliveries=2,
        unordered=True,
    ),
)
