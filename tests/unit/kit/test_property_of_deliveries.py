"""What says that it never fails, or which errors it raises, holds to it for whatever is delivered."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from outboard import Event, Outboard
from outboard.errors import InvalidCloudEvent, InvalidEventData
from outboard.kit.subscriptions.dead_letter import dead_letter, read_envelope
from outboard.kit.subscriptions.received import ReceivedAlone, ReceivedEvent, ReceivedInBulk
from outboard.wire.bulk import BulkCodec, UnreadableBulk
from outboard.wire.deadletters import DeadLetterAttributes, origin
from outboard.wire.events import EventCodec
from support.scripted import ScriptedExchange
from support.serving import Serving

BYTES_THAT_ARE_NO_JSON: Final = (
    b'{"specversion":"1.0","id":"1","source":"s","type":"t","datacontenttype":"application/json",'
    b'"data_base64":"//8="}'
)


class Task(BaseModel):
    id: int


CODECS: Final[tuple[EventCodec[Any], ...]] = (EventCodec(object), EventCodec(Task), EventCodec(bytes))

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=6),
    st.sampled_from(
        ["1.0", "//8=", "application/json", "//[", "2020-02-30T00:00:00Z", "0001-01-01T00:00:00+23:00"]
    ),
    st.sampled_from([10**400, "\ud800", "9999-12-31T23:59:60Z"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
NAMES = st.text(max_size=4) | st.sampled_from(
    [
        "specversion",
        "id",
        "source",
        "type",
        "datacontenttype",
        "dataschema",
        "subject",
        "time",
        "data",
        "data_base64",
        "cls",
        "self",
        "_fields_set",
        "model_config",
        "partitionkey",
        "traceparent",
        "tracestate",
        "deadletterreason",
        "invalidtime",
    ]
)
COMPLETE = {"specversion": "1.0", "id": "1", "source": "s", "type": "t"}
IN_BASE64 = st.fixed_dictionaries(
    {"datacontenttype": st.just("application/json"), "data_base64": st.sampled_from(["//8=", "e30="])}
)
OBJECTS = st.builds(
    lambda *parts: {name: value for part in parts for name, value in part.items()},
    st.sampled_from([{}, COMPLETE]),
    st.just({}) | IN_BASE64,
    st.dictionaries(NAMES, VALUES, max_size=4),
)
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            "content-type",
            "ce-id",
            "ce-specversion",
            "ce-data",
            "ce-source",
            "ce-type",
            "ce-time",
            "ce-cls",
            "ce-_fields_set",
            "__key",
            "partitionkey",
            "__offset",
            "traceparent",
        ]
    ),
    st.text(max_size=4)
    | st.sampled_from(["application/json", "1.0", "application/cloudevents+json", "text/plain", "%ff", "☃"]),
    max_size=6,
)
ENTRIES = VALUES | st.fixed_dictionaries(
    {"entryId": st.text(min_size=1, max_size=2), "event": OBJECTS | VALUES},
    optional={"metadata": st.dictionaries(NAMES, SCALARS, max_size=2), "contentType": VALUES},
)
SETTINGS = settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=300)


def written(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


BODIES = st.builds(written, OBJECTS | VALUES) | st.builds(lambda value: json.dumps(value).encode(), OBJECTS)


def look_at_all_of(received: ReceivedEvent) -> None:
    """Ask for all that is asked of an event on its way to its handler, or to a dead letter topic."""
    received.trace()
    received.identity()
    for name, value in received.headers().items():
        (name.encode(), value.encode())
    letter = dead_letter(
        received.envelope(), reason="a", origin=origin("a", "b", "c", "/d"), attempts=1, now=datetime.now(UTC)
    )
    assert EventCodec(object).decode(letter).extensions["deadletterreason"] == "a"


@SETTINGS
@given(body=BODIES | st.binary(max_size=12), headers=HEADERS)
def test_whatever_is_delivered_alone_is_an_event_or_poison(body: bytes, headers: Mapping[str, str]) -> None:
    for codec in CODECS:
        with contextlib.suppress(InvalidCloudEvent, InvalidEventData):
            codec.decode(body, headers)
        look_at_all_of(ReceivedAlone(codec, body, headers))


@SETTINGS
@given(entries=st.lists(ENTRIES, max_size=3), more=st.dictionaries(NAMES, VALUES, max_size=1))
def test_whatever_is_delivered_in_bulk_is_entries_or_unreadable(entries: list[Any], more: Any) -> None:
    bulk = {**more, "type": "com.dapr.event.sent.bulk", "entries": entries}
    try:
        request = BulkCodec(CODECS[1]).decode(written(bulk))
    except UnreadableBulk:
        return
    assert request is not None
    for entry in request.entries:
        look_at_all_of(ReceivedInBulk(CODECS[1], request, entry))


@SETTINGS
@given(
    st.dictionaries(
        st.sampled_from(["deadletterreason", "deadletterorigin", "deadletterattempts", "deadlettertime"]),
        VALUES | st.sampled_from(["//[x]/a", "//\N{ACCOUNT OF}/b"]),
    )
)
def test_the_attributes_of_a_dead_letter_are_read_whatever_they_are(members: dict[str, Any]) -> None:
    found = DeadLetterAttributes.read(members)
    assert found is None or isinstance(found.topic, str)


def test_bytes_that_are_not_what_they_are_said_to_be_are_kept_as_they_came() -> None:
    envelope = read_envelope(BYTES_THAT_ARE_NO_JSON, {})
    assert envelope.identity == ("s", "1")
    assert base64.b64decode(envelope.members["data_base64"]) == BYTES_THAT_ARE_NO_JSON
    assert envelope.members["datacontenttype"] == "application/octet-stream"


@pytest.mark.parametrize("name", ["cls", "self", "_fields_set"])
def test_an_attribute_may_have_the_name_of_an_argument(name: str) -> None:
    body = json.dumps({**COMPLETE, "data_base64": "AAE=", name: "x"}).encode()
    assert EventCodec(bytes).decode(body).extensions == {name: "x"}


def test_data_is_no_attribute_in_a_header() -> None:
    headers = {f"ce-{name}": value for name, value in COMPLETE.items()} | {"ce-data": "x"}
    with pytest.raises(InvalidCloudEvent, match="data"):
        EventCodec(object).decode(b"1", headers)


@pytest.mark.anyio
async def test_poison_of_this_kind_in_a_bulk_harms_no_other_entry(
    board: Outboard, exchange: ScriptedExchange, serving: Serving, envelope: dict[str, Any]
) -> None:
    app = FastAPI(lifespan=board.lifespan)
    handled: list[str] = []

    @board.topic("tasks", Task).subscribe("/on", bulk=True)
    async def on_task(event: Event[Task]) -> None:
        await asyncio.sleep(0)
        handled.append(event.id)

    board.mount(app)
    events = [
        {**envelope, "id": "before", "data": {"id": 1}},
        json.loads(BYTES_THAT_ARE_NO_JSON),
        {**envelope, "id": "behind", "data": {"id": 2}},
    ]
    entries = [{"entryId": str(at), "event": event} for at, event in enumerate(events)]
    async with serving(app, board) as client:
        response = await client.post("/on", json={"type": "com.dapr.event.sent.bulk", "entries": entries})
    assert [each["status"] for each in response.json()["statuses"]] == ["SUCCESS"] * 3
    assert handled == ["before", "behind"]
    assert [letter["id"] for letter in exchange.events] == ["1"]
