"""What happens to the events of a service, step by step, as a test says."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, Final, TypeVar

from outboard.asgi import ASGIApp
from outboard.kit.board import Outboard
from outboard.kit.names import Key
from outboard.kit.topic import Topic
from outboard.testing.harness import Harness
from outboard.testing.held import HeldDeliveries
from outboard.wire.events import Event

__all__ = ["EventSteps"]

T = TypeVar("T")

ROUNDS: Final = 5
AT_THE_END: Final = 60.0
"""Seconds that pass in each round at the end, for what is to come again."""


class EventSteps:
    """Runs `apps` in a session in which an event is delivered only when a step says so."""

    def __init__(self, apps: Sequence[ASGIApp | Outboard]) -> None:
        self._harness = Harness()
        self._stack = ExitStack()
        self.session: Final = self._stack.enter_context(self._harness.session(*apps))
        """As of `Harness.session`."""
        self._held = HeldDeliveries(self._harness.traffic)
        self._harness.traffic.faults.append(self._held)
        self.published: Final[list[tuple[Topic[Any], Event[Any], Key | None]]] = []
        """Each that was published by a step, with its topic and its key, in their order."""

    def publish(self, topic: Topic[T], data: T, key: Key | None = None) -> Event[T]:
        """Publish an event. Raises as `Topic.publish`."""
        event = topic.sync.publish(data, key=key)
        self.published.append((topic, event, key))
        self.session.quiet()
        return event

    def duplicate(self, number: int) -> None:
        """Publish once more, with its id, what a step published: that with this number, from 0."""
        if self.published:
            topic, event, key = self.published[number % len(self.published)]
            topic.sync.publish_event(event, key=key)
            self.session.quiet()

    def deliver(self, number: int = 0) -> None:
        """Let one of the deliveries that wait come to its handler, and wait for all that comes of it."""
        self._release(number, answer_is_lost=False)

    def crash(self, number: int = 0) -> None:
        """As `deliver`, but the app dies behind its handler, so that the event is to come again."""
        self._release(number, answer_is_lost=True)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.session.clock.advance(seconds=seconds)

    def finish(self) -> None:
        """Deliver all that waits, and let time pass until nothing is to come again, five minutes at most."""

        async def release_all() -> None:
            self._held.release_all()

        self.session.run(release_all)
        self.session.quiet()
        for _ in range(ROUNDS):
            if not self.session.unhandled():
                break
            self.session.clock.advance(seconds=AT_THE_END)

    def close(self) -> None:
        """End the session, and raise what it raises: an ExceptionGroup for what was not handled."""
        self._stack.close()

    def _release(self, number: int, *, answer_is_lost: bool) -> None:
        async def release() -> None:
            if len(self._held):
                self._held.release(number % len(self._held), answer_is_lost=answer_is_lost)

        self.session.run(release)
        self.session.quiet()
