"""The attributes of a dead letter: what is written can be read again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from outboard.wire.deadletters import DeadLetterAttributes, origin, written

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_what_is_written_is_read() -> None:
    where = origin("app", "pub sub", "a/b#c", "/on/ü")
    found = DeadLetterAttributes.read(written("no such task", where, 3, NOW))
    assert found == DeadLetterAttributes("no such task", where, 3, "2026-01-02T03:04:05Z")
    assert found.topic == "a/b#c"


def test_an_event_without_a_reason_is_no_dead_letter() -> None:
    assert DeadLetterAttributes.read({"id": "1", "deadletterorigin": "//a/b/c#/d"}) is None


@pytest.mark.parametrize("attempts", ["3", 2.5, None])
def test_attempts_that_are_no_number_are_not_known(attempts: object) -> None:
    found = DeadLetterAttributes.read({"deadletterreason": "r", "deadletterattempts": attempts})
    assert found == DeadLetterAttributes("r", "", None, "")
    assert found.topic == ""
