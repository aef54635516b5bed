"""A circuit breaker as a state machine: a state, an event and the time give the next state. Pure.

Closed, it counts. Open, it refuses until its timeout has passed; half-open, it admits a few attempts, and
closes when all of them succeed, or opens again at the first failure. An attempt's outcome counts only in
the generation that admitted it: one that outlasts a change of state says nothing about the new state.

Source: Dapr, "Circuit breaker resiliency policies"; daprd 1.18, which uses sony/gobreaker.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, TypeAlias

from outboard.resources.resiliency import CircuitBreaker

__all__ = ["Circuit", "CircuitState", "Counts", "Trip", "admit", "at", "closed", "settle"]

REFUSED_OPEN: Final = "circuit breaker is open"
REFUSED_BUSY: Final = "too many requests"


class CircuitState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True)
class Counts:
    """What happened in one generation of a breaker."""

    requests: int = 0
    total_successes: int = 0
    total_failures: int = 0
    consecutive_successes: int = 0
    consecutive_failures: int = 0

    def after_success(self) -> Counts:
        return replace(
            self,
            total_successes=self.total_successes + 1,
            consecutive_successes=self.consecutive_successes + 1,
            consecutive_failures=0,
        )

    def after_failure(self) -> Counts:
        return replace(
            self,
            total_failures=self.total_failures + 1,
            consecutive_failures=self.consecutive_failures + 1,
            consecutive_successes=0,
        )


Trip: TypeAlias = Callable[[Counts], bool]


@dataclass(frozen=True, slots=True)
class Circuit:
    """A breaker at one moment. `expiry` is when the generation ends by itself (None: never), in seconds."""

    settings: CircuitBreaker
    state: CircuitState = CircuitState.CLOSED
    generation: int = 1
    counts: Counts = Counts()
    expiry: float | None = None


def closed(settings: CircuitBreaker, now: float) -> Circuit:
    """A new breaker. `now` is here and below a monotonic time in seconds."""
    return Circuit(settings, expiry=_expiry(settings, CircuitState.CLOSED, now))


def at(circuit: Circuit, now: float) -> Circuit:
    """What `circuit` has become by `now`."""
    if circuit.expiry is None or now <= circuit.expiry:
        return circuit
    return _changed(
        circuit, CircuitState.HALF_OPEN if circuit.state is CircuitState.OPEN else CircuitState.CLOSED, now
    )


def admit(circuit: Circuit, now: float) -> tuple[Circuit, str]:
    """Ask to make an attempt: the new state, and why it is refused ("": it is admitted, and counted)."""
    circuit = at(circuit, now)
    if circuit.state is CircuitState.OPEN:
        return circuit, REFUSED_OPEN
    if circuit.state is CircuitState.HALF_OPEN and circuit.counts.requests >= circuit.settings.max_requests:
        return circuit, REFUSED_BUSY
    return replace(circuit, counts=replace(circuit.counts, requests=circuit.counts.requests + 1)), ""


def settle(circuit: Circuit, generation: int, success: bool, now: float, trip: Trip) -> Circuit:
    """Tell the outcome of an attempt that was admitted in `generation`."""
    circuit = at(circuit, now)
    if circuit.generation != generation:
        return circuit
    return _succeeded(circuit, now) if success else _failed(circuit, now, trip)


def _succeeded(circuit: Circuit, now: float) -> Circuit:
    counts = circuit.counts.after_success()
    enough = counts.consecutive_successes >= circuit.settings.max_requests
    if circuit.state is CircuitState.HALF_OPEN and enough:
        return _changed(circuit, CircuitState.CLOSED, now)
    return replace(circuit, counts=counts)


def _failed(circuit: Circuit, now: float, trip: Trip) -> Circuit:
    counts = circuit.counts.after_failure()
    if circuit.state is CircuitState.HALF_OPEN or trip(counts):
        return _changed(circuit, CircuitState.OPEN, now)
    return replace(circuit, counts=counts)


def _changed(circuit: Circuit, state: CircuitState, now: float) -> Circuit:
    expiry = _expiry(circuit.settings, state, now)
    return Circuit(circuit.settings, state, circuit.generation + 1, Counts(), expiry)


def _expiry(settings: CircuitBreaker, state: CircuitState, now: float) -> float | None:
    if state is CircuitState.OPEN:
        return now + settings.timeout
    return now + settings.interval if state is CircuitState.CLOSED and settings.interval > 0 else None
