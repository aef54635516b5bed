"""A session of a test: everything that is published in it, and all that came of that, until it is quiet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from outboard.hops.deliveries import DeadLetter, Delivery, dead_letters, deliveries
from outboard.hops.record import Hop
from outboard.kit.subscriptions.outcomes import HandlerFailure
from outboard.kit.topic import Topic
from outboard.testing.arguments import check_topic
from outboard.testing.causation import causation_tree
from outboard.testing.engines.port import MEMORY, NotOnThisEngine
from outboard.testing.failures import told_failures, unhandled
from outboard.testing.faults import Faults
from outboard.testing.in_flight import told_request
from outboard.testing.looking import name_of, published_of
from outboard.testing.patience import patiently
from outboard.testing.quiet import Quietness
from outboard.testing.recording import NotSeen
from outboard.testing.session_clock import SessionClock
from outboard.testing.traffic import Traffic
from outboard.testing.virtual_clock import VirtualClock
from outboard.wire.events import Event, EventCodec

__all__ = ["QUIET_SECONDS", "EventSession", "NotQuiet", "World"]

T = TypeVar("T")
Scope = TypeVar("Scope")

QUIET_SECONDS: Final = 5.0


class NotQuiet(AssertionError):
    """It was asked what did not happen, while it might still have happened. Wait for `quiet` first."""


@dataclass(slots=True)
class World:
    """What the sessions of one harness look at, whose sidecars run on `engine`."""

    engine: str
    clock: VirtualClock
    traffic: Traffic
    quietness: Quietness
    hops: list[Hop]
    codecs: Callable[[], Sequence[Mapping[tuple[str, str], EventCodec[Any]]]]
    unsettled: Callable[[], Sequence[tuple[str, str]]]
    """The app and the event of what is published and not settled yet."""
    untaken: Callable[[Sequence[Hop]], Sequence[str]]
    """Sentences about topics that are published to and that no app takes."""

    def demand_memory(self, what: str, advice: str) -> None:
        """Raise NotOnThisEngine unless the sidecars are in this process, where alone there is `what`."""
        if self.engine != MEMORY:
            raise NotOnThisEngine(
                f"{what} is there in memory only, and this test runs on {self.engine}: {advice}. "
                'With `@pytest.mark.outboard_engines("memory")` it is left out on other engines'
            )


@dataclass(slots=True)
class _Seen:
    """What a session has seen. `until` is where its hops end, None while it goes on."""

    world: World
    begin: int
    until: int | None = None
    failures: list[HandlerFailure] = field(default_factory=list)

    @property
    def hops(self) -> Sequence[Hop]:
        return self.world.hops[self.begin : self.until]


class EventSession:
    """All that is published while `async with outboard.session() as s:` runs, and all that comes of it.

    In it time stands still, and passes by `clock.advance` alone. So it becomes quiet: a moment at which
    nothing more can happen unless time passes. The block ends with that, and raises an ExceptionGroup of what
    handlers raised for events that were not handled in the end (NotHandled where nothing was raised).
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._seen = _Seen(world, len(world.hops))
        self._codecs: Sequence[Mapping[tuple[str, str], EventCodec[Any]]] = ()
        self.has_told = False
        """Whether an error has its report already."""
        self.clock: Final = SessionClock(world.clock, self.quiet, world.demand_memory)
        self.faults: Final = self.faults_in(lambda scope: scope)

    def published(self, what: Topic[T] | type[T]) -> list[Event[T]]:
        """The events that were published to a topic, or whose data is of a class, in their order.

        A class counts on all topics that boards of the session declare with it, alone or in a union. Raises
        TypeError for what is neither, and for a class that no such topic has.
        """
        return published_of(what, self._seen.hops, self._all_codecs())

    def none(self, what: Topic[T] | type[T]) -> None:
        """Pass if no such event was published, and none can be unless time passes; it waits for nothing.

        Raises NotQuiet while something is under way, AssertionError where there is one, TypeError as
        `published`, and NotOnThisEngine beside a real sidecar, in which something may be that nobody sees.
        """
        self._world.demand_memory(
            "none()",
            "assert that `s.published(…)` is empty after `await s.quiet()`, which waits for all",
        )
        found = self.published(what)
        if found:
            told = ", ".join(f"'{event.id}' ({event.data!r})" for event in found)
            raise AssertionError(f"{name_of(what)}: none was to be published, and there is {told}")
        if self._seen.until is None and not self._world.quietness.is_quiet:
            raise NotQuiet(
                f"{name_of(what)}: none was published yet, but something is under way. "
                "Wait with `await s.quiet()`, or ask after the block"
            )

    def deliveries(self, topic: Topic[T]) -> list[Delivery]:
        """Every delivery of an event of `topic` in this session, redeliveries included, in their order."""
        check_topic(topic)
        return deliveries(self._seen.hops, topic.pubsub, topic.name)

    def dead_letters(self, topic: Topic[T]) -> list[DeadLetter]:
        """What came from `topic` and was put on a dead letter topic, by the kit or by the sidecar."""
        check_topic(topic)
        return dead_letters(self._seen.hops, topic.pubsub, topic.name)

    @property
    def exceptions(self) -> list[Exception]:
        """All that handlers raised for events so far, in order; the event may have been handled later."""
        return [failure.error for failure in self._seen.failures]

    def tree(self) -> str:
        """What came of what: each event, its outcomes at apps, and below it what its handlers published."""
        return causation_tree(self._seen.hops)

    async def quiet(self, timeout: float = QUIET_SECONDS) -> None:
        """Return when nothing more can happen unless time passes.

        Raises NotSeen, which names what is under way, after `timeout` seconds of real time; at a breakpoint
        they do not count.
        """
        try:
            async with patiently(timeout):
                await self._world.quietness.wait()
        except TimeoutError:
            raise NotSeen(
                f"it was not quiet within {timeout:g} s: {self._told_busy()}\n{self.tree()}"
            ) from None

    def faults_in(self, scope: Callable[[AbstractAsyncContextManager[None]], Scope]) -> Faults[Scope]:
        """The faults of this session, whose blocks `scope` makes."""
        world = self._world

        def made(block: AbstractAsyncContextManager[None]) -> Scope:
            world.demand_memory("a fault", "stop and start the engine itself, outside of the session")
            return scope(block)

        return Faults(world.traffic, self.quiet, world.clock, world.hops.append, made)

    def unhandled(self) -> list[Exception]:
        """Of each event that was not handled in the end: what its handler raised last, or NotHandled."""
        return unhandled(self._seen.hops, self._seen.failures)

    def failed(self, failure: HandlerFailure) -> None:
        """Take down what a handler raised."""
        self._seen.failures.append(failure)

    def end(self) -> None:
        """From now on nothing is added to what it has seen."""
        self._codecs = self._all_codecs()
        self._seen.until = len(self._world.hops)

    def tell(self, error: BaseException) -> None:
        """Let `error` tell, for a person, what happened in the session."""
        self.has_told = True
        error.add_note(self.report())

    def report(self) -> str:
        """What happened in it, for a person: the tree, topics that nobody takes, and what handlers raised."""
        lines = ["What came of what in the session:", self.tree(), *self._world.untaken(self._seen.hops)]
        if raised := self._seen.failures:
            lines += ["Handlers raised:", told_failures(raised)]
        return "\n".join(lines)

    def _all_codecs(self) -> Sequence[Mapping[tuple[str, str], EventCodec[Any]]]:
        return self._world.codecs() if self._seen.until is None else self._codecs

    def _told_busy(self) -> str:
        told = [
            told_request(each.to, each.app_id, each.app, each.request)
            for each in self._world.traffic.under_way
        ]
        told += [f"{app_id} has not settled '{name}'" for app_id, name in self._world.unsettled()]
        return "; ".join(told) or "a task goes on without end, or a database does not answer"
