"""The transactional outbox of state stores."""

from __future__ import annotations

from conformance.question import (
    Group,
    Question,
    ask,
    subscribed,
)
from conformance.questions.files import component, documents
from conformance.questions.shared import PUBSUB
from outboard.gojson.values import Json

__all__ = ["GROUPS"]

OUTBOX = Group(
    "outbox",
    (
        Question(
            "outbox-upsert",
            ("outbox: published after the transaction",),
            (
                ask(
                    "POST",
                    "/v1.0/state/boxed/transaction",
                    {
                        "operations": [
                            {"operation": "upsert", "request": {"key": "a", "value": {"n": 1}}},
                            {"operation": "delete", "request": {"key": "d"}},
                        ]
                    },
                ),
                ask("GET", "/v1.0/state/boxed/a"),
                ask("POST", "/v1.0/state/boxed", [{"key": "e", "value": 1}]),
                ask("DELETE", "/v1.0/state/boxed/e"),
            ),
            (subscribed("boxed-events"),),
            deliveries=1,
        ),
        Question(
            "outbox-json",
            ("outbox: data as JSON by contentType",),
            (
                ask(
                    "POST",
                    "/v1.0/state/boxed-json/transaction",
                    {
                        "operations": [
                            {
                                "operation": "upsert",
                                "request": {
                                    "key": "c",
                                    "value": {"n": 3},
                                    "metadata": {"contentType": "application/json", "custom": "x"},
                                },
                            },
                        ]
                    },
                    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                ),
            ),
            (subscribed("boxed-json-events"),),
            deliveries=1,
        ),
        Question(
            "outbox-projection",
            ("outbox: projection",),
            (
                ask(
                    "POST",
                    "/v1.0/state/boxed-too/transaction",
                    {
                        "operations": [
                            {"operation": "upsert", "request": {"key": "a", "value": 1}},
                            {
                                "operation": "upsert",
                                "request": {
                                    "key": "a",
                                    "value": 2,
                                    "metadata": {"outbox.projection": "true"},
                                },
                            },
                        ]
                    },
                ),
                ask("GET", "/v1.0/state/boxed-too/a"),
            ),
            (subscribed("boxed-too-events"),),
            deliveries=1,
        ),
        Question(
            "outbox-etag",
            ("outbox: nothing of a failed transaction",),
            (
                ask(
                    "POST",
                    "/v1.0/state/boxed-failing/transaction",
                    {
                        "operations": [
                            {"operation": "upsert", "request": {"key": "z", "value": 1, "etag": "no"}}
                        ]
                    },
                ),
            ),
            (subscribed("boxed-failing-events"),),
        ),
    ),
    {
        "components.yaml": documents(
            PUBSUB,
            *(
                component(
                    name, "state.in-memory", outboxPublishPubsub="ps", outboxPublishTopic=f"{name}-events"
                )
                for name in ("boxed", "boxed-json", "boxed-too", "boxed-failing")
            ),
        )
    },
)


def boxed(name: str, keys: str, deliveries: int, **pubsub: Json) -> Group:
    """One transaction that writes `keys`, with a pub/sub component and a store of its own."""
    operations: list[Json] = [{"operation": "upsert", "request": {"key": key, "value": 1}} for key in keys]
    question = Question(
        name,
        ("outbox: published after the transaction",),
        (ask("POST", "/v1.0/state/box/transaction", {"operations": operations}),),
        (subscribed("boxed", pubsub="bus"),),
        deliveries=deliveries,
        unordered=True,
    )
    store = component("box", "state.in-memory", outboxPublishPubsub="bus", outboxPublishTopic="boxed")
    return Group(
        name,
        (question,),
        {"components.yaml": documents(component("bus", "pubsub.in-memory", (), **pubsub), store)},
    )


# Each has a sidecar of its own: with the first, daprd's component is blocked for good.
GROUPS = (
    OUTBOX,
    boxed("outbox-two-upserts", "ab", 0),
    boxed("outbox-namespaced", "a", 0, consumerID="{namespace}"),
)
