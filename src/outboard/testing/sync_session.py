"""A session for tests without an event loop: it has one in a thread."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from typing import Final, TypeVar, Unpack

from anyio.from_thread import BlockingPortal

from outboard.hops.deliveries import DeadLetter, Delivery
from outboard.kit.threads import LoopOrThread
from outboard.kit.topic import Topic
from outboard.testing.faults import Faults
from outboard.testing.session import QUIET_SECONDS, EventSession
from outboard.testing.session_clock import SessionClock, Units
from outboard.wire.events import Event

__all__ = ["SessionScope", "SyncEventSession", "SyncSessionClock"]

T = TypeVar("T")


class SyncSessionClock:
    """As `SessionClock`, for synchronous tests."""

    def __init__(self, clock: SessionClock, portal: BlockingPortal) -> None:
        self._clock = clock
        self._portal = portal

    def now(self) -> datetime:
        """As that of `SessionClock`."""
        return self._clock.now()

    def advance(self, delta: timedelta | None = None, **units: Unpack[Units]) -> None:
        """As that of `SessionClock`."""
        self._portal.call(lambda: self._clock.advance(delta, **units))


class SyncEventSession:
    """As `EventSession`, for `with outboard.session(app) as s:` in synchronous tests.

    Apps and sidecars run on an event loop in a thread of their own; `topic.sync.publish` publishes there.
    What it is asked, it is asked when all is quiet.
    """

    def __init__(self, session: EventSession, portal: BlockingPortal) -> None:
        self._session = session
        self._portal = portal
        self._ended = False
        self.clock: Final = SyncSessionClock(session.clock, portal)
        self.faults: Final[Faults[AbstractContextManager[None]]] = session.faults_in(self._scope)

    def published(self, what: Topic[T] | type[T]) -> list[Event[T]]:
        """As that of `EventSession`."""
        return self._quietly(lambda: self._session.published(what))

    def none(self, what: Topic[T] | type[T]) -> None:
        """As that of `EventSession`; never raises NotQuiet."""
        self._quietly(lambda: self._session.none(what))

    def deliveries(self, topic: Topic[T]) -> list[Delivery]:
        """As that of `EventSession`."""
        return self._quietly(lambda: self._session.deliveries(topic))

    def dead_letters(self, topic: Topic[T]) -> list[DeadLetter]:
        """As that of `EventSession`."""
        return self._quietly(lambda: self._session.dead_letters(topic))

    @property
    def exceptions(self) -> list[Exception]:
        """As those of `EventSession`."""
        return self._quietly(lambda: self._session.exceptions)

    def tree(self) -> str:
        """As that of `EventSession`."""
        return self._quietly(self._session.tree)

    def quiet(self, timeout: float = QUIET_SECONDS) -> None:
        """As that of `EventSession`; `timeout` in seconds."""
        self._portal.call(self._session.quiet, timeout)

    def run(self, function: Callable[[], Awaitable[T]]) -> T:
        """What the asynchronous `function` returns or raises, which is called on the loop of the session."""
        return self._portal.call(function)

    def unhandled(self) -> list[Exception]:
        """As that of `EventSession`."""
        return self._quietly(self._session.unhandled)

    def end(self) -> None:
        """Its event loop ends."""
        self._ended = True

    def _scope(self, scope: AbstractAsyncContextManager[None]) -> AbstractContextManager[None]:
        return self._portal.wrap_async_context_manager(scope)

    def _quietly(self, ask: Callable[[], T]) -> T:
        async def asked() -> T:
            await self._session.quiet()
            return ask()

        return ask() if self._ended else self._portal.call(asked)


@contextmanager
def _in_thread(session: EventSession, portal: BlockingPortal) -> Iterator[SyncEventSession]:
    """`session` for a thread that is not its loop's, which `portal` leads to."""
    synchronous = SyncEventSession(session, portal)
    try:
        yield synchronous
    finally:
        synchronous.end()


class SessionScope(LoopOrThread[EventSession, SyncEventSession]):
    """What `Harness.session` gives, to be entered once.

    `async with` gives an `EventSession`, `with` a `SyncEventSession`.
    """

    def __init__(self, scope: AbstractAsyncContextManager[EventSession]) -> None:
        super().__init__(scope, _in_thread)
