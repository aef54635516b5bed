"""The ids by which the record of hops knows a message."""

from __future__ import annotations

import pytest

from outboard.sidecar.components.port import Message
from outboard.sidecar.events.identity import identity_of, is_dead_letter

DEEP = "[" * 300 + "]" * 300


@pytest.mark.parametrize("data", ["1", DEEP, '"text"', "10e300"])
def test_whatever_is_delivered_has_its_ids(data: str) -> None:
    event = f'{{"specversion":"1.0","id":"7","source":"s","type":"t","data":{data}}}'
    found = identity_of(Message(event.encode(), {}))
    assert (found.event_id, found.source) == ("7", "s")


@pytest.mark.parametrize("data", [b"", b"\xff", b"[1]", b'{"id":', DEEP.encode()])
def test_what_is_no_event_has_none(data: bytes) -> None:
    assert identity_of(Message(data, {})).event_id == ""


@pytest.mark.parametrize(
    ("data", "is_one"),
    [
        ('{"deadletterreason":"it is poison"}', True),
        ('{"data":"deadletterreason"}', False),
        ('{"id":"1"}', False),
        ("deadletterreason", False),
    ],
)
def test_a_dead_letter_is_one_that_says_so(data: str, is_one: bool) -> None:
    assert is_dead_letter(Message(data.encode(), {})) is is_one
