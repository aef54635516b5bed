"""Messages as entries of a stream and back, and what is held of them."""

from __future__ import annotations

import pytest

from outboard.sidecar.components.port import Message, StoredPlace
from outboard.sidecar.components.redis.streams.entries import (
    Pending,
    StreamEntry,
    Trimming,
    addition,
    after,
    read_claimed,
    read_entries,
    read_pending,
)
from outboard.sidecar.components.redis.streams.held import HeldEntries

MESSAGE = Message(b"\x00{}", {"z": "<a&>", "partitionKey": "k"})
METADATA = b'{"partitionKey":"k","z":"\\u003ca\\u0026\\u003e"}'
FIELDS = [b"data", b"\x00{}", b"metadata", METADATA]


def test_an_entry_has_the_layout_of_daprd() -> None:
    command = addition("t", MESSAGE, Trimming(), now=0.0)

    assert command == ("XADD", "t", "*", "data", b"\x00{}", "metadata", METADATA)


@pytest.mark.parametrize(
    ("trimming", "arguments"),
    [
        (Trimming(length=10), ("MAXLEN", "~", 10)),
        (Trimming(life=60.0), ("MINID", "~", "40500-1")),
        (Trimming(length=10, life=60.0), ("MAXLEN", "~", 10)),
    ],
)
def test_additions_trim(trimming: Trimming, arguments: tuple[object, ...]) -> None:
    assert addition("t", MESSAGE, trimming, now=100.5)[2:5] == arguments


def test_what_was_written_is_read() -> None:
    assert read_entries([[b"t", [[b"1-0", FIELDS], [b"2-0", FIELDS]]]]) == [
        StreamEntry(b"1-0", MESSAGE._replace(place=StoredPlace("", "1-0"))),
        StreamEntry(b"2-0", MESSAGE._replace(place=StoredPlace("", "2-0"))),
    ]
    assert read_entries(None) == []


def test_of_deleted_entries_nothing_is_left() -> None:
    (entry, empty) = read_claimed([None, [b"1-0", FIELDS], [b"2-0", None]])

    assert (entry.id, empty.message) == (b"1-0", Message(b"", place=StoredPlace("", "2-0")))


@pytest.mark.parametrize(
    ("metadata", "read", "problem"),
    [
        (b"null", {}, False),
        (b"{}", {}, False),
        (b'{"a":null}', {"a": ""}, False),
        (b"{", {}, True),
        (b"\xff", {}, True),
        (b"[]", {}, True),
        (b'{"a":"b","c":1}', {"a": "b"}, True),
    ],
)
def test_metadata_that_others_wrote(metadata: bytes, read: dict[str, str], problem: bool) -> None:
    (entry,) = read_claimed([[b"1-0", [b"data", b"x", b"metadata", metadata]]])

    assert (entry.message, bool(entry.problem)) == (
        Message(b"x", read, place=StoredPlace("", "1-0")),
        problem,
    )


def test_pending_entries() -> None:
    assert read_pending([[b"1-0", b"app", 1_500, 2]]) == [Pending(b"1-0", 1.5)]
    assert after(b"5-9") == "5-10"


def test_what_the_app_has_for_too_long_is_not_held_any_more() -> None:
    held = HeldEntries(limit=60.0)
    held.take([b"1-0", b"2-0"])
    held.start(b"1-0", now=100.0)

    assert [held.holds(b"1-0", now) for now in (100.0, 159.9, 160.0)] == [True, True, False]
    assert held.holds(b"2-0", 10_000.0)
    assert not held.holds(b"3-0", 100.0)

    held.settle(b"2-0")
    assert not held.holds(b"2-0", 100.0)
    assert len(held) == 1
