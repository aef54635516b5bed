"""Bodies that are too large."""

from __future__ import annotations

from conformance.question import (
    Group,
    Late,
    Question,
    ask,
    responds,
    subscribed,
)
from conformance.questions.files import documents
from conformance.questions.shared import PUBSUB, STATE, published

__all__ = ["GROUPS"]

NESTED = tuple(b"[" * levels + b"]" * levels for levels in (250, 5_000, 20_000))
DEEP = Group(
    "nesting",
    (
        *(
            Question(
                name,
                ("state errors: malformed",),
                tuple(
                    ask("POST", "/v1.0/state/mem", b'[{"key":"k","value":%s}]' % value) for value in values
                ),
            )
            for name, values in (
                ("nested-json", NESTED[1:2]),
                ("flatter-json", NESTED[:1]),
                ("too-nested-json", (NESTED[2], NESTED[2].replace(b"[", b'{"a":').replace(b"]", b"}"))),
            )
        ),
    ),
    {"components.yaml": STATE},
    app=False,
)

LIMITS = Group(
    "limits",
    (
        Question(
            "small-bodies",
            ("flags: max-body-size", "http: oversize"),
            (
                *(
                    ask("POST", "/v1.0/publish/ps/small", b"x" * size, content_type="text/plain")
                    for size in (1024, 1025, 1026, 2048)
                ),
                *(
                    ask("POST", "/v1.0/state/mem", b'[{"key":"k","value":"%s"}]' % (b"x" * size))
                    for size in (990, 1024, 2000)
                ),
                ask("GET", "/v1.0/state/mem/k"),
                ask(
                    "POST",
                    "/v1.0/publish/bulk/ps/small",
                    [{"entryId": "1", "event": "x" * 2000, "contentType": "text/plain"}],
                ),
                ask("PUT", "/v1.0/metadata/k", b"x" * 2000),
            ),
        ),
        Question(
            "large-answer",
            ("flags: max-body-size",),
            (published("large-answer"), published("larger-answer")),
            (
                subscribed("large-answer", deadLetterTopic="la-dead"),
                subscribed("larger-answer"),
                subscribed("la-dead"),
            ),
            {
                "/large-answer": (responds(200, b'{"status":"DROP","x":"' + b"x" * 500_000 + b'"}'),),
                "/larger-answer": (responds(500, b"x" * 5000),),
            },
            deliveries=3,
            unordered=True,
        ),
    ),
    {"components.yaml": documents(PUBSUB, STATE)},
    ("--max-body-size=1Ki",),
)


HEADS = Group(
    "heads",
    (
        Question(
            "large-heads",
            ("flags: read-buffer-size",),
            tuple(ask("GET", "/v1.0/state/mem/k", x="y" * size) for size in (500, 3_000, 9_000, 20_000)),
        ),
        Question(
            "one-call-at-a-time",
            ("flags: app-max-concurrency", "flags: app-channel-address"),
            (published("one-call"), published("another-call")),
            (subscribed("one-call"), subscribed("another-call")),
            {"/one-call": (Late(responds(200), 0.3),), "/another-call": (Late(responds(200), 0.3),)},
            deliveries=2,
            unordered=True,
        ),
    ),
    {"components.yaml": documents(PUBSUB, STATE)},
    ("--read-buffer-size=1Ki", "--app-max-concurrency=1", "--app-channel-address=localhost"),
)

GROUPS = (LIMITS, DEEP, HEADS)
