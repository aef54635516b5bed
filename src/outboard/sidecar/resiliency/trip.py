"""A circuit breaker's `trip`, a CEL expression over its counts, compiled. Pure.

Source: Dapr, "Circuit breaker resiliency policies".
"""

from __future__ import annotations

from typing import Final

from outboard import cel
from outboard.errors import ExtraMissing, ResourceError
from outboard.resources.node import near
from outboard.resources.resiliency import CircuitBreaker
from outboard.sidecar.resiliency.circuit import Counts, Trip

__all__ = ["compile_trip"]

DEFAULT: Final = CircuitBreaker().trip
NAMES: Final = ("requests", "totalSuccesses", "totalFailures", "consecutiveSuccesses", "consecutiveFailures")
ONE_FAILURE: Final = Counts(1, 0, 1, 0, 1)
DIVISION: Final = "by zero"


def compile_trip(breaker: CircuitBreaker) -> Trip:
    """Whether `breaker` is to open after a failure that left it with certain counts.

    Counts for which the expression cannot be evaluated (a division by zero) do not trip, as in daprd.
    Raises ResourceError for what is no CEL, and for what could never trip.
    """
    if breaker.trip == DEFAULT:
        return _five_in_a_row
    expression = _compile(breaker)
    _check_names(breaker, expression)
    _check_result(breaker, expression)

    def trips(counts: Counts) -> bool:
        try:
            return expression.evaluate(_variables(counts)) is True
        except cel.EvaluationFailed:
            return False

    return trips


def _five_in_a_row(counts: Counts) -> bool:
    return counts.consecutive_failures > 5


def _compile(breaker: CircuitBreaker) -> cel.Expression:
    try:
        return cel.compile(breaker.trip)
    except cel.ExpressionInvalid as error:
        problem = f"`trip: {breaker.trip}` is not a CEL expression that Dapr can evaluate: {error}"
        raise _error(breaker, problem, "Write for instance `consecutiveFailures > 5`.") from error
    except ExtraMissing as error:
        problem = f"`trip: {breaker.trip}` cannot be evaluated here"
        raise _error(breaker, problem, str(error)) from error


def _check_names(breaker: CircuitBreaker, expression: cel.Expression) -> None:
    for name in sorted(expression.names):
        if name not in NAMES:
            problem = f"`trip: {breaker.trip}` would never trip: there is no count `{name}`"
            raise _error(breaker, problem, near(name, NAMES) or f"There are {', '.join(NAMES)}.")


def _check_result(breaker: CircuitBreaker, expression: cel.Expression) -> None:
    """Try it once: an expression of the wrong type fails for all counts."""
    try:
        result = expression.evaluate(_variables(ONE_FAILURE))
    except cel.EvaluationFailed as error:
        if DIVISION in str(error):
            return  # for other counts it may do
        problem = f"`trip: {breaker.trip}` would never trip: {error}"
        raise _error(breaker, problem, "Counts are whole numbers; compare them with numbers.") from error
    if not isinstance(result, bool):
        problem = f"`trip: {breaker.trip}` would never trip: it is not true or false but {result!r}"
        raise _error(breaker, problem, "Compare it, as in `consecutiveFailures > 5`.")


def _variables(counts: Counts) -> dict[str, int]:
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
