"""The answers here are those of daprd 1.18.1, asked with the same requests."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from outboard.gojson.rawjson import JsonTextError
from outboard.sidecar.events.envelope import EventToWrap, is_raw_payload, wrap

NOW = datetime(2026, 11, 23, 12, 1, 56, 999, tzinfo=UTC)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def wrapped(data: bytes, content_type: str = "application/json", **more: Any) -> bytes:
    return wrap(EventToWrap("app", "ps", "t", data, content_type, **more), NOW, lambda: "new-id")


def event(data: bytes, content_type: str = "application/json", **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(wrapped(data, content_type, **more))
    return made


def test_the_whole_envelope_has_sorted_names_and_the_data_as_it_was_written() -> None:
    assert wrapped(b'{"n": 1.50, "big": 12345678901234567890}') == (
        b'{"data":{"n": 1.50, "big": 12345678901234567890},"datacontenttype":"application/json",'
        b'"id":"new-id",'
        b'"pubsubname":"ps","source":"app","specversion":"1.0","time":"2026-11-23T12:01:56Z","topic":"t",'
        b'"traceid":"","traceparent":"","tracestate":"","type":"com.dapr.event.sent"}'
    )


@pytest.mark.parametrize(
    ("data", "content_type", "expected"),
    [
        (b'{"a":1}', "application/json; charset=utf-8", {"data": {"a": 1}}),
        (b'{"a":1}', "APPLICATION/JSON", {"data": {"a": 1}}),
        (b"not json", "application/json", {"data": "not json"}),
        (b"", "application/json", {"data": ""}),
        (b"[NaN]", "application/json", {"data": "[NaN]"}),
        (b"null", "application/json", {"data": None}),
        (b'{"a":1}', "application/foo+json", {"data": '{"a":1}'}),
        (b"<a/>", "application/xml", {"data": "<a/>"}),
        (b"\xff\x00", "application/octet-stream", {"data_base64": "/wA="}),
        (b"\xff", "text/plain", {"data": "\ufffd"}),
    ],
)
def test_data_by_content_type(data: bytes, content_type: str, expected: dict[str, Any]) -> None:
    made = event(data, content_type)
    assert {
        name: made[name] for name in made if name.startswith("data") and name != "datacontenttype"
    } == expected
    assert made["datacontenttype"] == content_type


def test_without_content_type_it_is_plain_text() -> None:
    assert event(b"x", "")["datacontenttype"] == "text/plain"


def test_metadata_overrides_some_attributes_whatever_its_case() -> None:
    metadata = {
        "cloudevent.id": "7", "Cloudevent.Source": "s", "cloudevent.type": "ty", "cloudevent.subject": "su",
        "cloudevent.traceid": "ti", "cloudevent.tracestate": "ts", "cloudevent.time": "no", "x": "y",
    }  # fmt: skip
    made = event(b"{}", metadata=metadata, traceparent=TRACE)
    assert (made["id"], made["source"], made["type"], made["subject"]) == ("7", "s", "ty", "su")
    assert (made["traceid"], made["traceparent"], made["tracestate"]) == ("ti", "ti", "ts")
    assert made["time"] == "2026-11-23T12:01:56Z"
    assert "x" not in made


def test_traceparent_counts_before_traceid() -> None:
    metadata = {"cloudevent.traceid": "a", "cloudevent.traceparent": "b"}
    assert event(b"{}", metadata=metadata)["traceid"] == "b"


@pytest.mark.parametrize(
    ("metadata", "expiration"),
    [
        ({"ttlInSeconds": "50"}, "2026-11-23T12:02:46Z"),
        ({"TTL": "1m"}, "2026-11-23T12:02:56Z"),
        ({"ttlInSeconds": "soon"}, None),
        ({"ttlInSeconds": "-1"}, None),
        ({"ttlInSeconds": "9" * 30}, None),
    ],
)
def test_time_to_live_becomes_an_expiration(metadata: dict[str, str], expiration: str | None) -> None:
    assert event(b"{}", metadata=metadata).get("expiration") == expiration


def test_a_broker_that_knows_expiry_itself_gets_none() -> None:
    features = frozenset({"MESSAGE_TTL"})
    assert "expiration" not in event(b"{}", metadata={"ttlInSeconds": "1"}, features=features)


def test_a_cloud_event_gets_only_what_it_lacks() -> None:
    given = b'{"id":"1","data":{"q":1.0},"foo":"bar","traceparent":"zzz"}'
    assert event(given, "application/cloudevents+json; charset=utf-8") == {
        "id": "1",
        "data": {"q": 1.0},
        "foo": "bar",
        "source": "Dapr",
        "specversion": "1.0",
        "type": "com.dapr.event.sent",
        "topic": "t",
        "pubsubname": "ps",
        "time": "2026-11-23T12:01:56Z",
        "traceid": "",
        "traceparent": "",
        "tracestate": "",
    }


def test_a_cloud_event_keeps_what_it_has_but_topic_and_pubsub() -> None:
    given = b'{"id":"1","source":"s","type":"t","traceid":"tt","topic":"q","pubsubname":"z","time":"2020"}'
    made = event(given, "application/cloudevents+json", metadata={"cloudevent.id": "no"}, traceparent=TRACE)
    assert (made["id"], made["source"], made["traceid"], made["time"]) == ("1", "s", "tt", "2020")
    assert (made["topic"], made["pubsubname"]) == ("t", "ps")
    assert "traceparent" not in made


@pytest.mark.parametrize("given", [b"[1]", b"{", b"", b"null"])
def test_what_says_it_is_a_cloud_event_and_is_none_is_refused(given: bytes) -> None:
    with pytest.raises(JsonTextError):
        wrapped(given, "application/cloudevents+json")


@pytest.mark.parametrize(("value", "raw"), [("true", True), ("1", True), ("T", True), ("0", False)])
def test_raw_payload_is_read_as_go_reads_booleans(value: str, raw: bool) -> None:
    assert is_raw_payload({"rawPayload": value}) is raw


def test_raw_payload_that_is_no_boolean() -> None:
    assert not is_raw_payload({"RAWPAYLOAD": "true"})
    with pytest.raises(ValueError, match="rawPayload value must be a valid boolean: actual is 'yes'"):
        is_raw_payload({"rawPayload": "yes"})
