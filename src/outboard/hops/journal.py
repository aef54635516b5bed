"""Writing the hops of the events of one app to whoever records them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar, TypeVarTuple

from outboard.clock import Clock, monotonic_by, seconds_by
from outboard.hops.record import EventIdentity, Hop, HopKind, Recorder

__all__ = ["GatheredHops", "Journal"]

Arguments = TypeVarTuple("Arguments")
Told = TypeVar("Told")

MANY: Final = 64
"""So many are recorded together; what they hold must not drive out of the cache what is at work."""
SOON: Final = 0.02
"""Seconds after which they are recorded in any case."""


@dataclass(slots=True)
class Journal:
    """Writes the hops of one app, seen from its kit or from its sidecar; nothing without a `recorder`."""

    app_id: str
    clock: Clock
    recorder: Recorder | None = None
    monotonic: Callable[[], float] = field(init=False, repr=False)
    """As that of `clock`, to measure how long something takes."""
    _now: Callable[[], float] = field(init=False, repr=False)
    _waiting: set[Callable[[], None]] = field(init=False, repr=False, default_factory=set)

    def __post_init__(self) -> None:
        self._now, self.monotonic = seconds_by(self.clock), monotonic_by(self.clock)

    def wants_data(self, event_id: str) -> bool:
        """Whether a hop of this event is to carry its data."""
        return self.recorder is not None and self.recorder.wants_data(event_id)

    def afterwards(self, record: Callable[[*Arguments], None], *arguments: *Arguments) -> None:
        """Call `record` now; where there are very many events, once what the event loop does now is done.

        Whoever waits for an answer does not wait for the record, too.
        """
        if self._may_wait():
            asyncio.get_running_loop().call_soon(record, *arguments)
        else:
            record(*arguments)

    def gathering(self, record: Callable[[Sequence[Told]], None]) -> GatheredHops[Told]:
        """Of events that come alone: to be told of each, and to call `record` with one or several."""
        return GatheredHops(record, self._may_wait, self._waiting)

    def flush(self) -> None:
        """Record what is gathered: before the recorder ends, or before what came later."""
        for each in [*self._waiting]:
            each()

    def _may_wait(self) -> bool:
        return self.recorder is not None and self.recorder.may_wait

    def __call__(
        self, kind: HopKind, pubsub: str, topic: str, event: EventIdentity, payload: bytes = b"",
        *, attempt: int = 0, outcome: str = "", detail: str = "", duration: float | None = None,
        partition: str = "", offset: str = "", data: str = "", ended: float | None = None,
    ) -> None:  # fmt: skip
        """`payload` is kept only where the recorder wants envelopes. What `ended` some time ago, by the
        monotonic clock, is recorded as of then.
        """
        recorder = self.recorder
        if recorder is not None:
            kept = payload if recorder.wants_envelopes else b""
            at = self._now() if ended is None else self._now() - (self.monotonic() - ended)
            recorder(
                Hop(kind, at, self.app_id, pubsub, topic, event, attempt, outcome,
                    detail, duration, partition, offset, kept, data)
            )  # fmt: skip


class GatheredHops(Generic[Told]):
    """Hops of events that went well and came alone: `record` is called with some of them.

    Where there are very many, with up to 64: to choose among them costs little more than to look at one. Of a
    process that is killed the last of them are lost, as all is that is not written yet.
    """

    def __init__(
        self,
        record: Callable[[Sequence[Told]], None],
        may_wait: Callable[[], bool],
        waiting: set[Callable[[], None]],
    ) -> None:
        """`may_wait` says whether there are very many; in `waiting` is how to record at once what waits."""
        self._record = record
        self._may_wait = may_wait
        self._waiting = waiting
        self._told: list[Told] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, told: Told) -> None:
        """One more. Call it in the event loop."""
        gathered = self._told
        if gathered:
            gathered.append(told)
            if len(gathered) == MANY:
                self._flush()
        elif self._may_wait():
            gathered.append(told)
            self._timer = asyncio.get_running_loop().call_later(SOON, self._flush)
            self._waiting.add(self._flush)
        else:
            self._record((told,))

    def _flush(self) -> None:
        gathered, self._told = self._told, []
        self._waiting.discard(self._flush)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._record(gathered)
