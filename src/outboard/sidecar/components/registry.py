"""Which component types this sidecar serves, and the way from a resource to a running component."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Generic, Protocol, TypeAlias, TypeVar, cast

from outboard.errors import ComponentInitFailed, OutboardError, ResourcesInvalid
from outboard.resources.component import Component
from outboard.resources.finding import Finding
from outboard.resources.left_out import LeftOut
from outboard.resources.node import near
from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.metadata.known import KnownMetadata
from outboard.sidecar.components.metadata.properties import Properties, failure
from outboard.sidecar.components.metadata.resolution import resolve
from outboard.sidecar.components.port import ComponentError, PubSub, SecretStore, StateStore
from outboard.sidecar.components.state.encryption import EncryptedState, encryption_keys
from outboard.sidecar.components.unavailable import LIKE_A_SLIP, unavailable

__all__ = ["FACTORIES", "Components", "Loaded", "check_components", "open_components"]

logger = logging.getLogger(__name__)

AnyComponent: TypeAlias = PubSub | StateStore | SecretStore
T_co = TypeVar("T_co", covariant=True)


class Adapter(Protocol):
    """What the module of an adapter offers."""

    METADATA: KnownMetadata

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


@dataclass(frozen=True, slots=True)
class Loaded(Generic[T_co]):
    """A component that is up, with its resolved metadata."""

    component: Component
    properties: Properties
    instance: T_co


@dataclass(slots=True)
class Components:
    """The components of one sidecar that are up, by name."""

    pubsubs: dict[str, Loaded[PubSub]] = field(default_factory=dict)
    states: dict[str, Loaded[StateStore]] = field(default_factory=dict)
    secrets: dict[str, Loaded[SecretStore]] = field(default_factory=dict)
    all: list[Loaded[AnyComponent]] = field(default_factory=list)
    """Of every category, in the order in which they were set up."""
    left_out: list[LeftOut] = field(default_factory=list)
    """Those that are not up: only daprd could, a secret store is missing, or `ignoreErrors` is true."""


@asynccontextmanager
async def open_components(
    components: Sequence[Component], context: ComponentContext
) -> AsyncIterator[Components]:
    """Set up `components`, secret stores first, and close them at the end.

    One of a type that only daprd serves is left out, as is one whose secret store is not there: the log warns
    of it. One that fails ends it all, unless its `ignoreErrors` is true: then it is left out, with an error
    in the log. Raises ComponentInitFailed, or ResourcesInvalid where several have a type that is none.
    """
    up = Components(left_out=unavailable(components, FACTORIES))
    _tell(each.finding for each in up.left_out)
    wanted = _without(components, up.left_out)
    _refuse_wrong_types(wanted)
    async with AsyncExitStack() as stack:
        for component in sorted(wanted, key=lambda each: each.category != "secretstores"):
            try:
                loaded = await _set_up(component, context, up)
            except ComponentInitFailed as error:
                if not component.ignore_errors:
                    raise
                logger.error("Failed to init component %s: %s", component, error)  # noqa: TRY400
                reason = f"it could not be set up: {error.reason}"
                up.left_out.append(
                    LeftOut(component.name, component.type, reason, error.advice, error.path, error.line)
                )
                continue
            stack.push_async_callback(loaded.instance.close)
            _put(up, loaded)
            logger.info("Component loaded: %s", component)
        yield up


async def check_components(components: Sequence[Component], context: ComponentContext) -> list[Finding]:
    """What `open_components` would say of them without connecting to anything but local secret stores."""
    needed = [each for each in components if not each.ignore_errors or each.category == "secretstores"]
    out = unavailable(needed, FACTORIES)
    found = [each.finding for each in out]
    wanted = _without(needed, out)
    stores = [each for each in wanted if each.category == "secretstores"]
    try:
        _refuse_wrong_types(wanted)
        async with open_components(stores, context) as up:
            for each in wanted:
                found += await _check(each, context, up)
    except ResourcesInvalid as several:
        found += [_finding(error) for error in several.errors]
    except ComponentInitFailed as error:
        found.append(_finding(error))
    return found


async def _check(component: Component, context: ComponentContext, up: Components) -> list[Finding]:
    if component.ignore_errors:
        return []
    told = _adapter(component).METADATA.findings(component, CATEGORY_METADATA[component.category])
    stores = {name: loaded.instance for name, loaded in up.secrets.items()}
    try:
        return [*told, *(await resolve(component, context, stores)).findings]
    except ComponentInitFailed as error:
        return [*told, _finding(error)]


def _finding(error: OutboardError) -> Finding:
    if isinstance(error, ComponentInitFailed):
        problem = f"component '{error.name}' ({error.type}) cannot be set up: {error.reason}"
        return Finding(error.path, error.line, problem, error.advice, "error")
    return Finding("", 0, str(error), severity="error")


async def _set_up(component: Component, context: ComponentContext, up: Components) -> Loaded[AnyComponent]:
    adapter = _adapter(component)
    _tell(adapter.METADATA.findings(component, CATEGORY_METADATA[component.category]))
    stores = {name: loaded.instance for name, loaded in up.secrets.items()}
    properties = await resolve(component, context, stores)
    try:
        keys = encryption_keys(properties) if component.category == "state" else []
        async with asyncio.timeout(component.init_timeout):
            instance = await adapter.create(properties, context)
    except ComponentError as error:
        raise failure(component, str(error), "Correct the component, then start again.") from error
    except TimeoutError as error:
        reason = f"it was not ready within {component.init_timeout:g} s"
        raise failure(component, reason, "Raise `initTimeout`, or see what it waits for.") from error
    finally:
        _tell(properties.findings)
    if keys:
        instance = EncryptedState(cast("StateStore", instance), keys)
    return Loaded(component, properties, instance)


def _without(components: Iterable[Component], out: Iterable[LeftOut]) -> list[Component]:
    names = {each.name for each in out}
    return [each for each in components if each.name not in names]


def _refuse_wrong_types(components: Iterable[Component]) -> None:
    """All of them at once, before anything is connected to."""
    errors: list[ComponentInitFailed] = []
    for component in components:
        try:
            _adapter(component)
        except ComponentInitFailed as error:
            if not component.ignore_errors:
                errors.append(error)
    if errors:
        raise ResourcesInvalid.of(errors)


def _tell(findings: Iterable[Finding]) -> None:
    for finding in findings:
        logger.warning("%s", finding)


def _put(up: Components, loaded: Loaded[AnyComponent]) -> None:
    name = loaded.component.name
    up.all.append(loaded)
    match loaded.component.category:
        case "pubsub":
            up.pubsubs[name] = cast("Loaded[PubSub]", loaded)
        case "state":
            up.states[name] = cast("Loaded[StateStore]", loaded)
        case _:
            up.secrets[name] = cast("Loaded[SecretStore]", loaded)


def _adapter(component: Component) -> Adapter:
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
