"""Most events are let through after a quick look; it never lets through what the whole check refuses."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from outboard.errors import InvalidCloudEvent
from outboard.wire.cloudevents import CloudEvent, check, format_time, from_structured
from outboard.wire.events import Event, EventCodec

CODEC = EventCodec(object)
CHARACTERS = st.sampled_from('aB7 /:%s\\"é€\n\0\x7f\x85\ufffe\ud800')
TEXTS = st.one_of(st.sampled_from(["", "a", "urn:x", "a b", "application/json", "1.0"]), st.text(CHARACTERS))
NAMES = st.sampled_from(["partitionkey", "traceparent", "tenant", "data", "Upper", "under_score", "a-b", "é"])
VALUES = st.one_of(
    TEXTS, st.integers(-(2**33), 2**33), st.booleans(), st.sampled_from([1.5, None, ["x"], b"x"])
)
TIMES = st.sampled_from(
    [
        None,
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 1, 1, 1, 2, 3, 4, tzinfo=timezone(timedelta(hours=2))),
        datetime(2026, 1, 1),
    ]
)
EVENTS = st.fixed_dictionaries(
    {"id": TEXTS, "source": TEXTS, "type": TEXTS},
    optional={
        "specversion": st.sampled_from(["1.0", "0.3", ""]),
        "datacontenttype": st.one_of(TEXTS, st.sampled_from(["application/octet-stream", "text/plain; x=y"])),
        "dataschema": TEXTS,
        "subject": st.one_of(st.none(), TEXTS),
        "time": TIMES,
        "data": st.sampled_from([1, "x", b"\xff", None]),
    },
)


def refused(attributes: dict[str, Any], extensions: dict[str, Any]) -> str | None:
    """The attribute that the whole check refuses, if it does."""
    core = {name: value for name, value in attributes.items() if name != "data"}
    if core.get("datacontenttype") is None:
        core["datacontenttype"] = "application/json"
    given = {name: value for name, value in extensions.items() if value is not None}
    try:
        check(CloudEvent(**core, extensions=given))
    except InvalidCloudEvent as error:
        return error.attribute
    return None


@example(attributes={"id": "a", "source": "a", "type": "a", "datacontenttype": ""}, extensions={})
@given(
    attributes=EVENTS,
    extensions=st.dictionaries(NAMES.filter(lambda name: name != "data"), VALUES, max_size=3),
)
def test_the_quick_look_and_the_whole_check_agree(
    attributes: dict[str, Any], extensions: dict[str, Any]
) -> None:
    event: Event[object] = Event.model_construct(None, **{"data": 1, **attributes, **extensions})
    expected = refused(attributes, extensions)
    if expected is not None:
        with pytest.raises(InvalidCloudEvent) as caught:
            CODEC.encode(event)
        assert caught.value.attribute == expected
        return
    read = from_structured(CODEC.encode(event))
    assert (read.id, read.source, read.type) == (event.id, event.source, event.type)
    assert read.time == event.time
    assert read.extensions == {name: value for name, value in extensions.items() if value is not None}


def test_utc_is_written_as_z_however_it_is_given() -> None:
    for zone in (UTC, timezone(timedelta(0))):
        event: Event[object] = Event(source="a", time=datetime(2026, 1, 1, tzinfo=zone), data=1)
        assert json.loads(CODEC.encode(event))["time"] == "2026-01-01T00:00:00Z"


@given(time=st.datetimes(timezones=st.just(UTC)))
def test_times_are_written_as_the_standard_library_does(time: datetime) -> None:
    assert format_time(time) == time.isoformat().removesuffix("+00:00") + "Z"


def test_what_looks_like_a_place_to_fill_in_stays_as_it_is() -> None:
    event: Event[object] = Event(id="%d", source="urn:%s", type="%(x)s", subject="100%", data=1)
    assert CODEC.decode(CODEC.encode(event)).model_dump(exclude={"datacontenttype"}) == event.model_dump(
        exclude={"datacontenttype"}
    )
