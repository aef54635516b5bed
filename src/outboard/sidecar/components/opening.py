"""The way from resources to components that are up, and from one set of them to the next."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar, cast

from outboard.errors import ComponentInitFailed
from outboard.resources.component import Component
from outboard.resources.finding import Finding
from outboard.resources.left_out import LeftOut
from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.metadata.properties import Properties, failure
from outboard.sidecar.components.metadata.resolution import resolve
from outboard.sidecar.components.port import ComponentError, PubSub, SecretStore, StateStore
from outboard.sidecar.components.registry import (
    CATEGORY_METADATA,
    AnyComponent,
    chosen_adapter,
    refuse_wrong_types,
    unavailable_here,
)
from outboard.sidecar.components.state.encryption import EncryptedState, encryption_keys

__all__ = ["Components", "Loaded", "Renewal", "close_all", "open_components", "renewal_of", "without"]

logger = logging.getLogger(__name__)

T_co = TypeVar("T_co", covariant=True)

SECRET_STORES: Final = "secretstores"


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
    failed: dict[str, Component] = field(default_factory=dict)
    """Those of them whose `ignoreErrors` is true."""

    def of(self, name: str) -> Loaded[AnyComponent] | None:
        """The one called so."""
        return next((each for each in self.all if each.component.name == name), None)

    def take(self, renewal: Renewal) -> None:
        """From now on what has come is up, and what is gone is not: it is not closed here."""
        for each in renewal.gone:
            self.all.remove(each)
            for those in (self.pubsubs, self.states, self.secrets):
                those.pop(each.component.name, None)
        for each in renewal.come:
            self._put(each)
        self.left_out, self.failed = renewal.left_out, renewal.failed

    def _put(self, loaded: Loaded[AnyComponent]) -> None:
        name = loaded.component.name
        self.all.append(loaded)
        match loaded.component.category:
            case "pubsub":
                self.pubsubs[name] = cast("Loaded[PubSub]", loaded)
            case "state":
                self.states[name] = cast("Loaded[StateStore]", loaded)
            case _:
                self.secrets[name] = cast("Loaded[SecretStore]", loaded)


@dataclass(slots=True)
class Renewal:
    """What is to become of components: those that have `come` are set up, all else is still to be done.

    One that has changed is among both, those that have come and those that are `gone`.
    """

    come: list[Loaded[AnyComponent]] = field(default_factory=list)
    gone: list[Loaded[AnyComponent]] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    failed: dict[str, Component] = field(default_factory=dict)


@asynccontextmanager
async def open_components(
    components: Sequence[Component], context: ComponentContext
) -> AsyncIterator[Components]:
    """Set up `components`, secret stores first, and close at the end what is up then.

    One of a type that only daprd serves is left out, as is one whose secret store is not there: the log warns
    of it. One that fails ends it all, unless its `ignoreErrors` is true: then it is left out, with an error
    in the log. Raises ComponentInitFailed, or ResourcesInvalid where several have a type that is none.
    """
    up = Components()
    up.take(await renewal_of(up, components, context))
    try:
        yield up
    finally:
        await close_all(up.all)


async def renewal_of(
    up: Components,
    wanted: Sequence[Component],
    context: ComponentContext,
    anew: Collection[str] = (),
) -> Renewal:
    """What leads from what is `up` to what `open_components` would make of `wanted`.

    What has changed is set up, beside what is up; so is what is called `anew`, and what gets another secret
    than it has. Raises as `open_components`: then nothing has changed.
    """
    out = unavailable_here(wanted, context.environ)
    _tell(each.finding for each in out if each not in up.left_out)
    needed = without(wanted, out)
    refuse_wrong_types(needed, context.environ)
    making = _Making(up, context, frozenset(anew), Renewal(left_out=out))
    try:
        for component in sorted(needed, key=lambda each: each.category != SECRET_STORES):
            await making.add(component)
    except BaseException:
        await close_all(making.renewal.come)
        raise
    making.renewal.gone = [each for each in up.all if each.component.name not in making.kept]
    return making.renewal


@dataclass(slots=True)
class _Making:
    """Collects a renewal, component by component."""

    up: Components
    context: ComponentContext
    anew: frozenset[str]
    renewal: Renewal
    kept: set[str] = field(default_factory=set)
    stores: dict[str, SecretStore] = field(default_factory=dict)
    new_stores: set[str] = field(default_factory=set)

    async def add(self, component: Component) -> None:
        """Raises ComponentInitFailed."""
        try:
            had = self.up.of(component.name)
            if had is not None and await self._stays(had, component):
                self.kept.add(component.name)
                self._use(component, had)
            elif self._has_failed(component):
                self._leave_out(component, next(e for e in self.up.left_out if e.name == component.name))
            else:
                loaded = await _set_up(component, self.context, self.stores)
                self.renewal.come.append(loaded)
                self._use(component, loaded)
                self.new_stores.add(component.name)
                logger.info("Component loaded: %s", component)
        except ComponentInitFailed as error:
            if not component.ignore_errors:
                raise
            logger.error("Failed to init component %s: %s", component, error)  # noqa: TRY400
            reason = f"it could not be set up: {error.reason}"
            self._leave_out(
                component,
                LeftOut(component.name, component.type, reason, error.advice, error.path, error.line),
            )

    async def _stays(self, had: Loaded[AnyComponent], component: Component) -> bool:
        if component.name in self.anew or not had.component.is_same_as(component):
            return False
        if component.secret_store not in self.new_stores:
            return True
        return (await resolve(component, self.context, self.stores)).values == had.properties.values

    def _has_failed(self, component: Component) -> bool:
        """Whether it has, as it is now: it would again."""
        before = self.up.failed.get(component.name)
        same = before is not None and before.is_same_as(component)
        return same and component.name not in self.anew and component.secret_store not in self.new_stores

    def _leave_out(self, component: Component, left: LeftOut) -> None:
        self.renewal.left_out.append(left)
        self.renewal.failed[component.name] = component

    def _use(self, component: Component, loaded: Loaded[AnyComponent]) -> None:
        if component.category == SECRET_STORES:
            self.stores[component.name] = cast("SecretStore", loaded.instance)


async def close_all(loaded: Iterable[Loaded[AnyComponent]]) -> None:
    """Close each, the last one first, even where one fails. Raises what the last failure raises."""
    async with AsyncExitStack() as stack:
        for each in loaded:
            stack.push_async_callback(each.instance.close)


async def _set_up(
    component: Component, context: ComponentContext, stores: Mapping[str, SecretStore]
) -> Loaded[AnyComponent]:
    adapter = await chosen_adapter(component, context.environ)
    _tell(adapter.METADATA.findings(component, CATEGORY_METADATA[component.category]))
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


def without(components: Iterable[Component], out: Iterable[LeftOut]) -> list[Component]:
    """Those of `components` that are not left out."""
    names = {each.name for each in out}
    return [each for each in components if each.name not in names]


def _tell(findings: Iterable[Finding]) -> None:
    for finding in findings:
        logger.warning("%s", finding)
