"""The connections of a board: what is published through one, and which of them is used at the moment."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial

from outboard.clock import Clock
from outboard.errors import NotConnected, NotConnectedInTest, WrongEventLoop
from outboard.hops.journal import Journal
from outboard.kit.client.port import Publication, SidecarApi
from outboard.kit.telemetry.messaging import Messaging
from outboard.kit.threads import ThreadCalls, running_loop
from outboard.kit.topics.admission import CallLater
from outboard.kit.topics.coalescing import CoalescingPublisher, PublishContext
from outboard.kit.topics.queue import PublishLimits
from outboard.kit.under_test import is_pytest_running

__all__ = ["Connections", "SidecarConnection"]


class SidecarConnection:
    """A sidecar, and a publisher for each topic that is published to through it at the moment."""

    def __init__(self, sidecar: SidecarApi, context: PublishContext) -> None:
        self.sidecar = sidecar
        self.loop = context.loop
        self.calls = ThreadCalls(context.loop, context.address, context.clock.monotonic)
        self._context = context
        self._publishers: dict[tuple[str, str], CoalescingPublisher] = {}

    @classmethod
    @asynccontextmanager
    async def to(
        cls,
        sidecar: SidecarApi,
        address: str,
        *,
        limits: PublishLimits,
        clock: Clock,
        random: Callable[[], float],
        closing_seconds: float,
        telemetry: Messaging,
        journal: Journal,
        call_later: CallLater | None = None,
    ) -> AsyncIterator[SidecarConnection]:
        """Publish through `sidecar`, which is at `address`, while the block runs.

        At its end what waits is sent, for at most `closing_seconds`; the rest fails with SidecarUnavailable.
        `call_later` is the loop's, unless a test has one of its own.
        """
        loop = asyncio.get_running_loop()
        connection = cls(
            sidecar,
            PublishContext(
                sidecar,
                address,
                limits,
                clock,
                random,
                loop,
                call_later or loop.call_later,
                contextvars.copy_context(),
                telemetry,
                journal,
            ),
        )
        try:
            yield connection
        finally:
            await connection._close(closing_seconds)

    def publish(
        self, pubsub: str, topic: str, write: Callable[[], Publication], timeout: float
    ) -> Coroutine[object, None, bool]:
        """Publish one event; the coroutine ends once the broker has it. See `CoalescingPublisher.publish`.

        On the event loop of the connection alone. What comes of it is whether it is to be recorded.
        """
        name = pubsub, topic
        publisher = self._publishers.get(name)
        if publisher is None:
            publisher = CoalescingPublisher(pubsub, topic, self._context, partial(self._let_go, name))
            self._publishers[name] = publisher
        return publisher.publish(write, timeout)

    def _let_go(self, name: tuple[str, str]) -> None:
        self._publishers.pop(name, None)

    async def _close(self, seconds: float) -> None:
        closing = [publisher.close(seconds) for publisher in self._publishers.values()]
        await asyncio.gather(*closing, self.calls.close(seconds))


class Connections:
    """Open connections, each for as long as its scope lasts.

    Scopes may overlap: two apps in one process, or a script inside an app. Each event loop uses its own, the
    latest of them, except that one which was given (a test's, for instance) goes before those that were
    opened.
    """

    def __init__(self) -> None:
        self._opened: list[SidecarConnection] = []
        self._given: list[SidecarConnection] = []

    def current(self, operation: str) -> SidecarConnection:
        """The one to use on this event loop. `operation` says in an error what was wanted.

        Raises NotConnected, and WrongEventLoop where others are connected.
        """
        loop = running_loop()
        for connections in (self._given, self._opened):
            for connection in reversed(connections):
                if connection.loop is loop:
                    return connection
        if self._given or self._opened:
            raise WrongEventLoop(operation)
        raise _not_connected(operation)

    def calls(self, operation: str) -> ThreadCalls:
        """How another thread calls what is awaited on the loop of the latest one. Raises NotConnected."""
        for connections in (self._given, self._opened):
            if connections:
                return connections[-1].calls
        raise _not_connected(operation)

    def sidecar(self, operation: str) -> SidecarApi:
        """The sidecar of the current one. Raises NotConnected and WrongEventLoop, as `current`."""
        return self.current(operation).sidecar

    @property
    def is_given(self) -> bool:
        """Whether a connection was given, so that no other needs to be opened."""
        return bool(self._given)

    @contextmanager
    def using(self, connection: SidecarConnection, *, given: bool) -> Iterator[None]:
        """Use `connection` while the scope lasts."""
        connections = self._given if given else self._opened
        connections.append(connection)
        try:
            yield
        finally:
            connections.remove(connection)


def _not_connected(operation: str) -> NotConnected:
    return (NotConnectedInTest if is_pytest_running() else NotConnected)(operation)
