"""Ids of events are random UUIDs, as text."""

from __future__ import annotations

from uuid import RFC_4122, UUID

from outboard.wire.identity import new_id


def test_an_id_is_a_random_uuid_in_its_usual_form() -> None:
    for _ in range(100):
        text = new_id()
        parsed = UUID(text)
        assert (str(parsed), parsed.version, parsed.variant) == (text, 4, RFC_4122)


def test_no_two_are_the_same() -> None:
    assert len({new_id() for _ in range(1000)}) == 1000


def test_the_randomness_may_be_given() -> None:
    assert new_id(lambda count: b"\xff" * count) == "ffffffff-ffff-4fff-bfff-ffffffffffff"
