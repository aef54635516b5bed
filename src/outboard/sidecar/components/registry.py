"""Which component types this sidecar serves, and what makes a component of each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final, Protocol, TypeAlias

from outboard.errors import ComponentInitFailed, ResourcesInvalid
from outboard.resources.component import Component
from outboard.resources.left_out import LeftOut
from outboard.resources.node import near
from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.metadata.known import KnownMetadata
from outboard.sidecar.components.metadata.properties import Properties, failure
from outboard.sidecar.components.port import PubSub, SecretStore, StateStore
from outboard.sidecar.components.unavailable import LIKE_A_SLIP, unavailable

__all__ = [
    "CATEGORY_METADATA",
    "FACTORIES",
    "Adapter",
    "AnyComponent",
    "adapter_of",
    "refuse_wrong_types",
    "serves",
    "unavailable_here",
]

AnyComponent: TypeAlias = PubSub | StateStore | SecretStore


class Adapter(Protocol):
    """What the module of an adapter offers."""

    METADATA: KnownMetadata

    def check(self, properties: Properties, context: ComponentContext) -> None:
        """Raise ComponentInitFailed for what `create` would refuse before it connects to anything."""

    def create(self, properties: Properties, context: ComponentContext) -> Awaitable[AnyComponent]:
        """Raises ComponentInitFailed, ComponentError."""
        ...


def _pubsub_in_memory() -> Adapter:
    from outboard.sidecar.components.memory import pubsub

    return pubsub


def _pubsub_sqlite() -> Adapter:
    from outboard.sidecar.components.sqlite import pubsub

    return pubsub


def _pubsub_kafka() -> Adapter:
    from outboard.sidecar.components.kafka import pubsub

    return pubsub


def _pubsub_redis() -> Adapter:
    from outboard.sidecar.components.redis import pubsub

    return pubsub


def _secretstores_local_env() -> Adapter:
    from outboard.sidecar.components.secretstores import local_env

    return local_env


def _secretstores_local_file() -> Adapter:
    from outboard.sidecar.components.secretstores import local_file

    return local_file


def _state_in_memory() -> Adapter:
    from outboard.sidecar.components.memory import state

    return state


def _state_redis() -> Adapter:
    from outboard.sidecar.components.redis import state

    return state


def _state_sqlite() -> Adapter:
    from outboard.sidecar.components.sqlite import state

    return state


# What stands for the first version of every type.
INITIAL_VERSIONS: Final = frozenset({"", "v0", "v1"})

# An adapter, and the client library that it needs, is imported when the first component of its type is made.
FACTORIES: Final[Mapping[str, Callable[[], Adapter]]] = {
    "pubsub.in-memory": _pubsub_in_memory,
    "pubsub.sqlite": _pubsub_sqlite,
    "pubsub.kafka": _pubsub_kafka,
    "pubsub.redis": _pubsub_redis,
    "secretstores.local.env": _secretstores_local_env,
    "secretstores.local.file": _secretstores_local_file,
    "state.in-memory": _state_in_memory,
    "state.redis": _state_redis,
    "state.sqlite": _state_sqlite,
}

# What every component of a category takes, beside its own.
CATEGORY_METADATA: Final[Mapping[str, tuple[str, ...]]] = {
    "pubsub": ("consumerID", "publishingScopes", "subscriptionScopes", "allowedTopics", "protectedTopics"),
    "state": (
        "keyPrefix", "actorStateStore", "primaryEncryptionKey", "secondaryEncryptionKey",
        "outboxPublishPubsub", "outboxPublishTopic", "outboxPubsub", "outboxDiscardWhenMissingState",
    ),
    "secretstores": (),
}  # fmt: skip


def unavailable_here(components: Iterable[Component]) -> list[LeftOut]:
    """Those that cannot be there, as far as that is known before they are set up."""
    return unavailable(components, FACTORIES)


def serves(type: str) -> bool:
    """Whether this sidecar has components of that type."""
    return type.lower() in FACTORIES


def adapter_of(component: Component) -> Adapter:
    """What makes components of its type. Raises ComponentInitFailed where there is no such type."""
    find = FACTORIES.get(component.type.lower())
    if not component.type.startswith(f"{component.category}."):
        advice = f"Write `{component.type.lower()}`."
        raise failure(component, "of a type only what stands behind the dot may be in any case", advice)
    if find is None:
        served = ", ".join(sorted(FACTORIES))
        advice = near(component.type, FACTORIES, LIKE_A_SLIP) or "Correct the type."
        raise failure(component, f"there is no such type; this sidecar serves {served}", advice)
    if component.version.lower() not in INITIAL_VERSIONS:
        reason = f"there is no version {component.version} of this type"
        raise failure(component, reason, "Write `version: v1`.")
    return find()


def refuse_wrong_types(components: Iterable[Component]) -> None:
    """All of them at once, before anything is connected to."""
    errors: list[ComponentInitFailed] = []
    for component in components:
        try:
            adapter_of(component)
        except ComponentInitFailed as error:
            if not component.ignore_errors:
                errors.append(error)
    if errors:
        raise ResourcesInvalid.of(errors)
