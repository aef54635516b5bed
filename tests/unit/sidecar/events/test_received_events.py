from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from outboard.gojson.rawjson import JsonTextError
from outboard.sidecar.events.received import from_headers, from_raw_payload, has_expired, parse_event

NOW = datetime(2026, 11, 23, 12, 1, 56, tzinfo=UTC)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_delivered_event_has_doubles_for_numbers() -> None:
    assert parse_event(b'{"data":{"n":1}}') == {"data": {"n": 1.0}}
    assert isinstance(parse_event(b'{"n":1}')["n"], float)


@pytest.mark.parametrize("data", [b"raw", b"[1]", b"{} x", b'{"a":' + b"[" * 100_000, b""])
def test_what_is_no_json_object_is_refused(data: bytes) -> None:
    with pytest.raises(JsonTextError):
        parse_event(data)


def test_a_raw_payload_becomes_an_event_without_time() -> None:
    made = from_raw_payload(b"raw", "t", "ps", {"traceparent": TRACE}, "new-id")
    assert made == {
        "id": "new-id",
        "specversion": "1.0",
        "datacontenttype": "application/octet-stream",
        "source": "Dapr",
        "type": "com.dapr.event.sent",
        "topic": "t",
        "pubsubname": "ps",
        "data_base64": "cmF3",
        "traceparent": TRACE,
        "traceid": TRACE,
    }


def test_attributes_of_binary_mode_come_from_metadata() -> None:
    metadata = {"ce_id": "1", "CE_Type": "t", "other": "x"}
    expected = {"id": "1", "type": "t", "datacontenttype": "application/octet-stream"}
    assert from_headers(metadata, "application/octet-stream") == expected


def test_expiry() -> None:
    before = NOW - timedelta(seconds=1)
    assert has_expired({"expiration": before.isoformat()}, NOW)
    assert has_expired({"expiration": before.astimezone(timezone(timedelta(hours=5))).isoformat()}, NOW)
    assert not has_expired({"expiration": (NOW + timedelta(seconds=2)).isoformat()}, NOW)
    assert not any(has_expired({"expiration": value}, NOW) for value in ("", "soon", None, 5, "2020-01-01"))
    assert not has_expired({}, NOW)
