"""The subscriptions of one component, by topic."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field

from outboard.sidecar.components.port import BulkBounds, BulkHandler, MessageHandler

__all__ = ["TopicHandler", "TopicSubscription", "Topics"]


@dataclass(frozen=True, slots=True)
class TopicHandler:
    """Who gets the messages of a topic. Without `bounds`, `single` gets each; else `bulk` gets batches."""

    topic: str
    single: MessageHandler | None = None
    bulk: BulkHandler | None = None
    bounds: BulkBounds | None = None


@dataclass(slots=True, eq=False)
class TopicSubscription:
    """One subscription. `ready` is set once its messages from now on will arrive; `failed` ends it."""

    handler: TopicHandler
    failed: asyncio.Future[None]
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    def fail(self, error: BaseException) -> None:
        if not self.failed.done():
            self.failed.set_exception(error)
        self.ready.set()  # nobody need wait any longer


class Topics:
    """Of several subscriptions to one topic the latest gets its messages, as with daprd."""

    def __init__(self) -> None:
        self._subscriptions: dict[str, list[TopicSubscription]] = {}

    @property
    def names(self) -> Collection[str]:
        return sorted(self._subscriptions)

    def add(self, subscription: TopicSubscription) -> None:
        self._subscriptions.setdefault(subscription.handler.topic, []).append(subscription)

    def remove(self, subscription: TopicSubscription) -> None:
        subscriptions = self._subscriptions[subscription.handler.topic]
        subscriptions.remove(subscription)
        if not subscriptions:
            del self._subscriptions[subscription.handler.topic]

    def current(self, topic: str) -> TopicHandler | None:
        subscriptions = self._subscriptions.get(topic)
        return subscriptions[-1].handler if subscriptions else None

    def ready(self, topics: Collection[str]) -> None:
        for topic in topics:
            for subscription in self._subscriptions.get(topic, ()):
                subscription.ready.set()

    def fail_all(self, error: BaseException) -> None:
        for subscriptions in self._subscriptions.values():
            for subscription in subscriptions:
                subscription.fail(error)

    def fail(self, handler: TopicHandler, error: BaseException) -> None:
        for subscription in self._subscriptions.get(handler.topic, ()):
            if subscription.handler is handler:
                subscription.fail(error)
