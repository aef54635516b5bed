from __future__ import annotations

import json
from typing import Any

import pytest

from outboard.sidecar.subscriptions.active import (
    ActiveSubscription,
    SubscribeInvalid,
    activate,
    merge,
    parse_subscribe,
    topics_by_pubsub,
)
from outboard.wire.subscriptions import BulkSubscribe, Rule, Subscription


def parsed(*items: Any) -> list[Subscription]:
    return parse_subscribe(json.dumps(items).encode())[0]


def test_keys_are_read_whatever_their_case() -> None:
    item = {
        "PubsubName": "ps", "Topic": "t", "Route": "/r", "DeadLetterTopic": "d",
        "Metadata": {"rawPayload": "true"},
        "BulkSubscribe": {"Enabled": True, "MaxMessagesCount": 5, "MaxAwaitDurationMs": 40},
    }  # fmt: skip
    assert parsed(item) == [
        Subscription("ps", "t", (Rule("/r"),), "d", {"rawPayload": "true"}, BulkSubscribe(True, 5, 40))
    ]


def test_rules_stand_in_order_and_the_default_last() -> None:
    routes = {"rules": [{"match": "m", "path": "/1"}, {"path": "/2"}], "default": "/3"}
    [subscription] = parsed({"pubsubname": "ps", "topic": "t", "route": "/no", "routes": routes})
    assert subscription.rules == (Rule("/1", "m"), Rule("/2"), Rule("/3"))


def test_one_without_a_route_is_left_out() -> None:
    assert parse_subscribe(b'[{"pubsubname":"ps","topic":"t"}]') == ([], [Subscription("ps", "t", ())])


@pytest.mark.parametrize("body", [b"", b" \n", b"[]", b"null"])
def test_nothing_is_an_empty_list(body: bytes) -> None:
    assert parse_subscribe(body) == ([], [])


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"{}", "not a list"),
        (b"[", "not JSON"),
        (b"[1]", "an item is not an object"),
        (b'[{"topic": 5}]', "topic is not a string"),
        (b'[{"metadata": {"a": 1}}]', "metadata.a is not a string"),
        (b'[{"routes": {"rules": {}}}]', "routes.rules is not a list"),
        (b'[{"bulkSubscribe": {"maxMessagesCount": "5"}}]', "maxmessagescount is not a whole number"),
    ],
)
def test_what_cannot_be_read_says_where(body: bytes, problem: str) -> None:
    with pytest.raises(SubscribeInvalid) as caught:
        parse_subscribe(body)
    assert problem in str(caught.value)


def active(kind: Any, topic: str, path: str, pubsub: str = "ps") -> ActiveSubscription:
    return activate(Subscription(pubsub, topic, (Rule(path),)), kind)


def test_first_declarative_last_programmatic_and_programmatic_before_declarative() -> None:
    merged = merge(
        [active("DECLARATIVE", "a", "/d1"), active("DECLARATIVE", "a", "/d2"),
         active("DECLARATIVE", "b", "/d")],
        [active("PROGRAMMATIC", "b", "/p1"), active("PROGRAMMATIC", "b", "/p2"),
         active("PROGRAMMATIC", "c", "/p")],
    )  # fmt: skip
    paths = {entry.subscription.topic: entry.subscription.rules[0].path for entry in merged}
    assert paths == {"a": "/d1", "b": "/p2", "c": "/p"}


def test_topics_are_told_by_pubsub_in_order() -> None:
    entries = [
        active("PROGRAMMATIC", topic, "/", pubsub) for topic, pubsub in [("b", "x"), ("a", "y"), ("c", "x")]
    ]
    assert topics_by_pubsub(entries) == {"x": ["b", "c"], "y": ["a"]}
