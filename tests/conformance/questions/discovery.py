"""What the app is asked at the start, and what its answers do."""

from __future__ import annotations

from conformance.question import (
    Ask,
    Group,
    Question,
    Respond,
    ask,
    responds,
    subscribed,
)
from conformance.questions.files import subscription_v1
from conformance.questions.shared import DISCOVERY, PUBSUB, published
from outboard.gojson.values import Json

__all__ = ["GROUPS"]


def discovered(name: str, answer: Respond, deliveries: int, *asks: Ask) -> Group:
    """What the answer at `/dapr/subscribe` does to it and to a subscription in a file."""
    question = Question(
        f"discovery-{name}",
        ("programmatic: answers", "discovery: discovery"),
        (*asks, published("told"), published("filed"), ask("GET", "/v1.0/metadata")),
        paths=(*DISCOVERY, "/told", "/filed", "/default", "/"),
        deliveries=deliveries,
    )
    files = {"components.yaml": PUBSUB, "subscription.yaml": subscription_v1("filed", "filed", "/filed")}
    return Group(f"discovery-{name}", (question,), files, subscribe=answer)


TOLD: dict[str, Json] = {"pubsubname": "ps", "topic": "told", "route": "/told"}


BAD_RULE: dict[str, Json] = {
    "pubsubname": "ps",
    "topic": "told",
    "routes": {"rules": [{"match": "event.type ==", "path": "/told"}]},
}


BAD_TYPES: dict[str, Json] = {
    "pubsubname": "ps",
    "topic": "told",
    "routes": {"rules": [{"match": "1 == 'x'", "path": "/told"}]},
}


DISCOVERIES = (
    discovered("told", responds(200, [TOLD]), 4),
    discovered("not-found", responds(404), 3),
    discovered("error", responds(500, [TOLD]), 3),
    discovered("no-content", responds(204), 3),
    discovered("created", responds(201, [TOLD]), 3),
    discovered("empty", responds(200), 3),
    discovered("null", responds(200, b"null"), 3),
    discovered("no-json", responds(200, b"hello"), 2),
    discovered("object", responds(200, TOLD), 2),
    discovered("wrong-types", responds(200, [{**TOLD, "topic": 5}]), 2),
    discovered("metadata-types", responds(200, [{**TOLD, "metadata": {"a": 5}}]), 2),
    discovered("trailing", responds(200, b'[{"pubsubname":"ps","topic":"told","route":"/told"}] x'), 4),
    discovered("bad-rule", responds(200, [BAD_RULE]), 2),
    discovered("bad-types", responds(200, [BAD_TYPES]), 2),
    discovered("one-bad", responds(200, [TOLD, {**BAD_RULE, "topic": "other"}]), 2),
)


NO_INIT = Group(
    "no-init-endpoints",
    (
        Question(
            "init-endpoints",
            ("discovery: disable-init-endpoints",),
            (published("skipped"),),
            (subscribed("skipped"),),
            paths=DISCOVERY,
            deliveries=0,
        ),
    ),
    {"components.yaml": PUBSUB},
    ("--disable-init-endpoints=config,subscribe",),
)


GROUPS = (*DISCOVERIES, NO_INIT)
