"""The subscriptions of an app, made with its components and consumed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from itertools import count
from typing import Final, TypeAlias

from outboard.resources.node import near
from outboard.resources.resiliency import RetryPolicy
from outboard.sidecar.components.port import BulkSubscribing, ComponentError, MessageHandler
from outboard.sidecar.delivery.batches import NativeBatches, bounds_of
from outboard.sidecar.delivery.consumer import Consumer, DeliveryContext
from outboard.sidecar.delivery.drain import DRAIN_LIMIT, Drain
from outboard.sidecar.delivery.gathering import GatheringConsumer
from outboard.sidecar.logs import SidecarLog
from outboard.sidecar.publishing.pubsubs import LoadedPubSub
from outboard.sidecar.resiliency.delays import delay_after
from outboard.sidecar.subscriptions.active import (
    ActiveSubscription,
    NotStarted,
    SerialBulk,
    Target,
    target_of,
)

__all__ = ["Subscriptions", "serial_bulk", "startable", "subscribing"]

AGAIN: Final = RetryPolicy("exponential", max_elapsed=0)

Subscribe: TypeAlias = Callable[[Callable[[], None]], Awaitable[None]]
"""Consume until cancelled; what it gets is called once the subscription is made."""


@dataclass(frozen=True, slots=True)
class _Running:
    """One subscription that is consumed, from `pubsub`."""

    active: ActiveSubscription
    pubsub: LoadedPubSub
    drain: Drain
    task: asyncio.Task[None]

    @property
    def target(self) -> Target:
        return target_of(self.active)


class Subscriptions:
    """What is consumed for an app: it begins empty, and changes."""

    def __init__(self, shared: DeliveryContext) -> None:
        self._shared = shared
        self._running: dict[Target, _Running] = {}

    @property
    def pubsubs(self) -> Mapping[str, LoadedPubSub]:
        """What is loaded, by name."""
        return self._shared.publisher.pubsubs

    @property
    def log(self) -> SidecarLog:
        """Where it is told what happens to them."""
        return self._shared.log

    async def become(self, wanted: Iterable[ActiveSubscription]) -> None:
        """Consume `wanted`, all of them startable, and nothing else; return when every one is made.

        One that has changed, or whose component has, ends before it begins anew: as `end`.
        """
        targets = {target_of(active): active for active in wanted}
        await self._end([each for each in self._running.values() if not self._stays(each, targets)])
        begun = [self._begin(active) for target, active in targets.items() if target not in self._running]
        await asyncio.gather(*(made.wait() for made in begun))

    async def end(self, pubsubs: Collection[str]) -> None:
        """Nothing more is taken from components of these names; what is being handled is waited for.

        That takes `drain_seconds` at most. What was not settled is left to the broker.
        """
        await self._end([each for each in self._running.values() if each.pubsub.name in pubsubs])

    def abandon(self) -> None:
        """Whoever handles it is gone: nothing is waited for."""
        for each in self._running.values():
            each.drain.abandon()

    async def end_all(self) -> None:
        """As `end`, of every component."""
        await self._end(list(self._running.values()))

    def _stays(self, running: _Running, wanted: Mapping[Target, ActiveSubscription]) -> bool:
        active = wanted.get(running.target)
        if active is None or active.subscription != running.active.subscription:
            return False
        return self._shared.publisher.pubsubs.get(running.pubsub.name) is running.pubsub

    def _begin(self, active: ActiveSubscription) -> asyncio.Event:
        """What is set once it is made."""
        shared, made = replace(self._shared, drain=Drain()), asyncio.Event()
        pubsub = shared.publisher.pubsubs[active.subscription.pubsub_name]
        consumer = Consumer(active.subscription, active.routes, pubsub, shared)
        task = asyncio.create_task(_consume(consumer, made))
        self._running[target_of(active)] = _Running(active, pubsub, shared.drain, task)
        return made

    async def _end(self, ending: Sequence[_Running]) -> None:
        for each in ending:
            del self._running[each.target]
        await _finish(ending, self._shared)


@asynccontextmanager
async def subscribing(
    subscriptions: Iterable[ActiveSubscription], shared: DeliveryContext
) -> AsyncIterator[Subscriptions]:
    """Consume while the block runs: when it begins every one of `subscriptions`, all startable, is made.

    At its end nothing new is taken, what is being handled is waited for (`drain_seconds` at most, and not if
    what is yielded is abandoned), and what was not settled is left to the broker.
    """
    running = Subscriptions(shared)
    try:
        await running.become(subscriptions)
        yield running
    finally:
        await running.end_all()


def startable(
    subscriptions: Iterable[ActiveSubscription],
    pubsubs: Mapping[str, LoadedPubSub],
    left_out: Mapping[str, str],
) -> tuple[list[ActiveSubscription], list[NotStarted]]:
    """Those that can be consumed, and why the others cannot.

    `left_out` are the components that the app does not get, by name, with the reason.
    """
    started, not_started = [], []
    for active in subscriptions:
        topic, name = active.subscription.topic, active.subscription.pubsub_name
        if problem := _problem(name, topic, pubsubs, left_out):
            not_started.append(NotStarted(name, topic, problem))
        else:
            started.append(active)
    return started, not_started


def serial_bulk(
    started: Iterable[ActiveSubscription], pubsubs: Mapping[str, LoadedPubSub]
) -> list[SerialBulk]:
    """Those of `started`, in bulk, whose component never has more than one message for a batch."""
    asked = [active.subscription for active in started if active.subscription.bulk.enabled]
    return [
        SerialBulk(found.pubsub_name, found.topic, reason)
        for found in asked
        if (reason := pubsubs[found.pubsub_name].component.traits.serial)
    ]


def _problem(name: str, topic: str, pubsubs: Mapping[str, LoadedPubSub], left_out: Mapping[str, str]) -> str:
    """Why the app gets nothing of `topic`; empty where it does."""
    pubsub = pubsubs.get(name)
    if pubsub is not None:
        allowed = pubsub.access.may_subscribe(topic)
        return "" if allowed else "this is not allowed by the component's scopes for topics"
    if name in left_out:
        return f"pub/sub component '{name}' is left out: {left_out[name]}"
    others = ", ".join(pubsubs) or "none"
    found = f"no pub/sub component '{name}' is loaded (loaded: {others})"
    hint = near(name, pubsubs)
    return f"{found}. {hint}" if hint else found


async def _consume(consumer: Consumer, made: asyncio.Event) -> None:
    """Run one subscription until cancelled; where it cannot be made, try again and again."""
    async with AsyncExitStack() as stack:
        subscribe = await _way(consumer, stack)
        stack.callback(made.set)  # nobody waits for one that ended
        for failures in count(1):
            await _attempt(consumer, subscribe, made)
            made.set()
            shared = consumer.shared
            await shared.clock.sleep(delay_after(AGAIN, failures, 0, shared.random) or 0)


async def _way(consumer: Consumer, stack: AsyncExitStack) -> Subscribe:
    """One by one, or in batches: the component's own, or gathered here while `stack` lasts."""
    subscription, component = consumer.subscription, consumer.pubsub.component
    topic, metadata = consumer.pubsub.access.on_broker(subscription.topic), subscription.metadata
    if subscription.bulk.enabled and isinstance(component, BulkSubscribing):
        bounds, native = bounds_of(subscription.bulk, component), NativeBatches(consumer)
        in_batches = component.consume_bulk
        return lambda made: in_batches(topic, metadata, bounds, native, made)
    handle: MessageHandler = consumer
    if subscription.bulk.enabled:
        handle = gathering = GatheringConsumer(consumer)
        await stack.enter_async_context(gathering.gathering())
    return lambda made: component.consume(topic, metadata, handle, made)


async def _attempt(consumer: Consumer, subscribe: Subscribe, made: asyncio.Event) -> None:
    try:
        await subscribe(made.set)
    except ComponentError as error:
        reason: object = error
    else:
        reason = "the component ended it"
    text = "Failed to start subscription for pubsub %s, topic %s: %s. Will retry."
    consumer.shared.log.error(text, consumer.pubsub.name, consumer.subscription.topic, reason)


async def _finish(ending: Sequence[_Running], shared: DeliveryContext) -> None:
    for each in ending:
        each.drain.close(shared.clock, DRAIN_LIMIT)
    try:
        async with asyncio.timeout(shared.drain_seconds):
            for each in ending:
                await each.drain.until_idle()
    except TimeoutError:
        text = "events are still being handled after %g s; the broker keeps them"
        shared.log.warning(text, shared.drain_seconds)
    finally:
        for each in ending:
            each.task.cancel()
        for outcome in await asyncio.gather(*(each.task for each in ending), return_exceptions=True):
            if isinstance(outcome, Exception):
                shared.log.error("a subscription ended with an error", exc_info=outcome)
