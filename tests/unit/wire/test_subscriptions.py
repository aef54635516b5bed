from __future__ import annotations

from outboard.wire.subscriptions import BulkSubscribe, Rule, Subscription


def test_one_default_rule_is_a_route() -> None:
    subscription = Subscription("kafka-pubsub", "task-events", (Rule("/events/task"),))
    assert subscription.to_json() == {
        "pubsubname": "kafka-pubsub",
        "topic": "task-events",
        "route": "/events/task",
    }


def test_rules_keep_their_order_before_the_default() -> None:
    rules = (Rule("/b", "event.type == 'b'"), Rule("/a", "event.type == 'a'"), Rule("/rest"))
    assert Subscription("p", "t", rules).to_json()["routes"] == {
        "rules": [{"match": "event.type == 'b'", "path": "/b"}, {"match": "event.type == 'a'", "path": "/a"}],
        "default": "/rest",
    }


def test_rules_without_a_default() -> None:
    assert Subscription("p", "t", (Rule("/a", "true"),)).to_json()["routes"] == {
        "rules": [{"match": "true", "path": "/a"}]
    }


def test_everything_else_is_announced_where_it_is_set() -> None:
    subscription = Subscription(
        "p", "t", (Rule("/a"),), "t-dead", {"rawPayload": "true"}, BulkSubscribe(True, 10, 5)
    )
    assert subscription.to_json() == {
        "pubsubname": "p",
        "topic": "t",
        "route": "/a",
        "deadLetterTopic": "t-dead",
        "metadata": {"rawPayload": "true"},
        "bulkSubscribe": {"enabled": True, "maxMessagesCount": 10, "maxAwaitDurationMs": 5},
    }
