from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outboard.resources.resiliency import CodeRange, RetryPolicy
from outboard.sidecar.resiliency.delays import delay_after, delay_after_failure, is_retried
from outboard.sidecar.resiliency.failure import CircuitOpen, Failure


def delays(retry: RetryPolicy, count: int, random: float = 0.5) -> list[float | None]:
    return [delay_after(retry, failures, 0.0, lambda: random) for failures in range(1, count + 1)]


def test_so_many_retries_are_one_attempt_more() -> None:
    assert delays(RetryPolicy(duration=5.0, max_retries=2), 3) == [5.0, 5.0, None]


def test_without_a_policy_and_with_zero_retries_there_is_none() -> None:
    assert delay_after(None, 1, 0.0, lambda: 0.5) is None
    assert delays(RetryPolicy(max_retries=0), 1) == [None]


def test_a_constant_policy_without_bound_never_ends() -> None:
    assert delay_after(RetryPolicy(), 1_000_000, 1e9, lambda: 0.5) == 5.0


def test_exponential_grows_to_its_bound() -> None:
    assert delays(RetryPolicy("exponential", max_interval=1.0), 4) == [0.5, 0.75, 1.0, 1.0]


def test_exponential_ends_after_fifteen_minutes() -> None:
    assert delay_after(RetryPolicy("exponential"), 3, 899.5, lambda: 0.5) is None
    assert delay_after(RetryPolicy("exponential", max_elapsed=0), 3, 1e9, lambda: 0.5) is not None


@pytest.mark.parametrize(("random", "delay"), [(0.0, 0.25), (0.5, 0.5)])
def test_exponential_varies(random: float, delay: float) -> None:
    assert delays(RetryPolicy("exponential"), 1, random) == [delay]


@given(st.integers(1, 10**9), st.floats(0, 1, exclude_max=True))
def test_a_delay_is_finite_and_bounded(failures: int, random: float) -> None:
    delay = delay_after(RetryPolicy("exponential", max_elapsed=0), failures, 0.0, lambda: random)
    assert delay is not None
    assert 0 < delay <= 90.0


def test_the_first_pause_is_not_bounded_by_the_maximum() -> None:
    assert delays(RetryPolicy("exponential", max_interval=0.1), 3) == [0.5, 0.1, 0.1]


RETRIES = st.builds(
    RetryPolicy,
    policy=st.sampled_from(["constant", "exponential"]),
    duration=st.floats(0, 100),
    max_interval=st.floats(0, 100),
    max_retries=st.integers(-1, 30),
)


@given(RETRIES, st.floats(0, 1, exclude_max=True))
def test_there_are_as_many_retries_as_the_policy_says_and_each_is_bounded(
    retry: RetryPolicy, random: float
) -> None:
    elapsed, given = 0.0, 0
    for failures in range(1, 41):
        delay = delay_after(retry, failures, elapsed, lambda: random)
        if delay is None:
            break
        given, elapsed = given + 1, elapsed + delay
        longest = retry.duration if retry.policy == "constant" else 1.5 * max(retry.max_interval, 0.5)
        assert 0 <= delay <= longest
    if retry.policy == "exponential":
        assert elapsed <= retry.max_elapsed
    if retry.policy == "constant" or elapsed < retry.max_elapsed / 3:
        assert given == (40 if retry.max_retries == -1 else retry.max_retries)


@given(st.integers(1, 40), st.floats(0, 1, exclude_max=True), st.floats(0.001, 100))
def test_jitter_stays_within_half_of_the_pause_without_it(
    failures: int, random: float, maximum: float
) -> None:
    retry = RetryPolicy("exponential", max_interval=maximum, max_elapsed=0)
    plain = delay_after(retry, failures, 0.0, lambda: 0.5)
    delay = delay_after(retry, failures, 0.0, lambda: random)
    assert plain is not None
    assert delay is not None
    assert 0.5 * plain - 1e-9 <= delay <= 1.5 * plain + 1e-9


@pytest.mark.parametrize(
    ("code", "retried"),
    [(None, True), (429, True), (428, False), (500, True), (503, True), (504, False), (2, True), (3, False)],
)
def test_only_statuses_that_match_are_retried(code: int | None, retried: bool) -> None:
    ranges = (CodeRange(429, 429), CodeRange(500, 503))
    assert is_retried(RetryPolicy(http_codes=ranges, grpc_codes=(CodeRange(2, 2),)), code) is retried


@given(st.integers(-10, 1000))
def test_without_a_list_every_status_that_is_one_is_retried(code: int) -> None:
    assert is_retried(RetryPolicy(), code) is (0 <= code <= 16 or 100 <= code <= 599)


@given(st.integers(100, 599))
def test_a_list_of_grpc_statuses_says_nothing_about_those_of_http(code: int) -> None:
    assert is_retried(RetryPolicy(grpc_codes=(CodeRange(2, 2),)), code)


def test_what_is_permanent_is_not_retried() -> None:
    assert delay_after_failure(RetryPolicy(), CircuitOpen("open"), 1, 0.0, lambda: 0.5) is None
    assert delay_after_failure(RetryPolicy(), Failure("no"), 1, 0.0, lambda: 0.5) == 5.0
    assert delay_after_failure(None, Failure("no"), 1, 0.0, lambda: 0.5) is None
