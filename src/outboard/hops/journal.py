"""Writing the hops of the events of one app to whoever records them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVarTuple

from outboard.clock import Clock, monotonic_by, seconds_by
from outboard.hops.record import EventIdentity, Hop, HopKind, Recorder

__all__ = ["Journal"]

Arguments = TypeVarTuple("Arguments")


@dataclass(slots=True)
class Journal:
    """Writes the hops of one app, seen from its kit or from its sidecar; nothing without a `recorder`."""

    app_id: str
    clock: Clock
    recorder: Recorder | None = None
    monotonic: Callable[[], float] = field(init=False, repr=False)
    """As that of `clock`, to measure how long something takes."""
    _now: Callable[[], float] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._now, self.monotonic = seconds_by(self.clock), monotonic_by(self.clock)

    def wants_data(self, event_id: str) -> bool:
        """Whether a hop of this event is to carry its data."""
        return self.recorder is not None and self.recorder.wants_data(event_id)

    def afterwards(self, record: Callable[[*Arguments], None], *arguments: *Arguments) -> None:
        """Call `record` now; where there are very many events, once what the event loop does now is done.

        Whoever waits for an answer does not wait for the record, too.
        """
        if self.recorder is not None and self.recorder.may_wait:
            asyncio.get_running_loop().call_soon(record, *arguments)
        else:
            record(*arguments)

    def __call__(
        self, kind: HopKind, pubsub: str, topic: str, event: EventIdentity, payload: bytes = b"",
        *, attempt: int = 0, outcome: str = "", detail: str = "", duration: float | None = None,
        partition: str = "", offset: str = "", data: str = "",
    ) -> None:  # fmt: skip
        """`payload` is kept only where the recorder wants envelopes."""
        recorder = self.recorder
        if recorder is not None:
            kept = payload if recorder.wants_envelopes else b""
            recorder(
                Hop(kind, self._now(), self.app_id, pubsub, topic, event, attempt, outcome,
                    detail, duration, partition, offset, kept, data)
            )  # fmt: skip
