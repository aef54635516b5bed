"""Doing what the resiliency policies decide: retry(circuit breaker(timeout(operation))).

Source: Dapr, "Resiliency overview"; daprd 1.18 for the log lines.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Literal, TypeVar

from outboard.clock import Clock
from outboard.resources import duration
from outboard.resources.resiliency import CircuitBreaker, Policies
from outboard.sidecar.logs import SidecarLog
from outboard.sidecar.metrics.call_meters import PolicyMeters
from outboard.sidecar.resiliency import circuit
from outboard.sidecar.resiliency.delays import delay_after_failure
from outboard.sidecar.resiliency.failure import CircuitOpen, Failure, TimedOut
from outboard.sidecar.resiliency.trip import compile_trip

__all__ = ["Guard", "Resilience", "UnderWay"]

T = TypeVar("T")

NO_POLICIES: Final = Policies()
RETRY: Final = "retry"
TIMEOUT: Final = "timeout"
BREAKER: Final = "circuitbreaker"
DIRECTIONS: Final = {"input": "inbound", "output": "outbound"}
LOOK_AGAIN: Final = 0.05
"""Seconds between two looks whether calls have ended."""


@dataclass(frozen=True, slots=True)
class Resilience:
    """Makes the guards of one sidecar. `random` gives numbers from 0 to below 1.

    Of the circuit breakers so many are kept, those used last; 0 keeps all.
    """

    clock: Clock
    random: Callable[[], float]
    log: SidecarLog
    breakers_kept: int = 0
    meters: PolicyMeters | None = None
    _breakers: dict[str, _Breaker] = field(default_factory=dict, init=False, repr=False)

    def guard(
        self,
        component: str,
        direction: Literal["input", "output"],
        policies: Policies,
        name: str = "",
        target: str = "",
    ) -> Guard:
        """What keeps the calls to or from `component`; the log calls them by `name`, if there is one.

        In the metrics they are those of `target`; without one they are not in them.
        """
        return Guard(component, direction, policies, self, name, target)

    def breaker(self, component: str, settings: CircuitBreaker) -> _Breaker:
        """The one of `component`, whichever its direction; what its first call asked for is what it is."""
        found = self._breakers.pop(component, None)
        if found is None:
            found = _Breaker(f"{settings.name}-{component}", settings, self.clock, self.log)
            if self.breakers_kept and len(self._breakers) >= self.breakers_kept:
                del self._breakers[next(iter(self._breakers))]
        self._breakers[component] = found  # at the end: used last
        return found


@dataclass(slots=True)
class UnderWay:
    """How many calls there are that have not ended: a component that is replaced is closed after them."""

    count: int = 0

    async def over(self, clock: Clock, limit: float) -> bool:
        """Return once there is none, or after `limit` seconds: whether there is none."""
        ends = clock.monotonic() + limit
        while self.count and clock.monotonic() < ends:
            await clock.sleep(LOOK_AGAIN)
        return not self.count


@dataclass(frozen=True, slots=True)
class Guard:
    """The policies of one component in one direction, at work."""

    component: str
    direction: Literal["input", "output"]
    policies: Policies
    resilience: Resilience
    name: str = ""
    target: str = ""
    under_way: UnderWay = field(default_factory=UnderWay, repr=False, compare=False)
    _unguarded: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_unguarded", self.policies == NO_POLICIES)

    async def run(
        self,
        operation: Callable[[], Awaitable[T]],
        timed_out: Callable[[], None] = lambda: None,
        pause: Callable[[float], Awaitable[None]] | None = None,
    ) -> T:
        """Make attempts until one succeeds: its result. After each that takes too long `timed_out` is called.

        Between two attempts `pause` is awaited with the seconds, else the clock; what it raises ends them.
        A Failure of `operation` is tried again as the policies say; the last one is raised, which may be a
        TimedOut or CircuitOpen of this guard. Whatever else `operation` raises goes through.
        """
        under_way = self.under_way
        under_way.count += 1
        try:
            return await (operation() if self._unguarded else self._guarded(operation, timed_out, pause))
        finally:
            under_way.count -= 1

    async def _guarded(
        self,
        operation: Callable[[], Awaitable[T]],
        timed_out: Callable[[], None],
        pause: Callable[[float], Awaitable[None]] | None,
    ) -> T:
        clock, log = self.resilience.clock, self.resilience.log
        started, failures = clock.monotonic(), 0
        meter = _Meter(self)
        meter.applied()
        while True:
            try:
                result = await self._through_breaker(operation, timed_out, meter)
            except Failure as failure:
                failures += 1
                delay = self._delay(failure, failures, clock.monotonic() - started)
                if delay is None:
                    raise
            else:
                if failures:
                    log.info("Recovered processing operation %s after %d attempts", self, failures + 1)
                return result
            if failures == 1:
                again = duration.format(delay)
                log.warning("Error processing operation %s. Retrying in %s…", self, again)
                meter.activated(RETRY)
            await (pause or clock.sleep)(delay)

    def __str__(self) -> str:
        return self.name or f"component[{self.component}] {self.direction}"

    def _delay(self, failure: Failure, failures: int, elapsed: float) -> float | None:
        return delay_after_failure(self.policies.retry, failure, failures, elapsed, self.resilience.random)

    async def _through_breaker(
        self, operation: Callable[[], Awaitable[T]], timed_out: Callable[[], None], meter: _Meter
    ) -> T:
        settings = self.policies.circuit_breaker
        if settings is None:
            return await self._in_time(operation, timed_out, meter)
        breaker = self.resilience.breaker(self.component, settings)
        before = breaker.state
        try:
            return await breaker.run(lambda: self._in_time(operation, timed_out, meter))
        finally:
            if (after := breaker.state) != before:
                meter.activated(BREAKER, after)

    async def _in_time(
        self, operation: Callable[[], Awaitable[T]], timed_out: Callable[[], None], meter: _Meter
    ) -> T:
        seconds = self.policies.timeout
        if seconds is None or seconds <= 0:
            return await operation()
        bound = asyncio.timeout(seconds)
        try:
            async with bound:
                return await operation()
        except TimeoutError as error:
            if not bound.expired():
                raise  # the operation's own
            timed_out()
            meter.timed_out()
            raise TimedOut from error


class _Meter:
    """Tells of the policies of one call, if there is somebody to tell."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._meters = guard.resilience.meters if guard.target else None
        self._direction = DIRECTIONS[guard.direction]
        self._has_timed_out = False

    def applied(self) -> None:
        """The call begins."""
        policies, meters = self._guard.policies, self._meters
        if meters is None:
            return
        where = self._direction, self._guard.target
        if policies.timeout is not None and policies.timeout > 0:
            meters.applied(TIMEOUT, *where)
        if policies.retry is not None:
            meters.applied(RETRY, *where)
        if policies.circuit_breaker is not None:
            breaker = self._guard.resilience.breaker(self._guard.component, policies.circuit_breaker)
            meters.applied(BREAKER, *where, breaker.state)

    def activated(self, policy: str, status: str = "") -> None:
        """A policy did something about it."""
        if self._meters is not None:
            self._meters.activated(policy, self._direction, self._guard.target, status)

    def timed_out(self) -> None:
        """An attempt took too long; daprd tells of the first one."""
        if not self._has_timed_out:
            self._has_timed_out = True
            self.activated(TIMEOUT)


