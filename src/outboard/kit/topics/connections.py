"""The connections of a board: what is published through one, and which of them is used at the moment."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import cast

from outboard.clock import Clock
from outboard.errors import NotConnected, NotConnectedInTest, WrongEventLoop
from outboard.hops.journal import Journal
from outboard.kit.client.port import Publication, SidecarApi
from outboard.kit.telemetry.messaging import Messaging
from outboard.kit.threads import ThreadCalls, running_loop
from outboard.kit.topics.admission import CallLater
from outboard.kit.topics.coalescing import CoalescingPublisher, PublishContext
from outboard.kit.topics.elsewhere import ElsewhereSidecar, on_other_loop
from outboard.kit.topics.queue import PublishLimits
from outboard.kit.under_test import is_pytest_running

__all__ = ["Connections", "SidecarConnection"]


class SidecarConnection:
    """A sidecar, and a publisher for each topic that is published to through it at the moment."""

    def __init__(self, sidecar: SidecarApi, context: PublishContext) -> None:
        self.sidecar = sidecar
        self.loop = context.loop
        self.calls = ThreadCalls(context.loop, context.address, context.clock.monotonic)
        self.thread = threading.get_ident()
        """That of the loop."""
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

    def elsewhere(self, operation: str) -> ElsewhereConnection:
        """This one for another event loop, in another thread."""
        return ElsewhereConnection(self, operation)

    def _let_go(self, name: tuple[str, str]) -> None:
        self._publishers.pop(name, None)

    async def _close(self, seconds: float) -> None:
        closing = [publisher.close(seconds) for publisher in self._publishers.values()]
        await asyncio.gather(*closing, self.calls.close(seconds))


class ElsewhereConnection:
    """A connection for another event loop than its own."""

    def __init__(self, connection: SidecarConnection, operation: str) -> None:
        self._connection, self._operation = connection, operation
        self.sidecar = cast("SidecarApi", ElsewhereSidecar(connection.sidecar, connection.loop, operation))

    def publish(
        self, pubsub: str, topic: str, write: Callable[[], Publication], timeout: float
    ) -> Coroutine[object, None, bool]:
        """As that of `SidecarConnection`. Raises EventLoopBlocked where the loop does not turn."""
        connection = self._connection

        async def publish() -> bool:
            return await connection.publish(pubsub, topic, write, timeout)

        return on_other_loop(connection.loop, self._operation, publish, timeout)


class Connections:
    """Open connections, each for as long as its scope lasts.

    Scopes may overlap: two apps in one process, or a script inside an app. Each event loop uses its own, the
    latest of them, except that one which was given (a test's, for instance) goes before those that were
    opened.
    """

    def __init__(self) -> None:
        self._opened: list[SidecarConnection] = []
        self._given: list[SidecarConnection] = []
        self._from_anywhere = False

    @contextmanager
    def used_from_anywhere(self) -> Iterator[None]:
        """While the block runs, one that was given is used from loops of other threads, too: in a test.

        Also from one that has opened its own before, as that of a `TestClient` around the session.
        """
        self._from_anywhere = True
        try:
            yield
        finally:
            self._from_anywhere = False

    def current(self, operation: str) -> SidecarConnection | ElsewhereConnection:
        """The one to use on this event loop. `operation` says in an error what was wanted.

        Raises NotConnected, and WrongEventLoop where others are connected.
        """
        loop = running_loop()
        given = next((each for each in reversed(self._given) if each.loop is loop), None)
        if given is not None:
            return given
        if self._from_anywhere and self._given and self._given[-1].thread != threading.get_ident():
            return self._given[-1].elsewhere(operation)
        opened = next((each for each in reversed(self._opened) if each.loop is loop), None)
        if opened is not None:
            return opened
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
