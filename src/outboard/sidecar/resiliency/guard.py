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
from outboard.sidecar.resiliency import circuit
from outboard.sidecar.resiliency.delays import delay_after_failure
from outboard.sidecar.resiliency.failure import CircuitOpen, Failure, TimedOut
from outboard.sidecar.resiliency.trip import compile_trip

__all__ = ["Guard", "Resilience", "UnderWay"]

T = TypeVar("T")

NO_POLICIES: Final = Policies()
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
    _breakers: dict[str, _Breaker] = field(default_factory=dict, init=False, repr=False)

    def guard(
        self, component: str, direction: Literal["input", "output"], policies: Policies, name: str = ""
    ) -> Guard:
        """What keeps the calls to or from `component`; the log calls them by `name`, if there is one."""
        return Guard(component, direction, policies, self, name)

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
        while True:
            try:
                result = await self._through_breaker(operation, timed_out)
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
            await (pause or clock.sleep)(delay)

    def __str__(self) -> str:
        return self.name or f"component[{self.component}] {self.direction}"

    def _delay(self, failure: Failure, failures: int, elapsed: float) -> float | None:
        return delay_after_failure(self.policies.retry, failure, failures, elapsed, self.resilience.random)

    async def _through_breaker(
        self, operation: Callable[[], Awaitable[T]], timed_out: Callable[[], None]
    ) -> T:
        settings = self.policies.circuit_breaker
        if settings is None:
            return await self._in_time(operation, timed_out)
        breaker = self.resilience.breaker(self.component, settings)
        return await breaker.run(lambda: self._in_time(operation, timed_out))

    async def _in_time(self, operation: Callable[[], Awaitable[T]], timed_out: Callable[[], None]) -> T:
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
            raise TimedOut from error


class _Breaker:
    """Holds the state of one circuit breaker, and tells of its changes."""

    def __init__(self, name: str, settings: CircuitBreaker, clock: Clock, log: SidecarLog) -> None:
        self._name = name
        self._trip = compile_trip(settings)
        self._clock = clock
        self._log = log
        self._circuit = circuit.closed(settings, clock.monotonic())

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
