"""What the outbox makes of a transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from outboard.gojson.values import Json
from outboard.sidecar.components.port import Delete, Set
from outboard.sidecar.state.outbox.plan import Plan, Traced, Write, internal_topic, plan, relayed
from outboard.sidecar.state.settings import OutboxSettings, outbox_settings

SETTINGS = OutboxSettings("kafka", "orders", "internal")
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
JSON = {"contentType": "application/json"}


def planned(*writes: Write, trace: Traced | None = None) -> Plan:
    ids = iter("123456789")
    return plan(writes, SETTINGS, "api", trace or Traced(), NOW, lambda: next(ids))


def event_of(
    value: Json, metadata: Mapping[str, str] | None = None, content_type: str = ""
) -> dict[str, Any]:
    (event,) = planned(Write(Set("k", value, metadata=metadata or {}), content_type)).events
    decoded: dict[str, Any] = json.loads(event)
    return decoded


@pytest.mark.parametrize(
    ("metadata", "settings"),
    [
        ({}, None),
        ({"outboxPublishPubsub": "p"}, None),
        ({"outboxPublishTopic": "t"}, None),
        ({"outboxpublishpubsub": "p", "outboxPublishTopic": "t"}, None),
        ({"outboxPublishPubsub": "p", "outboxPublishTopic": "t"}, OutboxSettings("p", "t", "p")),
        (
            {
                "outboxPublishPubsub": "p",
                "outboxPublishTopic": "t",
                "outboxPubsub": "i",
                "outboxDiscardWhenMissingState": "YES",
            },
            OutboxSettings("p", "t", "i", discard=True),
        ),
    ],
)
def test_settings(metadata: dict[str, str], settings: OutboxSettings | None) -> None:
    assert outbox_settings(metadata) == settings


def test_the_internal_topic_is_named_after_namespace_app_and_topic() -> None:
    assert internal_topic("default", "api", SETTINGS) == "defaultapiordersoutbox"


def test_each_upsert_gets_a_marker_and_an_event_with_its_id() -> None:
    made = planned(Write(Set("a", 1)), Write(Delete("b")), Write(Set("c", 2)))
    assert made.operations == [
        Set("a", 1), Delete("b"), Set("c", 2), Set("outbox-1", "0"), Set("outbox-2", "0"),
    ]  # fmt: skip
    assert [json.loads(event)["id"] for event in made.events] == ["outbox-1", "outbox-2"]


def test_the_envelope() -> None:
    made = planned(Write(Set("a", "text")), trace=Traced("00-aa-bb-01", "x=y"))
    assert json.loads(made.events[0]) == {
        "id": "outbox-1",
        "source": "api",
        "specversion": "1.0",
        "type": "com.dapr.event.sent",
        "datacontenttype": "text/plain",
        "data": "text",
        "topic": "",
        "pubsubname": "internal",
        "traceid": "00-aa-bb-01",
        "traceparent": "",
        "tracestate": "x=y",
        "time": "2026-01-02T03:04:05Z",
    }


@pytest.mark.parametrize(
    ("value", "metadata", "content_type", "told"),
    [
        ({"a": 1}, JSON, "", {"a": 1}),
        ({"a": 1}, {"contentType": "APPLICATION/json"}, "", {"a": 1}),
        ({"a": 1}, {}, "application/json", {"a": 1}),
        ("x", JSON, "", "x"),
        ({"a": [1.5, None]}, {}, "", "map[a:[1.5 <nil>]]"),
        (1_000_000, {}, "", "1e+06"),
    ],
)
def test_data_is_json_only_where_the_content_type_says_so(
    value: Json, metadata: dict[str, str], content_type: str, told: Json
) -> None:
    assert event_of(value, metadata, content_type)["data"] == told


def test_binary_data_is_base64() -> None:
    event = event_of("bytes", {"contentType": "application/octet-stream"})
    assert event["data_base64"] == "Ynl0ZXM="
    assert "data" not in event


def test_metadata_items_become_attributes_but_not_data_and_id() -> None:
    event = event_of(
        "v", {"type": "t", "cloudevent.type": "c", "ttlInSeconds": "5", "data": "no", "id": "no"}
    )
    assert (event["type"], event["cloudevent.type"], event["ttlInSeconds"]) == ("t", "c", "5")
    assert (event["data"], event["id"]) == ("v", "outbox-1")


@pytest.mark.parametrize("first", [True, False])
def test_a_projection_is_told_instead_of_the_value_and_not_saved(first: bool) -> None:
    saved = Write(Set("k", "saved"))
    told = Write(Set("k", {"told": True}, metadata={**JSON, "outbox.projection": "true"}))
    made = planned(*((told, saved) if first else (saved, told)))
    assert made.operations == [Set("k", "saved"), Set("outbox-1", "0")]
    (event,) = map(json.loads, made.events)
    assert (event["data"], event["datacontenttype"]) == ({"told": True}, "application/json")


def test_a_value_that_is_no_json_is_an_error() -> None:
    with pytest.raises(ValueError, match="too large"):
        event_of(10**400, JSON)


def test_what_goes_to_the_public_topic_names_it() -> None:
    event: dict[str, Json] = {"id": "1", "topic": "", "pubsubname": "internal", "data": {"z": 1, "a": "<"}}
    sent = b'{"data":{"a":"\\u003c","z":1},"id":"1","pubsubname":"kafka","topic":"orders"}'
    assert relayed(event, SETTINGS) == sent
