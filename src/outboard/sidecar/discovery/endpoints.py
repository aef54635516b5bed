"""Asking the app, once it is there, what it is and what it subscribes to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from outboard.clock import Clock
from outboard.resources.resiliency import RetryPolicy
from outboard.sidecar.channel.app import AppChannel, Discovered, NotAnswered
from outboard.sidecar.logs import SidecarLog
from outboard.sidecar.resiliency.delays import delay_after
from outboard.sidecar.subscriptions.active import (
    ActiveSubscription,
    NotStarted,
    SubscribeInvalid,
    activate,
)
from outboard.sidecar.subscriptions.routes import RuleInvalid
from outboard.wire import dapr
from outboard.wire.subscriptions import Subscription

__all__ = ["DiscoveryFailed", "Programmatic", "discover_subscriptions", "load_app_configuration"]

RETRY: Final = RetryPolicy(
    "exponential", max_retries=3, initial_interval=0.5, max_interval=1.0, max_elapsed=10.0
)


class DiscoveryFailed(Exception):
    """The app's subscriptions cannot be used; then none is started, those declared in files neither."""


@dataclass(frozen=True, slots=True)
class Programmatic:
    """The subscriptions that an app names; `not_started` are those that it names in vain.

    `unasked` says why there are none, where nothing is wrong with that.
    """

    active: Sequence[ActiveSubscription] = ()
    not_started: Sequence[NotStarted] = ()
    unasked: str = ""
    starts_nothing: bool = False


async def load_app_configuration(channel: AppChannel, log: SidecarLog) -> None:
    """Ask for `/dapr/config`. What an app answers there is about actors, so only the answer itself counts."""
    try:
        if await channel.load_configuration():
            log.info("Application configuration loaded")
    except NotAnswered as error:
        log.warning("failed to load the app's configuration: %s", error)


async def discover_subscriptions(
    channel: AppChannel, clock: Clock, random: Callable[[], float], log: SidecarLog
) -> Programmatic:
    """Ask what it subscribes to, again where the app does not answer. Raises DiscoveryFailed."""
    try:
        discovered = await _ask(channel, clock, random)
        active = [activate(each, "PROGRAMMATIC") for each in discovered.subscriptions]
    except (SubscribeInvalid, RuleInvalid) as error:
        problem = f"the app's answer at {channel.subscriptions_at} cannot be used: {error}"
        raise DiscoveryFailed(problem) from error
    if discovered.missing:
        log.debug("the app has no %s: it subscribes to nothing by itself", channel.subscriptions_at)
        return Programmatic(unasked=discovered.missing)
    if discovered.problem:
        return Programmatic(
            not_started=[NotStarted("", "", f"{discovered.problem}: it subscribes to nothing")]
        )
    return Programmatic(active, [_without_route(each) for each in discovered.without_route])


def _without_route(subscription: Subscription) -> NotStarted:
    reason = f"its item at {dapr.SUBSCRIBE_PATH} has no `route`, and no `routes` with a rule or a `default`"
    return NotStarted(subscription.pubsub_name, subscription.topic, reason)


async def _ask(channel: AppChannel, clock: Clock, random: Callable[[], float]) -> Discovered:
    """The app's answer; one with a problem where it does not answer at all. Raises DiscoveryFailed."""
    started, failures = clock.monotonic(), 0
    while True:
        try:
            return await channel.discover()
        except NotAnswered as error:
            failures += 1
            delay = delay_after(RETRY, failures, clock.monotonic() - started, random)
            problem = f"the app did not answer at {channel.subscriptions_at}: {error}"
            starts_nothing = error.starts_nothing
        if delay is None and starts_nothing:
            raise DiscoveryFailed(problem)
        if delay is None:
            return Discovered(problem=problem)
        await clock.sleep(delay)
