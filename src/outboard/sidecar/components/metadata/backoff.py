"""The `backOff...` items of a component: how long what was not acknowledged waits. Pure.

One rule for every component that has them, daprd's own: a bare number is in milliseconds, any negative number
of retries is for ever. Source: Dapr, "Apache Kafka" (pub/sub component), "Retries"; daprd 1.18.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Final, TypeAlias

from outboard.resources import duration
from outboard.resources.resiliency import FOREVER, RetryPolicy
from outboard.sidecar.components.metadata.properties import Properties

__all__ = ["METADATA", "Text", "read_backoff", "read_pause"]

METADATA: tuple[str, ...] = (
    "backOffPolicy", "backOffDuration", "backOffInitialInterval", "backOffMaxInterval", "backOffMultiplier",
    "backOffRandomizationFactor", "backOffMaxElapsedTime", "backOffMaxRetries",
)  # fmt: skip
MILLISECONDS: Final = re.compile(r"[0-9]{1,18}\Z", re.ASCII)
RETRIES: Final = re.compile(r"[+-]?[0-9]{1,18}\Z", re.ASCII)

Text: TypeAlias = Callable[[str], str]
"""What an item says, empty where it says nothing: components differ in how exactly its name is written."""


def read_backoff(properties: Properties, text: Text) -> RetryPolicy:
    """The policy that the items make. Raises ComponentInitFailed, with the line of the item that is wrong."""
    default = RetryPolicy()
    policy = text("backOffPolicy").strip().lower() or default.policy
    if policy not in {"constant", "exponential"}:
        reason, advice = f"unexpected back off policy type: {policy}", "Write `constant` or `exponential`."
        raise properties.failure(reason, advice, "backOffPolicy")
    return RetryPolicy(
        policy="constant" if policy == "constant" else "exponential",
        duration=read_pause(properties, text, "backOffDuration", default.duration),
        initial_interval=read_pause(properties, text, "backOffInitialInterval", default.initial_interval),
        max_interval=read_pause(properties, text, "backOffMaxInterval", default.max_interval),
        multiplier=_number(properties, text, "backOffMultiplier", default.multiplier),
        randomization=_number(properties, text, "backOffRandomizationFactor", default.randomization),
        max_elapsed=read_pause(properties, text, "backOffMaxElapsedTime", default.max_elapsed),
        max_retries=_retries(properties, text),
    )


def read_pause(properties: Properties, text: Text, name: str, default: float) -> float:
    """The item `name` in seconds. Raises ComponentInitFailed."""
    said = text(name).strip()
    if not said:
        return default
    try:
        return int(said) / 1000 if MILLISECONDS.match(said) else duration.parse(said)
    except ValueError:
        advice = "Write for instance `500ms`, `5s` or `1m30s`; a bare number is in milliseconds."
        raise properties.failure(f"`{name}` is not a duration", advice, name) from None


def _number(properties: Properties, text: Text, name: str, default: float) -> float:
    said = text(name).strip()
    try:
        number = float(said) if said else default
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise properties.failure(f"`{name}` is not a number", "Write for instance `1.5`.", name)
    return number


def _retries(properties: Properties, text: Text) -> int:
    name = "backOffMaxRetries"
    said = text(name).strip()
    if said and not RETRIES.match(said):
        raise properties.failure(f"`{name}` must be a whole number", f"{FOREVER} is for ever.", name)
    return max(int(said), FOREVER) if said else FOREVER
