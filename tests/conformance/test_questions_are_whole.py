"""The table of differences is short, is about questions that are asked, and each of them is still there."""

from __future__ import annotations

from conformance.differences import DIFFERENCES, REASONS
from conformance.questions import GROUPS
from conformance.questions.starts import STARTS
from conformance.questions.stops import STOPS
from conformance.rows import ROWS

FEWER_THAN = 10
ASKED = [question.name for group in GROUPS for question in group.questions] + [start.name for start in STARTS]
ASKED += [f"stop-{stop.name}" for stop in STOPS]


def test_the_table_is_short() -> None:
    assert len(DIFFERENCES) < FEWER_THAN
    assert all(each.here and each.daprd and each.why and each.questions for each in DIFFERENCES)


def test_each_difference_is_asked_about() -> None:
    # That it is still there is what `test_same_answers` and `test_same_starts` assert for these questions.
    assert set(REASONS) <= set(ASKED)
    assert len(REASONS) == sum(len(each.questions) for each in DIFFERENCES)


def test_no_two_questions_have_one_name() -> None:
    assert len(ASKED) == len(set(ASKED))


def test_no_two_questions_of_a_group_share_a_path_of_the_app() -> None:
    for group in GROUPS:
        paths = [path for question in group.questions for path in question.watched]
        assert len(paths) == len(set(paths)), group.name


def test_each_behaviour_has_a_question() -> None:
    asked = {row for group in GROUPS for question in group.questions for row in question.rows}
    asked |= {row for start in STARTS for row in start.rows} | {row for stop in STOPS for row in stop.rows}
    assert ROWS - asked == set(), "behaviours that nobody asks about"
    assert asked - ROWS == set(), "rows that are not in the table"
