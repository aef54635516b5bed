"""A circuit breaker's `trip`, a CEL expression over its counts, compiled. Pure.

Source: Dapr, "Circuit breaker resiliency policies".
"""

from __future__ import annotations

from typing import Final, Protocol

from outboard.errors import ResourceError
from outboard.resources.node import near
from outboard.resources.resiliency import CircuitBreaker
from outboard.sidecar.resiliency.circuit import Counts, Trip

__all__ = ["compile_trip"]

DEFAULT: Final = CircuitBreaker().trip
NAMES: Final = ("requests", "totalSuccesses", "totalFailures", "consecutiveSuccesses", "consecutiveFailures")
ONE_FAILURE: Final = Counts(1, 0, 1, 0, 1)
EVALUATION: Final = (TypeError, ValueError, RuntimeError, ArithmeticError, LookupError)


class _Program(Protocol):
    def execute(self, context: dict[str, object]) -> object: ...
    def variables(self) -> list[str]: ...


def compile_trip(breaker: CircuitBreaker) -> Trip:
    """Whether `breaker` is to open after a failure that left it with certain counts.

    Counts for which the expression cannot be evaluated (a division by zero) do not trip, as in daprd.
    Raises ResourceError for what is no CEL, and for what could never trip.
    """
    if breaker.trip == DEFAULT:
        return _five_in_a_row
    program = _compile(breaker)
    _check_names(breaker, program)
    _check_result(breaker, program)

    def trips(counts: Counts) -> bool:
        try:
            return program.execute(_variables(counts)) is True
        except EVALUATION:
            return False

    return trips


def _five_in_a_row(counts: Counts) -> bool:
    return counts.consecutive_failures > 5


def _compile(breaker: CircuitBreaker) -> _Program:
    import cel  # 6 MB of machine code: only where an expression asks for it

    try:
        return cel.compile(breaker.trip)
    except ValueError as error:
        problem = f"`trip: {breaker.trip}` is not a CEL expression: {_first_line(error)}"
        raise _error(breaker, problem, "Write for instance `consecutiveFailures > 5`.") from error


def _check_names(breaker: CircuitBreaker, program: _Program) -> None:
    for name in program.variables():
        if name not in NAMES:
            problem = f"`trip: {breaker.trip}` would never trip: there is no count `{name}`"
            raise _error(breaker, problem, near(name, NAMES) or f"There are {', '.join(NAMES)}.")


def _check_result(breaker: CircuitBreaker, program: _Program) -> None:
    """Try it once: an expression of the wrong type fails for all counts."""
    try:
        result = program.execute(_variables(ONE_FAILURE))
    except ArithmeticError:
        return  # for other counts it may do
    except EVALUATION as error:
        problem = f"`trip: {breaker.trip}` would never trip: {_first_line(error)}"
        raise _error(breaker, problem, "Counts are whole numbers; compare them with numbers.") from error
    if not isinstance(result, bool):
        problem = f"`trip: {breaker.trip}` would never trip: it is not true or false but {result!r}"
        raise _error(breaker, problem, "Compare it, as in `consecutiveFailures > 5`.")


def _variables(counts: Counts) -> dict[str, object]:
    values = (
        counts.requests,
        counts.total_successes,
        counts.total_failures,
        counts.consecutive_successes,
        counts.consecutive_failures,
    )
    return dict(zip(NAMES, values, strict=True))


def _error(breaker: CircuitBreaker, problem: str, advice: str) -> ResourceError:
    return ResourceError(str(breaker.path), breaker.line, problem, advice)


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
