"""Asking the app, once it is there, what it is and what it subscribes to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from outboard.clock import Clock
from outboard.resources.resiliency import Retry
from outboard.sidecar.channel.http import AppChannel
from outboard.sidecar.logs import SidecarLog
from outboard.sidecar.resiliency.delays import delay_after
from outboard.sidecar.subscriptions.active import (
    ActiveSubscription,
    SubscribeInvalid,
    activate,
    parse_subscribe,
    topics_by_pubsub,
)
from outboard.sidecar.subscriptions.routes import RuleInvalid
from outboard.wire import dapr
from outboard.wire.http import ExchangeFailed, Response

__all__ = ["DiscoveryFailed", "discover_subscriptions", "load_app_configuration"]

RETRY: Final = Retry("exponential", max_retries=3, initial_interval=0.5, max_interval=1.0, max_elapsed=10.0)
OK: Final = 200
NOT_FOUND: Final = 404


class DiscoveryFailed(Exception):
    """The app's subscriptions cannot be used; then none is started, those declared in files neither."""


async def load_app_configuration(channel: AppChannel, log: SidecarLog) -> None:
    """Ask for `/dapr/config`. What an app answers there is about actors, so only the answer itself counts."""
    try:
        response = await channel.discover(dapr.CONFIG_PATH)
    except ExchangeFailed as failure:
        log.warning("failed to load the app's configuration: %s", failure.reason)
        return
    if response.status == OK:
        log.info("Application configuration loaded")


async def discover_subscriptions(
    channel: AppChannel, clock: Clock, random: Callable[[], float], log: SidecarLog
) -> list[ActiveSubscription]:
    """Ask for `/dapr/subscribe`, again where the app does not answer. Raises DiscoveryFailed."""
    response = await _ask(channel, clock, random, log)
    if response is None or not _usable(response, log):
        return []
    active = _read(response)
    for pubsub, topics in topics_by_pubsub(active).items():
        log.info(
            "app is subscribed to the following topics: [[%s]] through pubsub=%s", " ".join(topics), pubsub
        )
    return active


async def _ask(
    channel: AppChannel, clock: Clock, random: Callable[[], float], log: SidecarLog
) -> Response | None:
    started, failures = clock.monotonic(), 0
    while True:
        try:
            return await channel.discover(dapr.SUBSCRIBE_PATH)
        except ExchangeFailed as failure:
            failures += 1
            delay = delay_after(RETRY, failures, clock.monotonic() - started, random)
            reason = failure.reason
        if delay is None:
            log.error("the app did not answer at %s: %s", dapr.SUBSCRIBE_PATH, reason)
            return None
        await clock.sleep(delay)


def _usable(response: Response, log: SidecarLog) -> bool:
    if response.status == OK:
        return True
    if response.status == NOT_FOUND:
        log.debug("the app has no %s: it subscribes to nothing by itself", dapr.SUBSCRIBE_PATH)
    else:
        text = "app returned http status code %d from subscription endpoint %s: it subscribes to nothing"
        log.error(text, response.status, dapr.SUBSCRIBE_PATH)
    return False


def _read(response: Response) -> list[ActiveSubscription]:
    try:
        subscriptions, _ = parse_subscribe(response.body)
        return [activate(subscription, "PROGRAMMATIC") for subscription in subscriptions]
    except (SubscribeInvalid, RuleInvalid) as error:
        raise DiscoveryFailed(f"the app's answer at {dapr.SUBSCRIBE_PATH} cannot be used: {error}") from error
