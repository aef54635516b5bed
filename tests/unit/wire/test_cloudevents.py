from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outboard.errors import InvalidCloudEvent
from outboard.wire.cloudevents import (
    CloudEvent,
    check,
    from_binary,
    from_http,
    from_structured,
    is_json,
    to_binary,
    to_structured,
)

MINIMAL = {"id": "1", "source": "/todo", "type": "task.created", "specversion": "1.0"}


def structured(**changes: object) -> bytes:
    members = {**MINIMAL, **changes}
    return json.dumps({name: value for name, value in members.items() if value is not ...}).encode()


def test_reads_every_context_attribute_and_extension() -> None:
    event = from_structured(
        structured(
            datacontenttype="application/json",
            dataschema="https://example.com/task.json",
            subject="tasks/1",
            time="2026-11-23T10:00:00.5+02:00",
            partitionkey="1",
            attempt=3,
            urgent=True,
            data={"title": "milk"},
        )
    )
    assert event == CloudEvent(
        id="1",
        source="/todo",
        type="task.created",
        datacontenttype="application/json",
        dataschema="https://example.com/task.json",
        subject="tasks/1",
        time=datetime(2026, 11, 23, 10, 0, 0, 500_000, timezone(timedelta(hours=2))),
        extensions={"partitionkey": "1", "attempt": 3, "urgent": True},
        data={"title": "milk"},
    )


@pytest.mark.parametrize("name", ["id", "source", "type", "specversion"])
@pytest.mark.parametrize(
    ("value", "problem"),
    [(..., "is missing"), (None, "is missing"), ("", "is empty"), (7, "is not a string")],
)
def test_names_the_required_attribute_that_is_wrong(name: str, value: object, problem: str) -> None:
    with pytest.raises(InvalidCloudEvent) as caught:
        from_structured(structured(**{name: value}))
    assert (caught.value.attribute, caught.value.problem) == (name, problem)


@pytest.mark.parametrize(
    ("changes", "attribute", "problem"),
    [
        ({"specversion": "0.3"}, "specversion", "'0.3'"),
        ({"time": "yesterday"}, "time", "RFC 3339"),
        ({"time": "2026-11-23"}, "time", "RFC 3339"),
        ({"time": "2026-13-23T10:00:00Z"}, "time", "month"),
        ({"subject": ""}, "subject", "empty"),
        ({"source": "a b"}, "source", "URI reference"),
        ({"dataschema": "task.json"}, "dataschema", "absolute"),
        ({"datacontenttype": "json"}, "datacontenttype", "media type"),
        ({"id": "a\x00b"}, "id", "U+0000"),
        ({"trace": {"a": 1}}, "trace", "not a string, an integer or a boolean"),
        ({"ratio": 1.5}, "ratio", "not a string, an integer or a boolean"),
        ({"count": 2**31}, "count", "32 bits"),
        ({"data_base64": "%%%"}, "data_base64", "Base64"),
        ({"data_base64": 3}, "data_base64", "not a string"),
        ({"data_base64": "YQ==", "data": "a"}, "data_base64", "beside 'data'"),
    ],
)
def test_names_the_attribute_that_is_wrong(changes: dict[str, object], attribute: str, problem: str) -> None:
    with pytest.raises(InvalidCloudEvent) as caught:
        from_structured(structured(**changes))
    assert caught.value.attribute == attribute
    assert problem in caught.value.problem


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nope",
        b"[]",
        b"3",
        b'{"id": NaN}',
        structured() + b"{}",
        b'{"a":' * 100_000,
        b'"\\ud800"',
        b"\xff",
    ],
)
def test_refuses_a_body_that_is_not_one_json_object(body: bytes) -> None:
    with pytest.raises(InvalidCloudEvent) as caught:
        from_structured(body)
    assert caught.value.attribute == "body"


def test_null_is_absent() -> None:
    assert from_structured(structured(subject=None, extension=None, data=None)) == from_structured(
        structured()
    )


def test_reads_binary_data() -> None:
    assert from_structured(structured(data_base64=base64.b64encode(b"\x00\xff").decode())).data == b"\x00\xff"


def test_takes_extension_names_as_they_come_but_does_not_write_them() -> None:
    event = from_structured(structured(contentType="application/json"))
    assert event.extensions == {"contentType": "application/json"}
    with pytest.raises(InvalidCloudEvent, match="contentType"):
        to_structured(event)


