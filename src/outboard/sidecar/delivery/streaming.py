"""Streaming subscriptions: each lasts as long as somebody is there who takes its events.

To delivery a stream is one more channel to the app: routes, policies, dead letters and the record are as for
any other subscription. Neither a port of the app nor its health matters to it.
Source: Dapr, "Declarative, streaming, and programmatic subscription types"; daprd 1.18.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Final

from outboard.resources.left_out import LeftOut
from outboard.sidecar.channel.app import EventChannel
from outboard.sidecar.components.unavailable import explained
from outboard.sidecar.delivery.consumer import DeliveryContext
from outboard.sidecar.delivery.subscriber import Subscriptions, subscribing
from outboard.sidecar.errors import ApiError, ErrorInfo
from outboard.sidecar.subscriptions.active import ActiveSubscription, activate
from outboard.wire.subscriptions import Rule, Subscription

__all__ = ["AskedStream", "StreamingSubscriptions", "stream_closed"]

PATH: Final = "/"


@dataclass(frozen=True, slots=True)
class AskedStream:
    """What a stream is to get; an empty `dead_letter_topic` is none."""

    pubsub: str
    topic: str
    dead_letter_topic: str
    metadata: Mapping[str, str]


class StreamingSubscriptions:
    """Those of one sidecar; `shared` gives what delivers to a channel. All that it raises is ApiError."""

    def __init__(
        self, shared: Callable[[EventChannel], DeliveryContext], left_out: Sequence[LeftOut] = ()
    ) -> None:
        self.active: list[ActiveSubscription] = []
        """Those that there are now."""
        self.ending = asyncio.Event()
        """Set once streams are to end."""
        self._shared = shared
        self._left_out = left_out
        self._running: list[tuple[ActiveSubscription, Subscriptions]] = []
        self._none = asyncio.Event()
        self._none.set()
        self._numbers = count(1)

    @asynccontextmanager
    async def accepted(self) -> AsyncIterator[None]:
        """At the end of the block all are ended: what is being handled is waited for, and none is made."""
        try:
            yield
        finally:
            self.ending.set()
            await self._none.wait()

    @asynccontextmanager
    async def changing(self, pubsubs: Collection[str]) -> AsyncIterator[None]:
        """While the block runs streams get nothing of `pubsubs`; then they get it of what is loaded instead.

        First, what is being handled is waited for. A stream whose component is gone stays, and gets events
        again once there is one of its name.
        """
        for _, running in tuple(self._running):
            await running.end(pubsubs)
        yield
        for active, running in tuple(self._running):
            if (active, running) in self._running:  # it may have ended meanwhile
                await self._renew(active, running)

    async def _renew(self, active: ActiveSubscription, running: Subscriptions) -> None:
        asked = active.subscription
        if asked.pubsub_name in running.pubsubs:
            await running.become([active])
            return
        await running.become([])
        text = "the stream of topic %s gets nothing: its pub/sub component %s is no longer loaded"
        running.log.warning(text, asked.topic, asked.pubsub_name)

    @asynccontextmanager
    async def subscribed(
        self, asked: AskedStream, channel: EventChannel
    ) -> AsyncIterator[Callable[[], None]]:
        """Give events to `channel` while the block runs; when it begins the subscription is made.

        At its end what is being handled is waited for, and what was not settled is left to the broker. Yields
        what to call when whoever takes the events is gone: then nothing is waited for.
        """
        shared = self._shared(channel)
        active, log = self._active(asked, shared), shared.log.scoped("pubsub.streamer")
        text = "Subscribing to pubsub '%s' topic '%s' ConnectionID %d"
        log.info(text, asked.pubsub, asked.topic, next(self._numbers))
        self._add(active)
        try:
            async with subscribing([active], shared) as running:
                self._running.append((active, running))
                try:
                    yield running.abandon
                finally:
                    self._running.remove((active, running))
        finally:
            self._remove(active)
            log.info("Unsubscribed from pubsub '%s' topic '%s'", asked.pubsub, asked.topic)

    def _active(self, asked: AskedStream, shared: DeliveryContext) -> ActiveSubscription:
        if self.ending.is_set():
            raise stream_closed()
        pubsub = shared.publisher.pubsubs.get(asked.pubsub)
        if not asked.pubsub:
            raise _refused("pubsubName is required")
        if not asked.topic:
            raise _refused("topic is required")
        if pubsub is None:
            message = explained(f"pubsub {asked.pubsub} is not found", asked.pubsub, self._left_out)
            raise ApiError(400, "ERR_PUBSUB_NOT_FOUND", message, ErrorInfo("DAPR_PUBSUB_NOT_FOUND"))
        if not pubsub.access.may_subscribe(asked.topic):
            why = f"subscription to topic '{asked.topic}' on pubsub '{asked.pubsub}' is not allowed"
            raise _refused(f"failed to create subscription for {asked.pubsub}: {why}")
        subscription = Subscription(
            asked.pubsub, asked.topic, (Rule(PATH),), asked.dead_letter_topic, asked.metadata
        )
        return activate(subscription, "STREAMING")

    def _add(self, active: ActiveSubscription) -> None:
        self.active.append(active)
        self._none.clear()

    def _remove(self, active: ActiveSubscription) -> None:
        self.active[:] = [each for each in self.active if each is not active]  # the list itself is shown
        if not self.active:
            self._none.set()


def stream_closed() -> ApiError:
    """What ends a stream that the sidecar closes."""
    return _refused("stream closed")


def _refused(message: str) -> ApiError:
    """Without a code, as in daprd: over gRPC it is UNKNOWN."""
    return ApiError(500, "", message)
