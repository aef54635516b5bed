"""The subscriptions of one component, by topic."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field

from outboard.sidecar.components.kafka.partition_consumer import Subscription

__all__ = ["Member", "Topics"]


@dataclass(slots=True, eq=False)
class Member:
    """One subscription. `ready` is set once its messages from now on will arrive; `failed` ends it."""

    subscription: Subscription
    failed: asyncio.Future[None]
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    def fail(self, error: BaseException) -> None:
        if not self.failed.done():
            self.failed.set_exception(error)


class Topics:
    """Of several subscriptions to one topic the latest gets its messages, as with daprd."""

    def __init__(self) -> None:
        self._members: dict[str, list[Member]] = {}

    @property
    def names(self) -> Collection[str]:
        return sorted(self._members)

    def add(self, member: Member) -> None:
        self._members.setdefault(member.subscription.topic, []).append(member)

    def remove(self, member: Member) -> None:
        members = self._members[member.subscription.topic]
        members.remove(member)
        if not members:
            del self._members[member.subscription.topic]

    def current(self, topic: str) -> Subscription | None:
        members = self._members.get(topic)
        return members[-1].subscription if members else None

    def ready(self, topics: Collection[str]) -> None:
        for topic in topics:
            for member in self._members.get(topic, ()):
                member.ready.set()

    def fail_all(self, error: BaseException) -> None:
        for members in self._members.values():
            for member in members:
                member.fail(error)

    def fail(self, subscription: Subscription, error: BaseException) -> None:
        for member in self._members.get(subscription.topic, ()):
            if member.subscription is subscription:
                member.fail(error)
