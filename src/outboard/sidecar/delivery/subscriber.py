"""The subscriptions of an app, made with its components and consumed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from itertools import count
from typing import Final, TypeAlias

from outboard.resources.resiliency import RetryPolicy
from outboard.sidecar.components.port import BulkSubscribing, ComponentError, MessageHandler
from outboard.sidecar.delivery.batches import NativeBatches, bounds_of
from outboard.sidecar.delivery.consumer import Consumer, DeliveryContext, Drain
from outboard.sidecar.delivery.gathering import GatheringConsumer
from outboard.sidecar.logs import SidecarLog
from outboard.sidecar.publishing.pubsubs import LoadedPubSub
from outboard.sidecar.resiliency.delays import delay_after
from outboard.sidecar.subscriptions.active import ActiveSubscription

__all__ = ["subscribing"]

AGAIN: Final = RetryPolicy("exponential", max_elapsed=0)
DRAIN_LIMIT: Final = 30.0

Subscribe: TypeAlias = Callable[[Callable[[], None]], Awaitable[None]]
"""Consume until cancelled; what it gets is called once the subscription is made."""


@asynccontextmanager
async def subscribing(
    subscriptions: Iterable[ActiveSubscription], shared: DeliveryContext
) -> AsyncIterator[None]:
    """Consume while the block runs: when it begins every subscription that can be made is made.

    At its end nothing new is taken, what is being handled is waited for (30 s at most), and what was not
    settled is left to the broker.
    """
    shared, pubsubs = replace(shared, drain=Drain()), shared.publisher.pubsubs
    startable = [active for active in subscriptions if _can_start(active, pubsubs, shared.log)]
    tasks: list[asyncio.Task[None]] = []
    try:
        made = [asyncio.Event() for _ in startable]
        for active, event in zip(startable, made, strict=True):
            pubsub = pubsubs[active.subscription.pubsub_name]
            consumer = Consumer(active.subscription, active.routes, pubsub, shared)
            tasks.append(asyncio.create_task(_consume(consumer, event)))
        await asyncio.gather(*(event.wait() for event in made))
        yield
    finally:
        await _finish(tasks, shared)


def _can_start(active: ActiveSubscription, pubsubs: Mapping[str, LoadedPubSub], log: SidecarLog) -> bool:
    topic, name = active.subscription.topic, active.subscription.pubsub_name
    pubsub = pubsubs.get(name)
    if pubsub is None:
        log.warning(
            "subscription to topic '%s' is not started: no pub/sub component '%s' is loaded", topic, name
        )
        return False
    if not pubsub.access.may_subscribe(topic):
        log.error("subscription to topic '%s' on pubsub '%s' is not allowed", topic, name)
        return False
    return True


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


async def _finish(tasks: list[asyncio.Task[None]], shared: DeliveryContext) -> None:
    try:
        async with asyncio.timeout(DRAIN_LIMIT):
            await shared.drain.finish()
    except TimeoutError:
        shared.log.warning("events are still being handled after %d s; the broker keeps them", DRAIN_LIMIT)
    finally:
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                shared.log.error("a subscription ended with an error", exc_info=outcome)
