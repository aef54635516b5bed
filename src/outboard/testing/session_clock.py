"""The time of a session, and how it passes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final, TypedDict, Unpack

from outboard.kit.arguments import wrong
from outboard.testing.virtual_clock import VirtualClock

__all__ = ["SessionClock", "Units"]

STEPS: Final = 128
"""In which time passes at most: what is due within one part of that many comes at once."""


class Units(TypedDict, total=False):
    """Parts of a time, as `datetime.timedelta` takes them."""

    weeks: float
    days: float
    hours: float
    minutes: float
    seconds: float
    milliseconds: float


class SessionClock:
    """The time of a session, for sidecars, relays, inboxes, leases and what boards publish."""

    def __init__(
        self,
        clock: VirtualClock,
        quiet: Callable[[], Awaitable[None]],
        demand_memory: Callable[[str, str], None],
    ) -> None:
        self._clock = clock
        self._quiet = quiet
        self._demand_memory = demand_memory

    def now(self) -> datetime:
        """The time in the session, aware, in UTC. Raises NotOnThisEngine where that is the machine's."""
        self._demand_memory("clock.now()", "ask `datetime.now(UTC)`: time is real there")
        return self._clock.now()

    async def advance(self, delta: timedelta | None = None, **units: Unpack[Units]) -> None:
        """Let time pass: `advance(days=8)`, `advance(timedelta(minutes=5))`.

        What is due meanwhile happens at its time and in its order, and is waited for: back-off, `ttl`,
        leases, retention, staged events for later. It takes 128 steps at most: what is due within one 128th
        of it comes together. Raises TypeError and ValueError for what is no time, or goes back; NotSeen as
        `quiet`; NotOnThisEngine where the time is real.
        """
        self._demand_memory(
            "clock.advance()",
            "wait for what is to come, as with `await outboard.handled(topic, timeout=…)`",
        )
        seconds = _seconds(delta, units)
        await self._quiet()
        clock = self._clock
        end, step = clock.monotonic() + seconds, seconds / STEPS
        while (due := clock.next_due) is not None and due <= end:
            clock.pass_to(min(max(due, clock.monotonic() + step), end))
            await self._quiet()
        clock.pass_to(end)
        await self._quiet()


def _seconds(delta: timedelta | None, units: Units) -> float:
    given: object = delta
    if given is not None and (not isinstance(given, timedelta) or units):
        wrong("delta", "a timedelta, or left out for `days=` and the like", given)
    if delta is None and not units:
        raise TypeError("say how much time is to pass, such as `days=8`")
    try:
        whole = timedelta(**units) if delta is None else delta
    except OverflowError:
        raise ValueError(f"that is longer than time is here: {units}") from None
    if whole < timedelta():
        raise ValueError(f"time does not go back: {whole}")
    return whole.total_seconds()