@pytest.mark.parametrize("name", ["data", "id", "with-dash", "Upper", ""])
def test_check_refuses_extension_names(name: str) -> None:
    with pytest.raises(InvalidCloudEvent) as caught:
        check(CloudEvent(id="1", source="s", type="t", extensions={name: "x"}))
    assert caught.value.attribute == name


def test_check_wants_an_aware_time() -> None:
    with pytest.raises(InvalidCloudEvent, match="'time' has no offset"):
        check(CloudEvent(id="1", source="s", type="t", time=datetime(2026, 1, 1)))


def test_binary_form_carries_attributes_in_headers() -> None:
    event = CloudEvent(
        id="1",
        source="/todo",
        type="task.created",
        datacontenttype="application/json",
        subject='Käse "50%"',
        time=datetime(2026, 1, 1, tzinfo=UTC),
        extensions={"urgent": True, "attempt": 2},
        data={"title": "milk"},
    )
    headers, body = to_binary(event)
    assert headers == {
        "ce-specversion": "1.0",
        "ce-id": "1",
        "ce-source": "/todo",
        "ce-type": "task.created",
        "ce-subject": "K%C3%A4se%20%2250%25%22",
        "ce-time": "2026-01-01T00:00:00Z",
        "ce-urgent": "true",
        "ce-attempt": "2",
        "content-type": "application/json",
    }
    assert json.loads(body) == {"title": "milk"}
    assert from_http(headers, body).subject == 'Käse "50%"'


@pytest.mark.parametrize(
    ("content_type", "body", "data"),
    [
        ("application/json", b'{"a": 1}', {"a": 1}),
        ("application/vnd.task+json; charset=utf-8", b"[1]", [1]),
        ("text/plain", "grün".encode(), "grün"),
        ("text/plain", b"\xff", b"\xff"),
        ("application/octet-stream", b"\x00", b"\x00"),
        ("application/json", b"", None),
    ],
)
def test_binary_form_reads_data_by_its_type(content_type: str, body: bytes, data: object) -> None:
    headers = {f"ce-{name}": value for name, value in MINIMAL.items()} | {"content-type": content_type}
    assert from_binary(headers, body).data == data


def test_binary_form_names_what_is_wrong() -> None:
    headers = {f"ce-{name}": value for name, value in MINIMAL.items()} | {"content-type": "application/json"}
    with pytest.raises(InvalidCloudEvent, match="'data' is not JSON"):
        from_binary(headers, b"{")
    with pytest.raises(InvalidCloudEvent, match="'subject' is not UTF-8"):
        from_binary({**headers, "ce-subject": "%ff"}, b"")
    with pytest.raises(InvalidCloudEvent, match="'id' is missing"):
        from_binary({"ce-specversion": "1.0"}, b"")


def test_structured_content_type_wins_over_headers() -> None:
    headers = {"content-type": "application/cloudevents+json; charset=utf-8", "ce-specversion": "1.0"}
    assert from_http(headers, structured()).id == "1"


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [(None, True), ("", True), ("text/json", True), ("application/x+json;a=b", True), ("text/plain", False)],
)
def test_is_json(content_type: str | None, expected: bool) -> None:
    assert is_json(content_type) is expected


strings = st.text(st.characters(exclude_categories=("Cc", "Cs", "Cn")), min_size=1, max_size=20)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | strings,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(strings, inner, max_size=3),
    max_leaves=8,
)
events = st.builds(
    CloudEvent,
    id=strings,
    source=st.sampled_from(["/todo", "urn:x:1", "https://example.com/a?b=c#d", "Dapr"]),
    type=strings,
    subject=st.none() | strings,
    time=st.none() | st.datetimes(timezones=st.just(UTC), min_value=datetime(1, 1, 2)),
    extensions=st.dictionaries(
        st.sampled_from(["traceparent", "partitionkey", "x1"]), strings | st.booleans() | st.integers(-9, 9)
    ),
    data=json_values | st.binary(),
)


@given(events)
def test_structured_form_round_trips(event: CloudEvent) -> None:
    assert from_structured(to_structured(event)) == event


@given(events)
def test_binary_form_round_trips_all_but_the_types_of_extensions(event: CloudEvent) -> None:
    headers, body = to_binary(event)
    back = from_http(headers, body)
    assert (back.id, back.source, back.type, back.subject, back.time) == (
        event.id,
        event.source,
        event.type,
        event.subject,
        event.time,
    )
    assert back.data == (event.data if event.data not in (b"",) else None)
    assert set(back.extensions) == set(event.extensions)
