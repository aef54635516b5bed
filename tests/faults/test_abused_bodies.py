"""Bodies that nobody should send: the sidecar answers as daprd does, goes on, and changes nothing else.

daprd is asked the same where it is set up. What it does not survive, or loses, stands in a test of its own.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from faults.abused import Abused

JSON = "application/json"
CLOUD_EVENT = "application/cloudevents+json"
DEEP = b"[" * 100_000 + b"]" * 100_000
DIGITS = b"7" * 5_000


def event(data: bytes) -> bytes:
    return b'{"specversion":"1.0","id":"1","source":"web","type":"order","data":' + data + b"}"


READ = {
    "NUL": (rb'{"n":"\u0000"}', {"n": "\0"}),
    "key twice": (b'{"n":1,"n":2}', {"n": 2}),
    "beyond 2^53": (b'{"n":9007199254740993}', {"n": 9007199254740993}),
    "not UTF-8": (b'{"n":"\xe9"}', {"n": "\ufffd"}),
    "surrogate in UTF-8": (b'{"n":"\xed\xa0\x80"}', {"n": "\ufffd\ufffd\ufffd"}),
}
UNREADABLE = {
    "deep": DEEP,
    "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "NaN": b'{"n":NaN}',
    "Infinity": b'{"n":-Infinity}',
    "bare NUL": b'{"n":"\0"}',
    "byte order mark": b'\xef\xbb\xbf{"n":1}',
}


def publish(abused: Abused, body: bytes, content_type: str) -> int:
    headers = {"content-type": content_type}
    return abused.sidecar.http.post("/v1.0/publish/pubsub/orders", content=body, headers=headers).status_code


@pytest.mark.parametrize(("text", "data"), READ.values(), ids=READ)
def test_json_that_can_be_read_arrives_as_it_is_read(abused: Abused, text: bytes, data: object) -> None:
    assert publish(abused, text, JSON) == 204
    assert publish(abused, event(text), CLOUD_EVENT) == 204
    assert abused.arrived() == [("orders", data), ("orders", data)]


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE)
def test_json_that_cannot_be_read_arrives_as_text_and_is_no_cloudevent(abused: Abused, text: bytes) -> None:
    assert publish(abused, text, JSON) == 204
    assert publish(abused, event(text), CLOUD_EVENT) == 500
    assert abused.arrived() == [("orders", text.decode())]


def test_of_two_documents_the_first_one_counts(abused: Abused) -> None:
    assert publish(abused, b'{"n":1}{"n":2}', JSON) == 204
    assert publish(abused, event(b'{"n":1}') + event(b'{"n":2}'), CLOUD_EVENT) == 204
    assert publish(abused, event(b'{"n":1}{"n":2}'), CLOUD_EVENT) == 500
    assert abused.arrived() == [("orders", {"n": 1}), ("orders", {"n": 1})]


def test_a_lone_surrogate_arrives_as_the_replacement_character(abused: Abused) -> None:
    assert publish(abused, rb'{"n":"\ud800"}', JSON) == 204
    assert publish(abused, event(rb'{"n":"\ud800"}'), CLOUD_EVENT) == 204
    assert abused.arrived() == [("orders", {"n": "\ufffd"}), ("orders", {"n": "\ufffd"})]


def test_5000_digits_are_no_event_and_the_next_one_arrives(abused: Abused) -> None:
    """No 64-bit float holds them: daprd cannot read what it took, so here it is not taken."""
    taken = 204 if abused.is_daprd else 400
    assert publish(abused, b'{"n":' + DIGITS + b"}", JSON) == taken
    assert publish(abused, event(DIGITS), CLOUD_EVENT) == taken
    assert publish(abused, b"1", JSON) == 204
    assert abused.arrived() == [("orders", 1)]


@pytest.mark.parametrize(
    "attributes",
    [{"id": 5}, {"id": None}, {"type": None, "id": "1"}, {"id": "1", "traceid": 7}, {"id": "1", "time": {}}],
    ids=str,
)
@pytest.mark.parametrize(
    "abused", ["outboard"], indirect=True
)  # daprd panics, at the latest when it delivers
def test_cloudevents_that_end_daprd_are_delivered(abused: Abused, attributes: dict[str, Any]) -> None:
    assert publish(abused, json.dumps({**attributes, "data": "odd"}).encode(), CLOUD_EVENT) == 204
    assert abused.arrived() == [("orders", "odd")]


@pytest.mark.parametrize(
    "text", [DEEP, b"NaN", b'"\0"', b"1} {"], ids=["deep", "NaN", "bare NUL", "trailing"]
)
def test_a_bulk_that_cannot_be_read_is_refused_as_a_whole(abused: Abused, text: bytes) -> None:
    good, bad = (
        b'{"entryId":"%d","contentType":"application/json","event":' % number + value + b"}"
        for number, value in enumerate((b"1", text))
    )
    answer = abused.sidecar.http.post(
        "/v1.0/publish/bulk/pubsub/orders", content=b"[" + good + b"," + bad + b"]"
    )

    assert answer.status_code == 400
    assert answer.json()["errorCode"] == "ERR_PUBSUB_EVENTS_SER"
    assert abused.arrived() == []


@pytest.mark.parametrize(
    "number", [DIGITS, b"1e400", b"7" * 400], ids=["5,000 digits", "1e400", "400 digits"]
)
def test_a_number_beyond_any_is_not_made_another_one(abused: Abused, number: bytes) -> None:
    entry = b'[{"entryId":"1","contentType":"application/json","event":' + number + b"}]"

    answer = abused.sidecar.http.post("/v1.0/publish/bulk/pubsub/orders", content=entry)

    assert abused.arrived() == []
    assert answer.status_code == 400


STATE_VALUES = {
    "deep": DEEP,
    "NaN": b"NaN",
    "Infinity": b"-Infinity",
    "bare NUL": b'"\0"',
    "half": b'{"n":',
    "nothing": b"",
    "two": b'{"n":1}{"n":2}',
}


@pytest.mark.parametrize("text", STATE_VALUES.values(), ids=STATE_VALUES)
def test_state_that_cannot_be_read_is_refused_and_what_was_there_stays(abused: Abused, text: bytes) -> None:
    client = abused.sidecar.http
    assert client.post("/v1.0/state/statestore", json=[{"key": "kept", "value": 1}]).status_code == 204

    answer = client.post("/v1.0/state/statestore", content=b'[{"key":"kept","value":' + text + b"}]")

    assert answer.status_code == 400
    assert answer.json()["errorCode"] == "ERR_MALFORMED_REQUEST"
    assert client.get("/v1.0/state/statestore/kept").json() == 1


def test_state_with_5000_digits_is_refused_and_what_was_there_stays(abused: Abused) -> None:
    client = abused.sidecar.http
    client.post("/v1.0/state/statestore", json=[{"key": "kept", "value": 1}])
    answer = client.post("/v1.0/state/statestore", content=b'[{"key":"kept","value":' + DIGITS + b"}]")

    assert client.get("/v1.0/state/statestore/kept").json() == 1
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "ERR_MALFORMED_REQUEST")
