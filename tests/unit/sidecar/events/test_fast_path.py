"""The short way gives what the long way gives, or nothing: for any JSON, by property."""

from __future__ import annotations

import json
import string
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outboard.gojson.rawjson import JsonTextError
from outboard.gojson.values import Json
from outboard.sidecar.api.http.bulk_entries import EntryInvalid, read_entries, read_entry, read_events
from outboard.sidecar.components.port import Message
from outboard.sidecar.delivery.inbound import Arrived, Failed, Reader, Skipped
from outboard.sidecar.events import fast_path
from outboard.sidecar.events.envelope import CLOUD_EVENT, EventToWrap, wrap
from outboard.sidecar.events.received import Incoming
from outboard.sidecar.subscriptions.routes import compile_rules
from outboard.wire.subscriptions import BulkSubscribe, Rule, Subscription
from outboard.wire.tracing import TraceContext

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=1)))
TRACE = TraceContext("a" * 32, "b" * 16, tracestate="x=1")

EVENT = {
    "specversion": "1.0",
    "id": "1",
    "source": "tasks",
    "type": "task.created",
    "time": "2026-01-02T03:04:05.123456Z",
    "datacontenttype": "application/json",
    "data": {"id": 1, "title": "milk & <bread>", "price": 9.99, "tags": ["é", None, True]},
}

numbers = st.one_of(
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0, -0.0, 1e16, 1e15, 1e-4, 1e-5, 1.0, 2**53, 2**53 - 1, -(2**53), 1e22, 123456.789]),
)
texts = st.one_of(
    st.text(), st.sampled_from(["<&>", "\u2028", "\x7f", "\\ud800", "a\\", "/", "\u00e9", "1.50"])
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inside: st.one_of(st.lists(inside, max_size=3), st.dictionaries(texts, inside, max_size=3)),
    max_leaves=8,
)
names = st.one_of(
    st.sampled_from(["id", "source", "type", "specversion", "time", "traceid", "traceparent", "tracestate",
                     "topic", "pubsubname", "data", "data_base64", "expiration", "subject"]),
    st.text(string.ascii_lowercase, min_size=1, max_size=5),
    texts,
)  # fmt: skip
events = st.dictionaries(names, values, max_size=8)
spellings = st.fixed_dictionaries(
    {"ensure_ascii": st.booleans(), "separators": st.sampled_from([(",", ":"), (", ", " : ")])}
)
metadata = st.one_of(
    st.none(),
    st.dictionaries(
        st.sampled_from(["partitionKey", "ttlInSeconds", "TTL", "x"]), st.sampled_from(["5", "k", ""])
    ),
)


def spelled(value: object, spelling: Mapping[str, Any]) -> bytes:
    """Sometimes with half a surrogate pair as an escape, which is all that JSON can have of one."""
    return json.dumps(value, **spelling).encode("utf-8", "replace")


def completed(event: Mapping[str, Json], own: Mapping[str, str] | None) -> bytes | None:
    message = frame().message(event, own)
    return None if message is None else message.data


def long_way(data: bytes, own: Mapping[str, str] | None) -> bytes:
    publication = EventToWrap(
        "app", "ps", "t", data, CLOUD_EVENT, own, TRACE.traceparent, TRACE.tracestate, frozenset()
    )
    return wrap(publication, NOW, lambda: "new")


def frame() -> fast_path.Frame:
    made = fast_path.Frame.of("ps", "t", TRACE, lambda: NOW, frozenset())
    assert made is not None
    return made


@given(events, spellings, metadata)
def test_one_event_is_published_as_the_long_way_publishes_it(
    event: dict[str, Any], spelling: dict[str, Any], own: dict[str, str] | None
) -> None:
    data = spelled(event, spelling)
    read = fast_path.read_as_written(data)
    if read is not None and (short := completed(read, own)) is not None:
        assert short == long_way(data, own)


@given(st.lists(st.tuples(events, metadata), max_size=3), spellings)
def test_the_entries_of_a_bulk_request_too(
    entries: list[tuple[dict[str, Any], dict[str, str] | None]], spelling: dict[str, Any]
) -> None:
    given_entries = [
        {"entryId": str(number), "event": event, "contentType": CLOUD_EVENT, "metadata": own}
        for number, (event, own) in enumerate(entries)
    ]
    body = spelled(given_entries, spelling)
    short = read_events(body)
    if short is None:
        return
    long = [read_entry(fields) for fields in read_entries(body)]
    assert [(entry.entry_id, entry.metadata) for entry in short] == [
        (entry.entry_id, entry.metadata) for entry in long
    ]
    for quick, slow in zip(short, long, strict=True):
        data = completed(quick.event, quick.metadata)
        assert data is None or data == long_way(slow.data, slow.metadata)


@pytest.mark.parametrize("bulk", [False, True])
@given(event=events, own=metadata)
def test_what_is_known_of_an_event_is_what_reading_it_tells(
    bulk: bool, event: dict[str, Any], own: dict[str, str] | None
) -> None:
    read = fast_path.read_plain(json.dumps(event).encode())
    message = frame().message(read, own) if isinstance(read, dict) else None
    if message is None or message.known is None:
        return
    subscription = Subscription("ps", "t", (Rule("/t"),), bulk=BulkSubscribe(bulk, 10, 5))
    reader = Reader(subscription, compile_rules(subscription.rules), lambda: "new")
    known = reader.read(Arrived(message, "ps"), lambda: NOW)
    parsed, long = both_ways(message.data, bulk)
    assert isinstance(known, Incoming)
    assert isinstance(parsed, Incoming)
    assert isinstance(long, Incoming)
    assert str(known.event["id"]) == str(parsed.event.get("id", ""))
    assert known.path == parsed.path
    assert known.event.get("traceparent") == parsed.event.get("traceparent", parsed.event.get("traceid"))
    assert in_order(known.data) == in_order(long.data)


