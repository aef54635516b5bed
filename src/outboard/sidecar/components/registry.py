"""Which component types this sidecar serves, and what makes a component of each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol, TypeAlias

from outboard.errors import ComponentInitFailed, ResourcesInvalid
from outboard.resources.component import Component
from outboard.resources.left_out import LeftOut
from outboard.resources.node import near
from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.metadata.known import KnownMetadata
from outboard.sidecar.components.metadata.properties import Properties, failure
from outboard.sidecar.components.pluggable.adapter import PluggableAdapter, services_at
from outboard.sidecar.components.pluggable.services import OFFERED, PACKAGE
from outboard.sidecar.components.pluggable.sockets import plugged_types, socket_of, why_missing
from outboard.sidecar.components.port import PubSub, SecretStore, StateStore
from outboard.sidecar.components.unavailable import LIKE_A_SLIP, UNSERVED, unavailable

__all__ = [
    "CATEGORY_METADATA",
    "FACTORIES",
    "Adapter",
    "AnyComponent",
    "adapter_of",
    "chosen_adapter",
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


def unavailable_here(components: Iterable[Component], environ: Mapping[str, str]) -> list[LeftOut]:
    """Those that cannot be there, as far as that is known before they are set up."""
    found = unavailable(components, [*FACTORIES, *plugged_types(environ)])
    return [_with_socket(each, environ) for each in found]


def _with_socket(left: LeftOut, environ: Mapping[str, str]) -> LeftOut:
    """With a word on sockets, where its type is what keeps it out."""
    why = why_missing(left.type, environ) if left.reason == UNSERVED else ""
    return replace(left, reason=f"{left.reason}, {why}") if why else left


def serves(type: str) -> bool:
    """Whether this sidecar itself has components of that type."""
    return type.lower() in FACTORIES


def adapter_of(component: Component, environ: Mapping[str, str]) -> Adapter:
    """What makes components of its type: one of ours, or a socket named so, of which no more is asked.

    Raises ComponentInitFailed where there is no such type.
    """
    find, socket = FACTORIES.get(component.type.lower()), socket_of(component, environ)
    if not component.type.startswith(f"{component.category}."):
        advice = f"Write `{component.type.lower()}`."
        raise failure(component, "of a type only what stands behind the dot may be in any case", advice)
    if find is None and socket is None:
        served = ", ".join(sorted(FACTORIES))
        advice = near(component.type, FACTORIES, LIKE_A_SLIP) or "Correct the type."
        raise failure(component, f"there is no such type; this sidecar serves {served}", advice)
    if component.version.lower() not in INITIAL_VERSIONS:
        reason = f"there is no version {component.version} of this type"
        raise failure(component, reason, "Write `version: v1`.")
    if find is not None:
        return find()
    assert socket is not None
    return PluggableAdapter(socket)


async def chosen_adapter(component: Component, environ: Mapping[str, str]) -> Adapter:
    """As `adapter_of`, where the process behind the socket is asked: as with daprd it counts before ours.

    Raises ComponentInitFailed, too where the process offers something else and there is no such type here.
    """
    socket = socket_of(component, environ)
    if socket is None:
        return adapter_of(component, environ)
    offered = await services_at(component, socket)
    if OFFERED[component.category] in offered:
        return PluggableAdapter(socket)
    if serves(component.type):
        return adapter_of(component, environ)
    raise _offers_else(component, socket, offered)


def _offers_else(component: Component, socket: Path, offered: Iterable[str]) -> ComponentInitFailed:
    told = ", ".join(sorted(each for each in offered if each.startswith(PACKAGE))) or "no component"
    reason = f"the process behind {socket} offers {told}, but not {OFFERED[component.category]}"
    return failure(component, reason, "Correct the type, or what the process serves.")


def refuse_wrong_types(components: Iterable[Component], environ: Mapping[str, str]) -> None:
    """All of them at once, before anything is connected to."""
    errors: list[ComponentInitFailed] = []
    for component in components:
        try:
            adapter_of(component, environ)
        except ComponentInitFailed as error:
            if not component.ignore_errors:
                errors.append(error)
    if errors:
        raise ResourcesInvalid.of(errors)
