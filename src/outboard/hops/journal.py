"""Writing the hops of one sidecar's events to whoever records them."""

from __future__ import annotations

from dataclasses import dataclass

from outboard.clock import Clock
from outboard.hops.record import Hop, HopKind, Recorder

__all__ = ["Journal"]


@dataclass(frozen=True, slots=True)
class Journal:
    """Writes the hops of one sidecar's events; without a recorder it writes nothing."""

    app_id: str
    clock: Clock
    recorder: Recorder | None = None

    def __call__(
        self, kind: HopKind, pubsub: str, topic: str, payload: bytes,
        *, attempt: int = 0, outcome: str = "", detail: str = "",
    ) -> None:  # fmt: skip
        if self.recorder is not None:
            at = self.clock.now()
            self.recorder(Hop(kind, at, self.app_id, pubsub, topic, payload, attempt, outcome, detail))