def test_of_an_ordinary_event_enough_is_known() -> None:
    read = fast_path.read_plain(json.dumps(EVENT).encode())
    assert isinstance(read, dict)
    message = frame().message(read, {"partitionKey": "k"})
    assert message is not None
    assert message.metadata == {"partitionKey": "k"}
    assert message.known == {"id": "1", "source": "tasks", "traceparent": TRACE.traceparent}


@pytest.mark.parametrize(
    ("event", "own"),
    [
        ({"id": "1", "data": 10.0}, {}),
        ({"id": "1", "data": [10.0]}, {}),
        ({"id": "1", "expiration": "2020-01-01T00:00:00Z"}, {}),
        ({"id": "1"}, {"ttlInSeconds": "60"}),
        ({"id": "1", "traceid": "t"}, {}),
    ],
)
def test_where_there_is_more_to_consider_nothing_is_known(event: dict[str, Any], own: dict[str, str]) -> None:
    message = frame().message(event, own)
    assert message is not None
    assert message.known is None


fields = st.sampled_from(["entryId", "entryid", "event", "contentType", "metadata", "more"])
requests = st.lists(st.one_of(values, st.dictionaries(fields, values, max_size=5)), max_size=3)


@given(requests)
def test_what_is_wrong_with_a_request_is_left_to_the_long_way(entries: list[Any]) -> None:
    body = json.dumps(entries).encode()
    if read_events(body) is not None:
        try:
            assert all(read_entry(fields) for fields in read_entries(body))
        except EntryInvalid:
            pytest.fail("the long way refuses what the short way takes")


@pytest.mark.parametrize("bulk", [False, True])
@given(data=st.one_of(events.map(json.dumps), values.map(json.dumps), st.text()))
def test_a_message_is_read_as_the_long_way_reads_it(bulk: bool, data: str) -> None:
    short, long = both_ways(data.encode("utf-8", "replace"), bulk)
    assert type(short) is type(long)
    if isinstance(short, Incoming) and isinstance(long, Incoming):
        assert short.path == long.path
        for name in ("traceparent", "traceid", "data_base64"):
            assert short.event.get(name) == long.event.get(name)
        if bulk:
            assert in_order(short.data) == in_order(long.data)
        else:
            assert short.data == long.data
    else:
        assert short == long


@pytest.mark.parametrize(
    "number", ["1e400", "9" * 400, "-" + "9" * 400, "NaN", "1.0", "-0", "1E5", "0.1e1", "[1.50]"]
)
@pytest.mark.parametrize("bulk", [False, True])
def test_numbers_that_not_everybody_reads_alike(number: str, bulk: bool) -> None:
    short, long = both_ways(f'{{"id":"1","data":{number}}}'.encode(), bulk)
    assert type(short) is type(long)
    if isinstance(short, Incoming) and isinstance(long, Incoming):
        assert short.data == long.data


def in_order(data: bytes) -> str:
    """Numbers as they are written, names sorted."""
    return json.dumps(json.loads(data), sort_keys=True)


def both_ways(data: bytes, bulk: bool) -> tuple[Incoming | Skipped | Failed, Incoming | Skipped | Failed]:
    subscription = Subscription("ps", "t", (Rule("/t"),), bulk=BulkSubscribe(bulk, 10, 5))
    always = compile_rules([Rule("/t", "true")])  # asked about every event: no short way
    arrived = Arrived(Message(data), "ps")
    short = Reader(subscription, compile_rules(subscription.rules), lambda: "new")
    long = Reader(subscription, always, lambda: "new")
    return short.read(arrived, lambda: NOW.astimezone(UTC)), long.read(arrived, lambda: NOW.astimezone(UTC))


def test_the_short_way_is_taken_for_an_event_of_the_kit() -> None:
    data = json.dumps(EVENT, ensure_ascii=False, separators=(",", ":")).encode()
    read = fast_path.read_as_written(data)
    assert read is not None
    assert completed(read, {"partitionKey": "k"}) == long_way(data, {"partitionKey": "k"})
    assert fast_path.read_alike(data) == EVENT
    body = json.dumps([{"entryId": "1", "event": EVENT, "contentType": CLOUD_EVENT}]).encode()
    assert read_events(body) is not None


def test_an_expiration_stands_in_its_place() -> None:
    sent = completed({"id": "1"}, {"ttlInSeconds": "60"})
    assert sent == long_way(b'{"id":"1"}', {"ttlInSeconds": "60"})
    assert json.loads(sent)["expiration"] == "2026-01-02T02:05:05Z"


def test_a_topic_that_must_be_escaped_takes_the_long_way() -> None:
    assert fast_path.Frame.of("ps", "a<b", None, lambda: NOW, frozenset()) is None
    assert fast_path.Frame.of("ps", 'a"b', None, lambda: NOW, frozenset()) is None
    assert (
        fast_path.Frame.of(
            "ps", "t", TraceContext("a" * 32, "b" * 16, tracestate="x=ä"), lambda: NOW, frozenset()
        )
        is None
    )


def test_names_that_must_be_escaped_take_the_long_way() -> None:
    assert completed({"a<b": 1}, None) is None
    assert completed({'a"b': 1}, None) is None
    assert completed({"é": 1}, None) is None


def test_what_is_no_event_is_refused_by_the_long_way() -> None:
    assert fast_path.read_as_written(b"[]") is None
    with pytest.raises(JsonTextError):
        long_way(b"[]", None)
