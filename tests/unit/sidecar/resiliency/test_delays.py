from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outboard.resources.resiliency import Retry
from outboard.sidecar.resiliency.delays import delay_after


def delays(retry: Retry, count: int, random: float = 0.5) -> list[float | None]:
    return [delay_after(retry, failures, 0.0, lambda: random) for failures in range(1, count + 1)]


def test_so_many_retries_are_one_attempt_more() -> None:
    assert delays(Retry(duration=5.0, max_retries=2), 3) == [5.0, 5.0, None]


def test_without_a_policy_and_with_zero_retries_there_is_none() -> None:
    assert delay_after(None, 1, 0.0, lambda: 0.5) is None
    assert delays(Retry(max_retries=0), 1) == [None]


def test_a_constant_policy_without_bound_never_ends() -> None:
    assert delay_after(Retry(), 1_000_000, 1e9, lambda: 0.5) == 5.0


def test_exponential_grows_to_its_bound() -> None:
    assert delays(Retry("exponential", max_interval=1.0), 4) == [0.5, 0.75, 1.0, 1.0]


def test_exponential_ends_after_fifteen_minutes() -> None:
    assert delay_after(Retry("exponential"), 3, 899.5, lambda: 0.5) is None
    assert delay_after(Retry("exponential", max_elapsed=0), 3, 1e9, lambda: 0.5) is not None


@pytest.mark.parametrize(("random", "delay"), [(0.0, 0.25), (0.5, 0.5)])
def test_exponential_varies(random: float, delay: float) -> None:
    assert delays(Retry("exponential"), 1, random) == [delay]


@given(st.integers(1, 10**9), st.floats(0, 1, exclude_max=True))
def test_a_delay_is_finite_and_bounded(failures: int, random: float) -> None:
    delay = delay_after(Retry("exponential", max_elapsed=0), failures, 0.0, lambda: random)
    assert delay is not None
    assert 0 < delay <= 90.0