class _Breaker:
    """Holds the state of one circuit breaker, and tells of its changes."""

    def __init__(self, name: str, settings: CircuitBreaker, clock: Clock, log: SidecarLog) -> None:
        self._name = name
        self._trip = compile_trip(settings)
        self._clock = clock
        self._log = log
        self._circuit = circuit.closed(settings, clock.monotonic())

    @property
    def state(self) -> str:
        """By the word that daprd has for it."""
        return circuit.at(self._circuit, self._clock.monotonic()).state.value

    async def run(self, operation: Callable[[], Awaitable[T]]) -> T:
        """Raises CircuitOpen, and what `operation` raises; all of that is a failure to the breaker."""
        admitted, refusal = circuit.admit(self._circuit, self._clock.monotonic())
        self._become(admitted)
        if refusal:
            raise CircuitOpen(refusal)
        succeeded = False
        try:
            result = await operation()
            succeeded = True
        finally:  # one that is cancelled failed too: half-open, the breaker would wait for it for ever
            now = self._clock.monotonic()
            self._become(circuit.settle(self._circuit, admitted.generation, succeeded, now, self._trip))
        return result

    def _become(self, after: circuit.Circuit) -> None:
        before, self._circuit = self._circuit.state, after
        if after.state is not before:
            text = 'Circuit breaker "%s" changed state from %s to %s'
            self._log.info(text, self._name, before.value, after.state.value)
