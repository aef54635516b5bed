from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outboard.errors import ResourceError
from outboard.resources.resiliency import CircuitBreaker
from outboard.sidecar.resiliency.circuit import Counts
from outboard.sidecar.resiliency.trip import compile_trip

NUMBER = st.integers(0, 2**31)
COUNTS = st.builds(Counts, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER)


def breaker(trip: str) -> CircuitBreaker:
    return CircuitBreaker(trip=trip, path=Path("r.yaml"), line=7)


@given(COUNTS)
def test_the_default_is_more_than_five_failures_in_a_row(counts: Counts) -> None:
    written = compile_trip(breaker("consecutiveFailures  >  5"))  # not the default's text: evaluated
    assert compile_trip(CircuitBreaker())(counts) is written(counts) is (counts.consecutive_failures > 5)


@pytest.mark.parametrize(
    ("trip", "counts", "expected"),
    [
        ("requests >= 10 && totalFailures * 2 > requests", Counts(10, 4, 6), True),
        ("requests >= 10 && totalFailures * 2 > requests", Counts(10, 6, 4), False),
        ("double(totalFailures) / double(requests) > 0.5", Counts(3, 1, 2), True),
        ("totalSuccesses == 0", Counts(3, 0, 2), True),
        ("consecutiveSuccesses < 1 && consecutiveFailures > 1", Counts(2, 0, 2, 0, 2), True),
        ("totalFailures / (requests - 2) > 0", Counts(2, 0, 2), False),  # a division by zero
    ],
)
def test_an_expression_over_the_counts(trip: str, counts: Counts, expected: bool) -> None:
    assert compile_trip(breaker(trip))(counts) is expected


@pytest.mark.parametrize(
    ("trip", "said"),
    [
        ("consecutiveFailures >", "r.yaml:7: `trip: consecutiveFailures >` is not a CEL expression"),
        (
            "consecutiveFailure > 3",
            "would never trip: there is no count `consecutiveFailure`. Did you mean `consecutiveFailures`?",
        ),
        ("5", "would never trip: it is not true or false but 5"),
        ("requests > 'a'", "would never trip: No matching overload"),
        ("often(requests)", "`often` is no function of CEL's standard library"),
    ],
)
def test_what_could_not_trip_is_an_error_with_file_and_line(trip: str, said: str) -> None:
    with pytest.raises(ResourceError, match=re.escape(said)):
        compile_trip(breaker(trip))


def test_an_expression_that_cannot_be_evaluated_for_the_first_failure_may_be_for_others() -> None:
    trips = compile_trip(breaker("10 / (requests - 1) > 4"))
    assert (trips(Counts(requests=1)), trips(Counts(requests=2))) == (False, True)
