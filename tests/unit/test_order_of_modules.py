"""The order in which the workers of a run begin its modules."""

from __future__ import annotations

from support.order import longest_first


def test_slow_modules_begin_first_and_then_those_with_most_tests() -> None:
    tests = [("a", False), ("b", False), ("b", False), ("c", False), ("d", True), ("a", False), ("a", False)]
    assert longest_first(tests) == [4, 0, 5, 6, 1, 2, 3]
    assert longest_first([]) == []


def test_modules_of_one_length_stay_in_their_order() -> None:
    assert longest_first([("b", False), ("a", False), ("d", True), ("c", True)]) == [2, 3, 0, 1]
