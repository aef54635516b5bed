from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outboard.resources.resiliency import CircuitBreaker
from outboard.sidecar.resiliency import circuit
from outboard.sidecar.resiliency.circuit import Circuit, CircuitState, Counts

SETTINGS = CircuitBreaker(max_requests=2, timeout=10.0)


def three_in_a_row(counts: Counts) -> bool:
    return counts.consecutive_failures >= 3


class Bench:
    """A breaker under a clock of its own."""

    def __init__(self, settings: CircuitBreaker = SETTINGS) -> None:
        self.now = 100.0
        self.circuit = circuit.closed(settings, self.now)

    def admit(self) -> str:
        self.circuit, refusal = circuit.admit(self.circuit, self.now)
        return refusal

    def settle(self, success: bool, generation: int | None = None) -> CircuitState:
        given = self.circuit.generation if generation is None else generation
        self.circuit = circuit.settle(self.circuit, given, success, self.now, three_in_a_row)
        return self.circuit.state

    def attempt(self, success: bool) -> CircuitState:
        assert self.admit() == ""
        return self.settle(success)

    def opened(self) -> Bench:
        for _ in range(3):
            self.attempt(False)
        return self

    def half_open(self) -> Bench:
        self.opened()
        self.now += 10.1
        return self


def test_it_opens_when_its_trip_says_so_and_then_admits_nothing() -> None:
    bench = Bench()
    assert [bench.attempt(False) for _ in range(3)] == [
        CircuitState.CLOSED,
        CircuitState.CLOSED,
        CircuitState.OPEN,
    ]
    assert bench.admit() == "circuit breaker is open"


def test_a_success_ends_a_row_of_failures() -> None:
    bench = Bench()
    for success in (False, False, True, False, False):
        assert bench.attempt(success) is CircuitState.CLOSED
    assert bench.circuit.counts == Counts(5, 1, 4, 0, 2)


def test_after_its_timeout_it_admits_as_many_as_it_may_and_no_more() -> None:
    bench = Bench().opened()
    bench.now += 10.0
    assert bench.admit() == "circuit breaker is open"  # the timeout has to be over
    bench.now += 0.1
    assert [bench.admit() for _ in range(3)] == ["", "", "too many requests"]


def test_half_open_it_closes_when_all_it_admitted_succeed() -> None:
    bench = Bench().half_open()
    assert bench.attempt(True) is CircuitState.HALF_OPEN
    assert bench.attempt(True) is CircuitState.CLOSED
    assert bench.circuit.counts == Counts()


def test_half_open_the_first_failure_opens_it_for_another_timeout() -> None:
    bench = Bench().half_open()
    assert bench.attempt(True) is CircuitState.HALF_OPEN
    assert bench.attempt(False) is CircuitState.OPEN
    bench.now += 9.9
    assert bench.admit() == "circuit breaker is open"


def test_what_was_admitted_before_a_change_does_not_count_after_it() -> None:
    bench = Bench()
    assert bench.admit() == ""
    slow = bench.circuit.generation
    bench.half_open()
    assert bench.admit() == ""
    assert bench.settle(False, slow) is CircuitState.HALF_OPEN
    assert bench.settle(True, slow) is CircuitState.HALF_OPEN
    assert bench.circuit.counts == Counts(requests=1)


def test_an_interval_forgets_what_was_counted_while_closed() -> None:
    bench = Bench(CircuitBreaker(interval=5.0))
    bench.attempt(False)
    bench.attempt(False)
    bench.now += 5.1
    assert bench.attempt(False) is CircuitState.CLOSED
    assert bench.circuit.counts == Counts(1, 0, 1, 0, 1)


def test_without_an_interval_nothing_is_forgotten() -> None:
    bench = Bench()
    bench.attempt(False)
    bench.attempt(False)
    bench.now += 1e9
    assert bench.attempt(False) is CircuitState.OPEN


@dataclass
class Reference:
    """What the documentation says, written down in another way: as lists of what happened."""

    max_requests: int
    timeout: float
    open_since: float | None = None
    row: int = 0
    half_open: list[bool] = field(default_factory=list)

    def allowed(self, now: float) -> bool:
        return self.open_since is None or now > self.open_since + self.timeout

    def happened(self, success: bool, now: float) -> None:
        if self.open_since is None:
            self.row = 0 if success else self.row + 1
            if self.row >= 3:
                self.open_since = now
        elif not success:
            self.open_since, self.half_open = now, []
        else:
            self.half_open.append(success)
            if len(self.half_open) == self.max_requests:
                self.open_since, self.half_open, self.row = None, [], 0


@given(
    st.integers(1, 4),
    st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 1.0, 4.0, 9.5, 10.5, 30.0])), max_size=60),
)
def test_one_attempt_at_a_time_it_does_what_its_description_says(
    max_requests: int, events: list[tuple[bool, float]]
) -> None:
    bench = Bench(CircuitBreaker(max_requests=max_requests, timeout=10.0))
    reference = Reference(max_requests, 10.0)
    for success, pause in events:
        bench.now += pause
        refused = bench.admit()
        assert (not refused) == reference.allowed(bench.now)
        if not refused:
            bench.settle(success)
            reference.happened(success, bench.now)
            assert (bench.circuit.state is CircuitState.CLOSED) == (reference.open_since is None)


@given(
    st.lists(
        st.one_of(
            st.just("admit"),
            st.tuples(st.sampled_from(["success", "failure"]), st.integers(0, 50)),
            st.floats(0, 20),
        ),
        max_size=80,
    ),
    st.integers(1, 3),
    st.sampled_from([0.0, 5.0]),
)
def test_whatever_happens_at_the_same_time_its_counts_make_sense(
    events: list[str | tuple[str, int] | float], max_requests: int, interval: float
) -> None:
    bench = Bench(CircuitBreaker(max_requests=max_requests, timeout=10.0, interval=interval))
    under_way: list[int] = []
    for event in events:
        before = bench.circuit
        if isinstance(event, float):
            bench.now += event
        elif isinstance(event, str):
            if bench.admit() == "":
                under_way.append(bench.circuit.generation)
        elif under_way:
            outcome, which = event
            bench.settle(outcome == "success", under_way.pop(which % len(under_way)))
        check(bench.circuit, before, max_requests)


def check(after: Circuit, before: Circuit, max_requests: int) -> None:
    counts = after.counts
    assert counts.total_successes + counts.total_failures <= counts.requests
    assert counts.consecutive_successes <= counts.total_successes
    assert counts.consecutive_failures <= counts.total_failures
    assert not (counts.consecutive_successes and counts.consecutive_failures)
    assert after.generation in (before.generation, before.generation + 1)
    assert (after.generation == before.generation) or after.counts.total_failures == 0
    if after.state is CircuitState.OPEN:
        assert counts == Counts()
    if after.state is CircuitState.HALF_OPEN:
        assert counts.requests <= max_requests


@pytest.mark.parametrize("state", list(CircuitState))
def test_daprd_s_names_of_the_states(state: CircuitState) -> None:
    assert str(state) in {"closed", "open", "half-open"}
