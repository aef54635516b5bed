"""What the metadata API tells."""

from __future__ import annotations

from conformance.question import (
    Group,
    Question,
    ask,
    subscribed,
)
from conformance.questions import runtime
from conformance.questions.main import FILES

__all__ = ["GROUPS"]

METADATA = Group(
    "metadata",
    (
        runtime.FIRST,
        Question(
            "subscriptions-shown",
            ("metadata: subscriptions", "merging: unknown pubsub"),
            (ask("GET", "/v1.0/metadata"),),
            (
                subscribed("plain"),
                subscribed("unknown", pubsub="nowhere"),
                subscribed("forbidden", pubsub="silent"),
                subscribed(
                    "detailed",
                    metadata={"a": "b", "rawPayload": "true"},
                    deadLetterTopic="dead",
                    bulkSubscribe={"enabled": True},
                ),
                {
                    "pubsubname": "ps",
                    "topic": "ruled",
                    "routes": {
                        "rules": [{"match": "true", "path": "/r"}, {"match": "", "path": "/e"}],
                        "default": "/d",
                    },
                },
                {"pubsubname": "ps", "topic": "routeless"},
                {"PUBSUBNAME": "ps", "Topic": "cased", "ROUTE": "/cased"},
                subscribed("plain", "/plainer"),
                subscribed("last"),
            ),
        ),
    ),
    FILES,
)


GROUPS = (METADATA,)
