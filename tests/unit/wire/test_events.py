from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Literal

import pytest
from pydantic import BaseModel

from outboard.errors import InvalidCloudEvent, InvalidEventData
from outboard.wire.events import Event, EventCodec


class TaskCreated(BaseModel):
    kind: Literal["created"] = "created"
    title: str


class TaskDone(BaseModel):
    kind: Literal["done"] = "done"
    id: int


def body(**changes: object) -> bytes:
    members = {
        "id": "1",
        "source": "todo",
        "type": "t",
        "specversion": "1.0",
        "data": {"title": "milk"},
    } | changes
    return json.dumps({name: value for name, value in members.items() if value is not ...}).encode()


def test_decodes_data_into_the_model() -> None:
    event = EventCodec(TaskCreated).decode(
        body(traceparent="00-1", time="2026-01-01T00:00:00Z", expiration=None)
    )
    assert event.data == TaskCreated(title="milk")
    assert event.time == datetime(2026, 1, 1, tzinfo=UTC)
    assert event.extensions == {"traceparent": "00-1"}


def test_decodes_a_union() -> None:
    codec = EventCodec(TaskCreated | TaskDone)
    assert codec.decode(body(data={"kind": "done", "id": 7})).data == TaskDone(id=7)


def test_does_not_make_up_an_id() -> None:
    with pytest.raises(InvalidCloudEvent, match="'id' is missing"):
        EventCodec(TaskCreated).decode(body(id=...))


@pytest.mark.parametrize("data", [..., None, "milk", {"title": 3}, [], {"titel": "milk"}])
def test_names_the_field_of_the_data_that_is_wrong(data: object) -> None:
    with pytest.raises(InvalidEventData) as caught:
        EventCodec(TaskCreated).decode(body(data=data))
    assert caught.value.event_id == "1"
    assert caught.value.model == "TaskCreated"
    assert caught.value.problem.startswith("data")


def test_what_was_sent_is_not_in_the_error() -> None:
    with pytest.raises(InvalidEventData) as caught:
        EventCodec(TaskDone).decode(body(data={"id": "hunter2"}))
    assert "hunter2" not in str(caught.value)


def test_decodes_base64_data() -> None:
    assert EventCodec(bytes).decode(body(data=..., data_base64="AP8=")).data == b"\x00\xff"
    json_data = body(data=..., data_base64="eyJ0aXRsZSI6ICJtaWxrIn0=", datacontenttype="application/json")
    assert EventCodec(TaskCreated).decode(json_data).data == TaskCreated(title="milk")


def test_decodes_the_binary_form() -> None:
    headers = {
        "ce-id": "1",
        "ce-source": "s",
        "ce-type": "t",
        "ce-specversion": "1.0",
        "content-type": "text/json",
    }
    assert EventCodec(TaskCreated).decode(b'{"title":"milk"}', headers).data == TaskCreated(title="milk")


def test_encodes_what_it_decodes() -> None:
    codec = EventCodec(TaskCreated | None)
    event = Event[TaskCreated | None](
        source="todo",
        type="t",
        subject="x",
        time=datetime(2026, 1, 1, tzinfo=UTC),
        data=TaskCreated(title="Käse"),
    )
    assert json.loads(codec.encode(event)) == {
        "specversion": "1.0",
        "id": event.id,
        "source": "todo",
        "type": "t",
        "datacontenttype": "application/json",
        "subject": "x",
        "time": "2026-01-01T00:00:00Z",
        "data": {"kind": "created", "title": "Käse"},
    }
    assert codec.decode(codec.encode(event)).data == event.data
    assert codec.decode(codec.encode(event.model_copy(update={"data": None}))).data is None


def test_encodes_bytes_as_base64() -> None:
    codec = EventCodec(bytes)
    encoded = codec.encode(Event[bytes](source="s", data=b"\x00\xff"))
    assert json.loads(encoded)["data_base64"] == "AP8="
    assert codec.decode(encoded).data == b"\x00\xff"


def test_encode_refuses_what_is_not_a_cloud_event() -> None:
    with pytest.raises(InvalidCloudEvent, match="'source' is empty"):
        EventCodec(TaskCreated).encode(Event[TaskCreated](data=TaskCreated(title="milk")))
    with pytest.raises(InvalidEventData, match=r"data\.title"):
        EventCodec(TaskCreated).encode(
            Event[TaskCreated].model_construct(id="1", source="s", type="t", data={})
        )


def test_extensions_are_given_by_name() -> None:
    event = Event[int].model_validate({"source": "s", "data": 1, "tenant": "a", "urgent": True})
    assert event.extensions == {"tenant": "a", "urgent": True}
    assert json.loads(EventCodec(int).encode(event))["tenant"] == "a"


def test_extensions_keep_their_types() -> None:
    given = {"text": "1", "yes": True, "one": 1, "whole": 2.0, "none": None}
    event = EventCodec(int).decode(
        json.dumps({"id": "1", "source": "s", "specversion": "1.0", "type": "t", "data": 1, **given}).encode()
    )
    found = {name: (type(value), value) for name, value in event.extensions.items()}
    assert found == {"text": (str, "1"), "yes": (bool, True), "one": (int, 1), "whole": (int, 2)}


@pytest.mark.parametrize("number", [10**400, -(10**309)])
def test_a_number_that_dapr_could_never_deliver_is_refused(number: int) -> None:
    event = Event[object](source="s", data={"n": [number]})
    with pytest.raises(InvalidEventData, match="beyond those of 64 bits"):
        EventCodec(object).encode(event)


@pytest.mark.parametrize("data", [10**308, "9" * 400, 1e308])
def test_what_only_looks_too_large_is_written(data: object) -> None:
    assert (
        EventCodec(object).decode(EventCodec(object).encode(Event[object](source="s", data=data))).data
        == data
    )
