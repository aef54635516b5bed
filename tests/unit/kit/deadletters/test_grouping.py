"""What differs from one event to the next does not make another group."""

from __future__ import annotations

import pytest

from outboard.kit.deadletters.grouping import group_id, pattern_of


@pytest.mark.parametrize(
    ("reason", "pattern"),
    [
        ("order 17 is unknown", "order <n> is unknown"),
        ("order -1.5 of 2,000", "order <n> of <n>"),
        ("task 0af76519-16cd-43dd-8448-eb211c80319c is gone", "task <uuid> is gone"),
        ("at 2026-01-02T03:04:05.123Z, not 2026-01-02", "at <time>, not <time>"),
        ("no mail for ann.b+c@example.co.uk!", "no mail for <email>!"),
        ("there is no 'owner' nor \"list\" nor `x`", "there is no <text> nor <text> nor <text>"),
        ("it isn't there and can't be", "it isn't there and can't be"),
        ("row a1b2c3 and task-17", "row <id> and task-<n>"),
        ("OSError was raised: away, at attempt 3, the last of 3",
         "OSError was raised: away, at attempt <n>, the last of <n>"),
        ("two\n  lines", "two lines"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_pattern_is_what_reasons_have_in_common(reason: str, pattern: str) -> None:
    assert pattern_of(reason) == pattern


def test_a_long_reason_is_cut() -> None:
    assert len(pattern_of("x" * 10_000)) == 500


def test_the_name_of_a_group_is_of_all_its_parts() -> None:
    assert group_id("a", "bc") == group_id("a", "bc")
    assert len({group_id("a", "bc"), group_id("ab", "c"), group_id("a", "b", "c"), group_id("\ud800")}) == 4
