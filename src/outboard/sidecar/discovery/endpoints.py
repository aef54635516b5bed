"""Asking the app, once it is there, what it is and what it subscribes to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from outboard.clock import Clock
from outboard.resources.resiliency import RetryPolicy
from outboard.sidecar.channel.app import AppChannel, Discovered, NotAnswered
from outboard.sidecar.logs import SidecarLog
from outboard.sidecar.resiliency.delays import delay_after
from outboard.sidecar.subscriptions.active import (
    ActiveSubscription,
    SubscribeInvalid,
    activate,
    topics_by_pubsub,
)
from outboard.sidecar.subscriptions.routes import RuleInvalid
from outboard.wire import dapr

__all__ = ["DiscoveryFailed", "discover_subscriptions", "load_app_configuration"]

RETRY: Final = RetryPolicy(
    "exponential", max_retries=3, initial_interval=0.5, max_interval=1.0, max_elapsed=10.0
)


class DiscoveryFailed(Exception):
    """The app's subscriptions cannot be used; then none is started, those declared in files neither."""


async def load_app_configuration(channel: AppChannel, log: SidecarLog) -> None:
    """Ask for `/dapr/config`. What an app answers there is about actors, so only the answer itself counts."""
    try:
        if await channel.load_configuration():
            log.info("Application configuration loaded")
    except NotAnswered as error:
        log.warning("failed to load the app's configuration: %s", error)


async def discover_subscriptions(
    channel: AppChannel, clock: Clock, random: Callable[[], float], log: SidecarLog
) -> list[ActiveSubscription]:
    """Ask for `/dapr/subscribe`, again where the app does not answer. Raises DiscoveryFailed."""
    try:
        discovered = await _ask(channel, clock, random, log)
        active = [activate(each, "PROGRAMMATIC") for each in discovered.subscriptions]
    except (SubscribeInvalid, RuleInvalid) as error:
        raise DiscoveryFailed(f"the app's answer at {dapr.SUBSCRIBE_PATH} cannot be used: {error}") from error
    if discovered.missing:
        log.debug("the app has no %s: it subscribes to nothing by itself", dapr.SUBSCRIBE_PATH)
    elif discovered.problem:
        log.error("%s: it subscribes to nothing", discovered.problem)
    for pubsub, topics in topics_by_pubsub(active).items():
        told = "app is subscribed to the following topics: [[%s]] through pubsub=%s"
        log.info(told, " ".join(topics), pubsub)
    return active


async def _ask(channel: AppChannel, clock: Clock, random: Callable[[], float], log: SidecarLog) -> Discovered:
    """The app's answer; one without subscriptions where it does not answer at all."""
    started, failures = clock.monotonic(), 0
    while True:
        try:
            return await channel.discover()
        except NotAnswered as error:
            failures += 1
            delay = delay_after(RETRY, failures, clock.monotonic() - started, random)
            reason = str(error)
        if delay is None:
            log.error("the app did not answer at %s: %s", dapr.SUBSCRIBE_PATH, reason)
            return Discovered()
        await clock.sleep(delay)
