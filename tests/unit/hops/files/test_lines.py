"""The lines of a file of the record: written, read, and read by those who know more or less."""

from __future__ import annotations

import json

import pytest

from outboard.hops.files.lines import (
    VERSION,
    FileHead,
    NotWritten,
    SampledOut,
    UnreadableHead,
    head_line,
    hop_line,
    note_line,
    read_head,
    read_line,
)
from outboard.hops.record import EventIdentity, Hop, HopKind

HEAD = FileHead("shop", "kit", "machine/1")
EVENT = EventIdentity("7", "shop", "k", "00-aa-bb-01", "c", "6")
HOP = Hop(
    HopKind.HANDLED, 1.5, "shop", "pubsub", "orders", EVENT, 2, "RETRY", "why", 0.25, "3", "41", b"",
    '{"n":1}', "kit", "machine/1",
)  # fmt: skip


def test_what_was_written_is_read() -> None:
    assert read_head(head_line(HEAD)) == HEAD
    assert read_line(hop_line(HOP), HEAD) == HOP
    for note in (SampledOut(8, 700, 1.0, 2.0, HEAD), NotWritten(3, "no space", 2.0, HEAD)):
        assert read_line(note_line(note), HEAD) == note


def test_what_is_seldom_there_is_left_out() -> None:
    bare = Hop(HopKind.STORED, 1.0, "", "", "", EventIdentity())
    assert set(json.loads(hop_line(bare))) == {"kind", "at", "id", "source", "app", "pubsub", "topic"}
    assert read_line(hop_line(bare), HEAD) == bare._replace(app_id="shop", part="kit", instance="machine/1")


def test_half_a_character_is_no_reason_to_fail() -> None:
    line = hop_line(HOP._replace(detail="half \ud800"))
    assert read_line(line, HEAD) == HOP._replace(detail="half ?")


@pytest.mark.parametrize(
    "line", [b"", b"    \n", b'{"kind":"stor', b"[1]\n", b'{"kind":"teleported","at":1}\n']
)
def test_a_line_that_says_nothing_known_is_passed_over(line: bytes) -> None:
    assert read_line(line, HEAD) is None


def test_members_that_came_later_or_earlier_do_no_harm() -> None:
    line = b'{"kind":"stored","at":1.0,"id":"7","colour":"blue","attempt":"?","duration":"?"}\n'
    found = read_line(line, HEAD)
    assert isinstance(found, Hop)
    assert (found.event.event_id, found.attempt, found.duration) == ("7", 0, None)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b'{"format":"outboard-hops","version":%d}\n' % (VERSION + 1), "a newer Outboard has written it"),
        (b'{"format":"outboard-hops"}\n', "a newer Outboard has written it"),
        (b"\x00\x01", "no file of the record"),
        (b'{"kind":"stored"}', "no file of the record"),
    ],
)
def test_another_format_is_told(line: bytes, why: str) -> None:
    with pytest.raises(UnreadableHead, match=why):
        read_head(line)


def test_of_a_long_reason_the_beginning_is_kept() -> None:
    found = read_line(hop_line(HOP._replace(detail="x" * 10_000)), HEAD)
    assert isinstance(found, Hop)
    assert found.detail == "x" * 2_000
