"""An event while it is made, and a request while it is under way, where nobody looks. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final

from outboard.kit.telemetry.attributes import Attributes
from outboard.wire.events import Event
from outboard.wire.tracing import TraceContext

__all__ = ["NO_CREATION", "NO_SENDING", "Creation", "Sending"]


class Creation:
    """An event while it is made, and sent. Entering it makes it the current span. This one has none.

    `trace` is the trace context that the event is to have; None: whichever else. `attributes` are those of a
    link to it.
    """

    __slots__ = ("attributes", "trace")

    def __init__(self, trace: TraceContext | None = None) -> None:
        self.trace = trace
        self.attributes: Attributes = {}

    def made(self, event: Event[Any]) -> None:
        """The event is whole."""

    def written(self, body: bytes) -> None:
        """It is in its final form."""

    def shares(self) -> None:
        """It leaves in a request with others."""

    def __enter__(self) -> Creation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        pass


class Sending:
    """One request to the sidecar. This one is not looked at."""

    def answered(self, outcomes: Sequence[object]) -> None:
        """What became of each of its events: None, or what was wrong."""


NO_CREATION: Final = Creation()
NO_SENDING: Final = Sending()
