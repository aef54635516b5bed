"""Writing the hops of the events of one app to whoever records them."""

from __future__ import annotations

from dataclasses import dataclass

from outboard.clock import Clock
from outboard.hops.record import EventIdentity, Hop, HopKind, Recorder

__all__ = ["Journal"]


@dataclass(frozen=True, slots=True)
class Journal:
    """Writes the hops of one app, seen from its kit or from its sidecar; without a recorder, nothing."""

    app_id: str
    clock: Clock
    recorder: Recorder | None = None

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
                Hop(kind, self.clock.now().timestamp(), self.app_id, pubsub, topic, event, attempt, outcome,
                    detail, duration, partition, offset, kept, data)
            )  # fmt: skip
