"""Reading the request of a bulk delivery."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import BaseModel

from outboard.wire.bulk import BulkCodec, UnreadableBulk
from outboard.wire.events import EventCodec
from outboard.wire.partitioning import partition_key
from support.bulk import bulk_body, bulk_entry


class Task(BaseModel):
    id: int


CODEC = BulkCodec(EventCodec(Task))


def task(number: int, **more: Any) -> dict[str, Any]:
    envelope = {"id": f"e-{number}", "source": "s", "specversion": "1.0", "type": "t"}
    return {**envelope, "data": {"id": number}, **more}


def body(*entries: object) -> bytes:
    return json.dumps(bulk_body(entries)).encode()


def test_entries_are_read_with_what_is_said_of_them() -> None:
    request = CODEC.decode(body(bulk_entry("1", task(1), {"__key": "k"}), bulk_entry("2", task(2))))
    assert request is not None
    assert (request.topic, request.pubsub) == ("tasks", "pubsub")
    assert request.id == bulk_body([])["id"]
    first, second = request.entries
    assert first.event is not None and first.event.data == Task(id=1)
    assert (first.entry_id, first.metadata, second.metadata) == ("1", {"__key": "k"}, {})
    assert first.content_type == "application/cloudevents+json"


@pytest.mark.parametrize(
    "event",
    [
        task(2, data={"id": "x"}),
        task(2, specversion="0.3"),
        task(2, source=""),
        task(2, data_base64="AA=="),
        {"id": "e-2", "type": "t", "data": {"id": 2}},
        "AA==",
        None,
        7,
    ],
)
def test_what_is_not_read_at_once_is_left_to_a_closer_look(event: object) -> None:
    request = CODEC.decode(body(bulk_entry("1", task(1)), bulk_entry("2", event), bulk_entry("3", task(3))))
    assert request is not None
    assert [entry.event is None for entry in request.entries] == [False, True, False]
    assert json.loads(request.raw(request.entries[1])) == event


def test_an_event_is_kept_byte_for_byte() -> None:
    text = b'{ "n" : 1.10, "n": 1e999, "s": "\\u00fc\xff" }'
    whole = body(bulk_entry("1", task(1)), bulk_entry("2", "here")).replace(b'"here"', text)
    request = CODEC.decode(whole)
    assert request is not None
    assert request.raw(request.entries[1]) == text


def test_a_closer_look_finds_the_same_entries() -> None:
    spoilt = body(bulk_entry("1", task(1), {"__key": "k"}), bulk_entry("2", "here")).replace(
        b'"here"', b"[" * 5000 + b"]" * 5000
    )
    request = CODEC.decode(spoilt)
    assert request is not None
    assert (request.topic, request.pubsub) == ("tasks", "pubsub")
    first, second = request.entries
    assert (first.entry_id, first.event, first.metadata, second.entry_id) == ("1", None, {"__key": "k"}, "2")
    assert json.loads(request.raw(first)) == task(1)
    assert len(request.raw(second)) == 10_000


@pytest.mark.parametrize(
    "text",
    ["", "x", "{}", json.dumps(task(1)), json.dumps(task(1, subject="com.dapr.event.sent.bulk"))],
)
def test_what_is_no_bulk_delivery(text: str) -> None:
    assert CODEC.decode(text.encode()) is None


@pytest.mark.parametrize(
    "text",
    [
        b'"com.dapr.event.sent.bulk"',
        b'{"type": "com.dapr.event.sent.bulk"',
        b'{"type": "com.dapr.event.sent.bulk", "entries": null}',
        b'{"type": "com.dapr.event.sent.bulk", "entries": [{"event": 1]}',
    ],
)
def test_a_bulk_delivery_that_cannot_be_read(text: bytes) -> None:
    with pytest.raises(UnreadableBulk):
        CODEC.decode(text)


@pytest.mark.parametrize(
    ("attributes", "metadata", "key"),
    [
        ({"partitionkey": "a"}, {"__key": "b", "partitionKey": "c"}, "a"),
        ({"partitionkey": ""}, {"__key": "b", "partitionKey": "c"}, "b"),
        ({"partitionkey": 7}, {"partitionKey": "c"}, "c"),
        ({}, {"partitionkey": "d"}, "d"),
        ({}, {"__key": ""}, None),
        ({}, {}, None),
    ],
)
def test_the_key_of_an_event(
    attributes: dict[str, object], metadata: dict[str, str], key: str | None
) -> None:
    assert partition_key(attributes, metadata) == key
