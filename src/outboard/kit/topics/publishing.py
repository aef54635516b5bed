"""Everything that a board publishes through one connection."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial

from outboard.clock import Clock
from outboard.kit.client.port import Publication, Publisher
from outboard.kit.topics.coalescing import CoalescingPublisher, Surroundings
from outboard.kit.topics.deadlines import CallLater
from outboard.kit.topics.entry import Limits

__all__ = ["Publishing"]


class Publishing:
    """A publisher for each topic that is published to at the moment."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        self._publishers: dict[tuple[str, str], CoalescingPublisher] = {}

    @classmethod
    @asynccontextmanager
    async def through(
        cls,
        sidecar: Publisher,
        address: str,
        *,
        limits: Limits,
        clock: Clock,
        random: Callable[[], float],
        closing_seconds: float,
        call_later: CallLater | None = None,
    ) -> AsyncIterator[Publishing]:
        """Publish through `sidecar` while the block runs.

        At its end what waits is sent, for at most `closing_seconds`; the rest fails with SidecarUnavailable.
        `call_later` is the loop's, unless a test has one of its own.
        """
        loop = asyncio.get_running_loop()
        publishing = cls(
            Surroundings(
                sidecar,
                address,
                limits,
                clock,
                random,
                loop,
                call_later or loop.call_later,
                contextvars.copy_context(),
            )
        )
        try:
            yield publishing
        finally:
            await publishing._close(closing_seconds)

    def publish(
        self, pubsub: str, topic: str, write: Callable[[], Publication], timeout: float
    ) -> Coroutine[object, None, None]:
        """What returns once the broker has the event. Parameters, errors: see `CoalescingPublisher.publish`.

        From another event loop than that of the connection the event is sent by itself.
        """
        surroundings = self._surroundings
        if asyncio.get_running_loop() is not surroundings.loop:
            return surroundings.sidecar.publish(write(), timeout)
        name = pubsub, topic
        publisher = self._publishers.get(name)
        if publisher is None:
            publisher = CoalescingPublisher(pubsub, topic, surroundings, partial(self._let_go, name))
            self._publishers[name] = publisher
        return publisher.publish(write, timeout)

    def _let_go(self, name: tuple[str, str]) -> None:
        self._publishers.pop(name, None)

    async def _close(self, seconds: float) -> None:
        await asyncio.gather(*(publisher.close(seconds) for publisher in self._publishers.values()))
