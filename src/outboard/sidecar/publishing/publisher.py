"""Publishing to the loaded pub/sub components: scopes, topic prefix, outbound policy, record of the hop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from outboard.clock import Clock
from outboard.hops.record import Hop, HopKind, Recorder
from outboard.resources.resiliency import Policies
from outboard.sidecar.components.port import ComponentError, Message, PubSub
from outboard.sidecar.publishing.scopes import TopicAccess
from outboard.sidecar.resiliency.delays import delay_after

__all__ = ["Journal", "LoadedPubSub", "PubSubUnknown", "PublishNotAllowed", "Publisher", "guarded"]

T = TypeVar("T")

BULK_CONCURRENCY: Final = 100
NO_POLICIES: Final = Policies()


class PubSubUnknown(Exception):
    """There is no pub/sub component of that name."""


class PublishNotAllowed(Exception):
    """The component's scopes keep this app from publishing to the topic."""


@dataclass(frozen=True, slots=True)
class LoadedPubSub:
    """A component with what this app may do with it, and the policies for it."""

    name: str
    component: PubSub
    access: TopicAccess
    outbound: Policies = NO_POLICIES
    inbound: Policies = NO_POLICIES


@dataclass(frozen=True, slots=True)
class Journal:
    """Writes the hops of one sidecar's events; without a recorder it writes nothing."""

    app_id: str
    clock: Clock
    recorder: Recorder | None = None

    def __call__(
        self, kind: HopKind, pubsub: str, topic: str, payload: bytes,
        *, attempt: int = 0, outcome: str = "", detail: str = "",
    ) -> None:  # fmt: skip
        if self.recorder is not None:
            at = self.clock.now()
            self.recorder(Hop(kind, at, self.app_id, pubsub, topic, payload, attempt, outcome, detail))


class Publisher:
    """What publishes for the app: its own events, and dead letters for its subscriptions."""

    def __init__(
        self,
        pubsubs: Mapping[str, LoadedPubSub],
        app_id: str,
        clock: Clock,
        journal: Journal,
        random: Callable[[], float],
    ) -> None:
        self.pubsubs = pubsubs
        self._app_id = app_id
        self._clock = clock
        self._journal = journal
        self._random = random

    async def publish(
        self, pubsub: str, topic: str, message: Message, kind: HopKind = HopKind.PUBLISHED, detail: str = ""
    ) -> None:
        """Return once the broker has it. Raises PubSubUnknown, PublishNotAllowed, ComponentError."""
        target = self._allowed(pubsub, topic)
        on_broker = target.access.on_broker(topic)
        await guarded(
            lambda: target.component.publish(on_broker, message), target.outbound, self._clock, self._random
        )
        self._journal(kind, pubsub, topic, message.data, detail=detail)

    async def publish_many(
        self, pubsub: str, topic: str, messages: Sequence[Message]
    ) -> dict[int, ComponentError]:
        """Publish each on its own, up to 100 at a time: the errors by position.

        Raises PubSubUnknown, PublishNotAllowed.
        """
        self._allowed(pubsub, topic)
        slots = asyncio.Semaphore(BULK_CONCURRENCY)

        async def one(message: Message) -> ComponentError | None:
            async with slots:
                try:
                    await self.publish(pubsub, topic, message)
                except ComponentError as error:
                    return error
                return None

        outcomes = await asyncio.gather(*(one(message) for message in messages))
        return {index: error for index, error in enumerate(outcomes) if error is not None}

    async def dead_letter(self, pubsub: str, topic: str, message: Message, reason: str) -> None:
        """Put `message`, unchanged, on dead letter topic `topic`. Raises as `publish`."""
        await self.publish(pubsub, topic, replace(message), HopKind.DEAD_LETTERED, reason)

    def _allowed(self, pubsub: str, topic: str) -> LoadedPubSub:
        target = self.pubsubs.get(pubsub)
        if target is None:
            raise PubSubUnknown(f"pubsub '{pubsub}' not found")
        if not target.access.may_publish(topic):
            raise PublishNotAllowed(f"topic {topic} is not allowed for app id {self._app_id}")
        return target


async def guarded(
    operation: Callable[[], Awaitable[T]], policy: Policies, clock: Clock, random: Callable[[], float]
) -> T:
    """Run `operation` under a policy: its timeout for each attempt, its retries after a ComponentError."""
    started, failures = clock.monotonic(), 0
    while True:
        try:
            return await _in_time(operation, policy.timeout)
        except ComponentError:
            failures += 1
            delay = delay_after(policy.retry, failures, clock.monotonic() - started, random)
            if delay is None:
                raise
            await clock.sleep(delay)


async def _in_time(operation: Callable[[], Awaitable[T]], timeout: float | None) -> T:
    if timeout is None:
        return await operation()
    try:
        async with asyncio.timeout(timeout):
            return await operation()
    except TimeoutError as error:
        raise ComponentError("context deadline exceeded") from error
