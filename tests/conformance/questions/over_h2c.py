"""What an app over HTTP/2 without TLS is asked and gets, and what its answers do."""

from __future__ import annotations

from dataclasses import replace

from conformance.question import (
    AppAnswer,
    Entries,
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
from conformance.questions.files import component, documents, resiliency
from conformance.questions.outcomes import CLOUD_EVENT, JSON, RAW, published
from outboard.gojson.values import Json

__all__ = ["GROUPS"]

PROTOCOL = "--app-protocol=h2c"
BULK: dict[str, Json] = {"enabled": True, "maxMessagesCount": 10, "maxAwaitDurationMs": 50}
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def asked(
    name: str, answer: AppAnswer | None, delivered: int, dead: int = 0, pubsub: str = "ps", query: str = "",
    body: object = None, kind: str = JSON, **more: Json,
) -> Question:  # fmt: skip
    """One event to an app that answers the same each time, with a dead letter topic."""
    name = f"h2c-{pubsub}-{name}"
    return Question(
        name,
        ("delivery: over h2c",),
        (published(name, body, query, pubsub, kind),),
        (
            {**subscribed(name, pubsub=pubsub, deadLetterTopic=f"{name}-dead"), **more},
            subscribed(f"{name}-dead", pubsub=pubsub),
        ),
        {f"/{name}": (answer,) * 5} if answer is not None else {},
        deliveries=delivered + dead,
    )


ANSWERS: dict[str, tuple[AppAnswer, int, int]] = {
    "empty": (responds(200), 1, 0),
    "no-content": (responds(204), 1, 0),
    "success": (answered("SUCCESS"), 1, 0),
    "retry": (answered("RETRY"), 3, 1),
    "drop": (answered("DROP"), 1, 1),
    "unknown": (answered("MAYBE"), 3, 1),
    "redirect": (responds(302, location="/elsewhere"), 3, 1),
    "not-found": (responds(404), 1, 1),
    "broken": (responds(500, b"x" * 200_000), 3, 1),
}
BATCH_ANSWERS: dict[str, tuple[AppAnswer, int, int]] = {
    "success": (Entries(("SUCCESS",)), 1, 0),
    "retry": (Entries(("RETRY",)), 3, 1),
    "drop": (Entries(("DROP",)), 1, 1),
    "not-found": (responds(404), 1, 0),
    "broken": (responds(500), 3, 1),
}
EVENTS = (
    asked("large", None, 1, body="x" * 500_000),
    asked("text", None, 1, body=b"hello", kind="text/plain"),
    asked("raw", None, 1, query=RAW, body=b"hello", metadata={"rawPayload": "true"}),
    asked("traced", None, 1, body={"id": "1", "traceparent": TRACE, "tracestate": "a=b"}, kind=CLOUD_EVENT),
    asked(
        "metadata", None, 1, body=b"x", kind="text/plain",
        query="?metadata.some=thing&metadata.Upper=Case&metadata.te=x&metadata.connection=close"
        "&metadata.content-length=7&metadata.keep-alive=1",
    ),
)  # fmt: skip
MAIN = Group(
    "h2c-app",
    (
        *(asked(name, answer, n, dead, "retrying") for name, (answer, n, dead) in ANSWERS.items()),
        *(
            asked(f"batch-{name}", answer, n, dead, "retrying", bulkSubscribe=BULK)
            for name, (answer, n, dead) in BATCH_ANSWERS.items()
        ),
        *EVENTS,
        asked("hang", Hang(), 3, 1, "patient"),
        Question("h2c-app-metadata", ("metadata: subscriptions",), (ask("GET", "/v1.0/metadata"),)),
    ),
    {
        "components.yaml": documents(
            *(component(name, "pubsub.in-memory") for name in ("ps", "retrying", "patient"))
        ),
        "resiliency.yaml": resiliency(
            "policies",
            {
                "retries": {"twice": {"policy": "constant", "duration": "20ms", "maxRetries": 2}},
                "timeouts": {"short": "800ms"},
            },
            {
                "retrying": {"inbound": {"retry": "twice"}},
                "patient": {"inbound": {"retry": "twice", "timeout": "short"}},
            },
        ),
    },
    (PROTOCOL,),
    h2c=True,
)
TOKEN = Group(
    "h2c-app-token",
    (
        Question(
            "h2c-app-token",
            ("tokens: APP_API_TOKEN", "delivery: over h2c"),
            (published("h2c-token"), published("h2c-batch-token")),
            (subscribed("h2c-token"), subscribed("h2c-batch-token", bulkSubscribe=BULK)),
            {"/h2c-batch-token": (Entries(("SUCCESS",)),)},
            paths=("/dapr/config", "/dapr/subscribe"),
            deliveries=4,
            side_by_side=True,
        ),
    ),
    {"components.yaml": component("ps", "pubsub.in-memory")},
    (PROTOCOL,),
    {"APP_API_TOKEN": "open"},
    h2c=True,
)
UNWELL = next(group for group in HEALTH_GROUPS if group.name == "unwell")
UNWELL_OVER_H2C = replace(
    UNWELL,
    name="h2c-unwell",
    questions=(replace(UNWELL.questions[0], name="h2c-pauses-and-resumes"),),
    flags=(*UNWELL.flags, PROTOCOL),
    h2c=True,
)
ONE_CALL = Group(
    "h2c-one-call",
    (
        Question(
            "h2c-one-call-at-a-time",
            ("flags: app-max-concurrency",),
            (published("h2c-one"), published("h2c-another")),
            (subscribed("h2c-one"), subscribed("h2c-another")),
            {"/h2c-one": (Late(responds(200), 0.3),), "/h2c-another": (Late(responds(200), 0.3),)},
            deliveries=2,
            unordered=True,
        ),
    ),
    {"components.yaml": component("ps", "pubsub.in-memory")},
    ("--app-max-concurrency=1", PROTOCOL),
    h2c=True,
)
GROUPS = (MAIN, TOKEN, UNWELL_OVER_H2C, ONE_CALL)
