"""Two documents compared: whom a change breaks, by direction."""

from __future__ import annotations

from typing import Any

import pytest

from outboard.asyncapi.alternatives import CannotCompare
from outboard.asyncapi.comparing import Change, changes
from outboard.asyncapi.output import json_of, text_of

TEXT: dict[str, Any] = {"type": "string"}
INT: dict[str, Any] = {"type": "integer"}


def data(required: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": required.split(),
        "properties": properties,
        "additionalProperties": False,
    }


def document(
    action: str = "send", app: str = "shop", topic: str = "orders", **messages: Any
) -> dict[str, Any]:
    names = {name: {"$ref": f"#/channels/c/messages/{name}"} for name in messages}
    operations = {
        f"{app}.{action}": {
            "action": action,
            "channel": {"$ref": "#/channels/c"},
            "messages": [*names.values()],
        }
    }
    payloads = {
        name: {
            "name": name,
            "payload": {"type": "object", "required": ["data"], "properties": {"data": schema}},
        }
        for name, schema in messages.items()
    }
    return {
        "asyncapi": "3.0.0",
        "channels": {"c": {"address": topic, "x-dapr-pubsub": "events", "messages": payloads}},
        "operations": operations,
    }


def told(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    return [(each.breaks, each.message, each.path, each.rule) for each in changes(old, new)]


V1 = data("number", number=INT)
MORE = data("number currency", number=INT, currency=TEXT)
OTHER = data("number", number=TEXT)


def test_the_same_says_nothing() -> None:
    assert changes(document(Order=V1), document(Order=V1)) == []
    assert [*text_of([])] == ["nothing has changed for anybody"]


@pytest.mark.parametrize(
    ("action", "breaks"),
    [
        ("send", [("consumers", "Order", "data.number", "type")]),
        ("receive", [("producers", "Order", "data.number", "type")]),
    ],
)
def test_another_type_breaks_the_other_side(action: str, breaks: list[Any]) -> None:
    assert told(document(action, Order=V1), document(action, Order=OTHER)) == breaks


def test_a_field_that_is_added() -> None:
    optional = V1 | {"properties": {"number": INT, "currency": TEXT}}
    opened = {name: value for name, value in MORE.items() if name != "additionalProperties"}
    assert told(document("receive", Order=V1), document("receive", Order=MORE)) == [
        ("producers", "Order", "data.currency", "required")
    ]
    assert told(document("receive", Order=V1), document("receive", Order=optional)) == [
        ("", "Order", "data.currency", "field")
    ]
    assert told(document("send", Order=V1), document("send", Order=MORE)) == [
        ("consumers", "Order", "data.currency", "field")
    ]
    assert told(document("send", Order=opened), document("send", Order=MORE)) == [
        ("", "Order", "data", "field")
    ]


def test_a_field_that_is_removed() -> None:
    assert told(document("send", Order=MORE), document("send", Order=V1)) == [
        ("consumers", "Order", "data.currency", "required")
    ]
    assert told(document("receive", Order=MORE), document("receive", Order=V1)) == [
        ("producers", "Order", "data.currency", "field")
    ]


@pytest.mark.parametrize(("action", "breaks"), [("send", "consumers"), ("receive", "")])
def test_a_message_that_is_added(action: str, breaks: str) -> None:
    text = {"type": "string"}
    assert told(document(action, Order=V1), document(action, Order=V1, Gone=text)) == [
        (breaks, "Gone", "", "alternative")
    ]


@pytest.mark.parametrize(("action", "breaks"), [("send", ""), ("receive", "producers")])
def test_a_message_that_is_removed(action: str, breaks: str) -> None:
    text = {"type": "string"}
    assert told(document(action, Order=V1, Gone=text), document(action, Order=V1)) == [
        (breaks, "Gone", "", "alternative")
    ]


def test_a_message_with_another_name_and_the_same_schema_breaks_nobody() -> None:
    assert changes(document(Order=V1), document(OrderPlaced=V1)) == []


def test_an_app_with_another_name_is_compared() -> None:
    assert told(document("receive", Order=V1), document("receive", app="store", Order=OTHER)) == [
        ("producers", "Order", "data.number", "type")
    ]


def test_topics_that_come_and_go_break_nobody() -> None:
    found = changes(document(topic="orders", Order=V1), document(topic="orders-v2", Order=V1))
    assert {(each.topic, each.rule, each.breaks) for each in found} == {
        ("orders", "removed", ""),
        ("orders-v2", "added", ""),
    }
    found = changes(document("receive", topic="a", Order=V1), document("receive", topic="b", Order=V1))
    assert {(each.topic, each.rule, each.breaks) for each in found} == {
        ("a", "removed", ""),
        ("b", "added", ""),
    }


def test_a_channel_without_operations_is_compared_both_ways() -> None:
    old, new = document(Order=V1), document(Order=OTHER)
    del old["operations"], new["operations"]
    assert {each[0] for each in told(old, new)} == {"consumers", "producers"}


def test_a_schema_in_a_format_of_its_own() -> None:
    new = document(Order=OTHER)
    message = new["channels"]["c"]["messages"]["Order"]
    message["payload"] = {
        "schemaFormat": "application/schema+json;version=draft-07",
        "schema": message["payload"],
    }
    assert told(document(Order=V1), new) == [("consumers", "Order", "data.number", "type")]


@pytest.mark.parametrize(
    "old",
    [
        {},
        {"asyncapi": "2.6.0"},
        {"asyncapi": "3.0.0", "channels": []},
        {
            "asyncapi": "3.0.0",
            "operations": {"a": {"action": "send", "channel": {"$ref": "#/channels/none"}}},
        },
        {"asyncapi": "3.0.0", "operations": {"a": 3}},
        {"asyncapi": "3.0.0", "operations": {"a": {"action": "send", "channel": 3}}},
        {
            "asyncapi": "3.0.0",
            "channels": {"c": {}},
            "operations": {"a": {"channel": {"$ref": "#/channels/c"}, "messages": 3}},
        },
        {"asyncapi": "3.0.0", "channels": {"c": {"messages": {"m": {"payload": 3}}}}},
    ],
)
def test_what_is_no_document_is_refused(old: dict[str, Any]) -> None:
    with pytest.raises(CannotCompare):
        changes(old, document(Order=V1))


def test_text_and_json() -> None:
    found = changes(document(Order=V1), document(Order=OTHER, Mail=TEXT))
    assert [*text_of(found)] == [
        "breaks consumers: orders send Mail: Mail is none of Order [alternative]",
        "breaks consumers: orders send Order.data.number: string is not integer [type]",
        "2 breaking for consumers, 0 for producers, 0 for nobody",
    ]
    told = json_of(found)
    assert (told["breaking"], told["consumers"], told["producers"]) == (True, 2, 0)
    assert told["changes"][1] == {
        "pubsub": "events",
        "topic": "orders",
        "action": "send",
        "operation": "shop.send",
        "message": "Order",
        "path": "data.number",
        "rule": "type",
        "text": "string is not integer",
        "breaks": "consumers",
    }
    kept = [Change("p", "t", "send", "o", "M", "x", "type", "why", "")]
    assert json_of(kept)["changes"][0]["breaks"] is None
    assert next(text_of(kept)) == "breaks nobody: t send M.x: why [type]"
