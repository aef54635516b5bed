"""Which brokers can be looked into from outside, beside those who consume."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol

from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.metadata.properties import Properties
from outboard.sidecar.components.pubsub.standing import BrokerStanding

__all__ = ["INSPECTIONS", "Inspect"]


class Inspect(Protocol):
    """Looks at topics in the group of a component."""

    def __call__(
        self, properties: Properties, context: ComponentContext, topics: Sequence[str]
    ) -> Awaitable[BrokerStanding]:
        """Raises ComponentError, ComponentInitFailed."""
        ...


def _sqlite() -> Inspect:
    from outboard.sidecar.components.sqlite.log.inspection import inspect

    return inspect


def _kafka() -> Inspect:
    from outboard.sidecar.components.kafka.inspection import inspect

    return inspect


def _redis() -> Inspect:
    from outboard.sidecar.components.redis.streams.inspection import inspect

    return inspect


INSPECTIONS: Final[Mapping[str, Callable[[], Inspect]]] = {
    "pubsub.sqlite": _sqlite,
    "pubsub.kafka": _kafka,
    "pubsub.redis": _redis,
}
"""The types that can be looked into, each with its client library, which is imported when it is needed."""
