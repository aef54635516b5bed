"""Handing over again what was not acknowledged: when, and for how long.

Source: Dapr, "Apache Kafka" (pub/sub component), "Retries"; daprd 1.18.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from outboard.clock import Clock
from outboard.sidecar.components.kafka.settings import KafkaSettings
from outboard.sidecar.resiliency.delays import delay_after

__all__ = ["RetryContext", "until_settled"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RetryContext:
    """What the partitions of a component have in common. `random` gives numbers from 0 to below 1."""

    settings: KafkaSettings
    clock: Clock
    random: Callable[[], float]


async def until_settled(
    attempt: Callable[[], Awaitable[str]],
    what: Callable[[], str],
    retry_context: RetryContext,
    ending: Callable[[], bool],
) -> bool:
    """Whether what `attempt` does is settled in the end: done, or passed over as the settings say.

    `what` names it in the log. An attempt returns why it was not acknowledged, empty if it was. Once `ending`
    says so there is no other attempt, and what failed is not settled.
    """
    clock, retry = retry_context.clock, retry_context.settings.retry
    began, failures = clock.monotonic(), 0
    while refusal := await attempt():
        failures += 1
        elapsed = clock.monotonic() - began
        delay = delay_after(retry, failures, elapsed, retry_context.random)
        if ending():
            return False
        if delay is None:
            failed = "Too many failed attempts at processing" if retry else "Error processing"
            logger.error("%s %s. Error: %s.", failed, what(), refusal)
            return True
        if failures == 1:
            logger.warning("Error processing %s. Error: %s. Retrying...", what(), refusal)
        await clock.sleep(delay)
    if failures:
        logger.info("Successfully processed %s after it previously failed", what())
    return True
