"""Subscriptions in files."""

from __future__ import annotations

from conformance.question import (
    Ask,
    Group,
    Question,
    Respond,
    answered,
    ask,
    subscribed,
)
from conformance.questions.files import documents, subscription_v1, subscription_v2
from conformance.questions.shared import PUBSUB, published

__all__ = ["GROUPS"]

DECLARED = documents(
    subscription_v1("first", "v1", "/v1"),
    subscription_v1("v1-dead", "v1-dropped", "/v1-dropped", deadLetterTopic="v1-dead"),
    subscription_v1("v1-deads", "v1-dead", "/v1-dead"),
    subscription_v1("raw", "v1-raw", "/v1-raw", metadata={"rawPayload": "true"}),
    subscription_v1(
        "batch",
        "v1-batch",
        "/v1-batch",
        bulkSubscribe={"enabled": True, "maxMessagesCount": 5, "maxAwaitDurationMs": 30},
    ),
    subscription_v2(
        "rules",
        "v2",
        {"rules": [{"match": "event.data.kind == 'x'", "path": "/v2/x"}], "default": "/v2/default"},
    ),
    subscription_v2(
        "no-default", "v2-rules", {"rules": [{"match": "event.data.kind == 'x'", "path": "/v2-rules/x"}]}
    ),
    subscription_v2("nothing", "v2-nothing", {}),
    subscription_v2(
        "scoped-in", "v2-scoped-in", {"default": "/v2-scoped-in"}, scopes=["other", "conformance"]
    ),
    subscription_v2("scoped-out", "v2-scoped-out", {"default": "/v2-scoped-out"}, scopes=["other"]),
    subscription_v1("twice-1", "declared-twice", "/declared-twice/first"),
    subscription_v1("twice-2", "declared-twice", "/declared-twice/second"),
    subscription_v1("same-name", "same-name-1", "/same-name-1"),
    subscription_v1("same-name", "same-name-2", "/same-name-2"),
    subscription_v1("both", "both", "/both/declared"),
    subscription_v1("elsewhere", "t", "/elsewhere", pubsub="nowhere"),
    "APIVERSION: dapr.io/v1alpha1\n"
    "KIND: Subscription\n"
    "Metadata: {Name: upper}\n"
    "SPEC: {PubsubName: ps, TOPIC: upper, Route: /upper}",
    "apiVersion: dapr.io/v1alpha1\n"
    "kind: Subscription\n"
    "metadata: {name: 123, namespace: another}\n"
    "spec: {pubsubname: ps, topic: 456, route: /456}",
    "apiVersion: dapr.io/v3\n"
    "kind: Subscription\n"
    "metadata: {name: later}\n"
    "spec: {pubsubname: ps, topic: later, route: /later}",
    "apiVersion: dapr.io/v1alpha1\n"
    "kind: Subscription\n"
    "metadata: {name: a/b}\n"
    "spec: {pubsubname: ps, topic: bad-name, route: /bad-name}",
    "just: something else",
)


def declared(
    name: str,
    row: str,
    requests: tuple[Ask, ...],
    deliveries: int,
    *paths: str,
    **answers: tuple[Respond, ...],
) -> Question:
    prepared = {f"/{path.replace('_', '-')}": each for path, each in answers.items()}
    return Question(f"declared-{name}", (row,), requests, (), prepared, paths, deliveries)


DECLARATIVE = Group(
    "declarative",
    (
        Question("declared-metadata", ("metadata: subscriptions",), (ask("GET", "/v1.0/metadata"),)),
        declared("v1", "declared: v1alpha1", (published("v1"),), 1, "/v1"),
        declared(
            "dead",
            "declared: deadLetterTopic",
            (published("v1-dropped"),),
            2,
            "/v1-dropped",
            "/v1-dead",
            v1_dropped=(answered("DROP"),),
        ),
        declared(
            "raw",
            "declared: metadata",
            (ask("POST", "/v1.0/publish/ps/v1-raw?metadata.rawPayload=true", "raw"),),
            1,
            "/v1-raw",
        ),
        declared("batch", "declared: bulkSubscribe", (published("v1-batch"),), 1, "/v1-batch"),
        declared(
            "rules",
            "declared: v2alpha1",
            (published("v2", kind="x"), published("v2", kind="y")),
            2,
            "/v2/x",
            "/v2/default",
        ),
        declared(
            "rule-errors",
            "declared: v2alpha1",
            (published("v2"), published("v2-rules", kind="x"), published("v2-rules", kind="y")),
            1,
            "/v2-rules/x",
        ),
        declared("nothing", "declared: no rules", (published("v2-nothing"),), 0, "/", "/v2-nothing"),
        declared(
            "scoped",
            "files: scopes",
            (published("v2-scoped-in"), published("v2-scoped-out")),
            1,
            "/v2-scoped-in",
            "/v2-scoped-out",
        ),
        declared(
            "twice",
            "merging: declarative first wins",
            (published("declared-twice"),),
            1,
            "/declared-twice/first",
            "/declared-twice/second",
        ),
        declared(
            "same-name",
            "files: same name",
            (published("same-name-1"), published("same-name-2")),
            1,
            "/same-name-1",
            "/same-name-2",
        ),
        declared("upper", "files: case of keys", (published("upper"),), 1, "/upper"),
        declared("numbers", "files: scalars", (published("456"),), 1, "/456"),
        declared(
            "skipped",
            "files: other documents",
            (published("later"), published("bad-name")),
            0,
            "/later",
            "/bad-name",
        ),
        Question(
            "declared-and-programmatic",
            ("merging: programmatic replaces",),
            (published("both"),),
            (subscribed("both", "/both/programmatic"),),
            paths=("/both/declared",),
            deliveries=1,
        ),
    ),
    {
        "components.yaml": PUBSUB,
        "subscriptions.yaml": DECLARED,
        "ignored.txt": "x",
        "also.yml": subscription_v1("yml", "yml", "/yml"),
    },
)


GROUPS = (DECLARATIVE,)
