"""From the components that are up to what this app may do with each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from outboard.errors import ComponentInitFailed
from outboard.resources.component import Component
from outboard.resources.configuration import Configuration
from outboard.resources.left_out import LeftOut
from outboard.resources.loader import Resources
from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.opening import Components, Loaded, Renewal, close_all, renewal_of
from outboard.sidecar.components.registry import AnyComponent, serves
from outboard.sidecar.logs import SidecarLog
from outboard.sidecar.metadata.service import ComponentInfo
from outboard.sidecar.metrics.meters import Meters
from outboard.sidecar.publishing.pubsubs import LoadedPubSub
from outboard.sidecar.resiliency.guard import Resilience
from outboard.sidecar.runtime.options import Options
from outboard.sidecar.runtime.usable import Guarding, Usable, usable
from outboard.sidecar.secrets.service import LoadedSecretStore
from outboard.sidecar.state.stores import LoadedStateStore

__all__ = ["LoadedComponents", "OpenComponents", "Prepared"]

CALLS_LIMIT: Final = 30.0
"""Seconds that calls under way have until the component that they use, which was replaced, is closed."""

# The order in which daprd lists what a state store can do; what is not in it comes last, by name.
ORDER: Final = ("ETAG", "TRANSACTIONAL", "TTL", "QUERY_API", "DELETE_WITH_PREFIX", "KEYS_LIKE", "ACTOR")


@dataclass(frozen=True, slots=True)
class LoadedComponents:
    """By name, what this app may do with each component that is up; empty until they are."""

    pubsubs: dict[str, LoadedPubSub] = field(default_factory=dict)
    states: dict[str, LoadedStateStore] = field(default_factory=dict)
    secrets: dict[str, LoadedSecretStore] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)
    """Those that the app does not get, with the reason."""
    unavailable: list[LeftOut] = field(default_factory=list)
    """Those of them that are meant for the app, which is told so when it calls them."""

    @asynccontextmanager
    async def opened(
        self,
        options: Options,
        resources: Resources,
        configuration: Configuration,
        context: ComponentContext,
        resilience: Resilience,
        meters: Meters | None = None,
    ) -> AsyncIterator[OpenComponents]:
        """The components are up while the block runs, which may change them.

        Raises ComponentInitFailed, and ResourceError for Resiliency policies that cannot be.
        """
        guarding = Guarding.of(resources.resiliencies, resilience)
        components = OpenComponents(self, options, configuration, context, guarding, meters)
        try:
            components.put(await components.prepared(resources))
            yield components
        finally:
            await components.close()

    def pop(self, name: str) -> Usable | None:
        """The one called so, which is not there from now on."""
        return self.pubsubs.pop(name, None) or self.states.pop(name, None) or self.secrets.pop(name, None)

    def put(self, new: Usable) -> None:
        if isinstance(new, LoadedPubSub):
            self.pubsubs[new.name] = new
        elif isinstance(new, LoadedStateStore):
            self.states[new.name] = new
        else:
            self.secrets[new.name] = new


@dataclass(frozen=True, slots=True)
class Prepared:
    """Other components, of which all that is new is set up already: what is left to do cannot fail.

    `usable` are the new ones; one that is replaced is among what has gone, too.
    """

    renewal: Renewal
    usable: Sequence[Usable]
    left_out: Sequence[LeftOut]

    @property
    def gone(self) -> frozenset[str]:
        """The names of those that end."""
        return frozenset(each.component.name for each in self.renewal.gone)

    @property
    def come(self) -> frozenset[str]:
        """The names of the new ones."""
        return frozenset(each.component.name for each in self.renewal.come)


class OpenComponents:
    """The components of one sidecar that are up, from one set of them to the next."""

    def __init__(
        self,
        loaded: LoadedComponents,
        options: Options,
        configuration: Configuration,
        context: ComponentContext,
        guarding: Guarding,
        meters: Meters | None,
    ) -> None:
        self._loaded = loaded
        self._options = options
        self._configuration = configuration
        self._context = context
        self._guarding = guarding
        self._meters = meters
        self._up = Components()
        self._retiring = set[asyncio.Task[None]]()

    @property
    def infos(self) -> Sequence[ComponentInfo]:
        """What the metadata API tells of each."""
        return _infos(self._up)

    async def prepared(self, resources: Resources, anew: Collection[str] = ()) -> Prepared:
        """What leads to `resources`; those called `anew` are replaced even where they are as they were.

        Raises ComponentInitFailed, ResourcesInvalid: then everything is as it was.
        """
        allowed, denied = _allowed(resources.components, self._configuration, self._guarding.resilience.log)
        renewal = await renewal_of(self._up, allowed, self._context, anew)
        try:
            ready = [usable(each, self._options, self._guarding) for each in renewal.come]
        except ComponentInitFailed:
            await close_all(renewal.come)
            raise
        return Prepared(renewal, ready, (*resources.left_out, *denied))

    async def discard(self, prepared: Prepared) -> None:
        """It was only to be seen whether it can be."""
        await close_all(prepared.renewal.come)

    def put(self, prepared: Prepared) -> None:
        """From now on they are used; those that end are closed once the calls under way have ended."""
        loaded, renewal = self._loaded, prepared.renewal
        for each in renewal.gone:
            used = loaded.pop(each.component.name)
            if used is not None:
                self._retire(each, used)
        for new in prepared.usable:
            loaded.put(new)
        loaded.left_out[:] = (*prepared.left_out, *renewal.left_out)
        loaded.unavailable[:] = renewal.left_out
        if self._meters is not None:
            self._count(renewal, self._meters)
        self._up.take(renewal)

    async def close(self) -> None:
        """Close all of them, the last one first."""
        for task in self._retiring:
            task.cancel()
        await asyncio.gather(*self._retiring, return_exceptions=True)
        await close_all(self._up.all)

    def _count(self, renewal: Renewal, meters: Meters) -> None:
        """What has failed before was not tried again; nor was what waits for a secret store."""
        meters.loaded(each.component.type for each in renewal.come)
        for left in renewal.left_out:
            is_served = serves(left.type)
            if left not in self._up.left_out and (left.name in renewal.failed or not is_served):
                meters.not_loaded(left.type, left.name, is_served=is_served)

    def _retire(self, gone: Loaded[AnyComponent], used: Usable) -> None:
        async def retire() -> None:
            try:
                await used.outbound.under_way.over(self._context.clock, CALLS_LIMIT)
            finally:
                await gone.instance.close()

        task = asyncio.create_task(retire())
        self._retiring.add(task)
        task.add_done_callback(self._retired)

    def _retired(self, task: asyncio.Task[None]) -> None:
        self._retiring.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._guarding.resilience.log.error("a replaced component ended with an error", exc_info=error)


def _allowed(
    components: Iterable[Component], configuration: Configuration, log: SidecarLog
) -> tuple[Sequence[Component], Sequence[LeftOut]]:
    """Those of a type that the Configuration does not deny, and the others, of which the log tells."""
    allowed, denied = [], []
    for each in components:
        if configuration.allows_component(each.type, each.version):
            allowed.append(each)
        else:
            text = "component '%s' cannot be loaded because components of type '%s' are not allowed"
            log.warning(text, each.name, each)
            denied.append(LeftOut(each.name, each.type, "the Configuration does not allow its type"))
    return allowed, denied


def _infos(components: Components) -> list[ComponentInfo]:
    """What the metadata API tells of each."""
    return [
        ComponentInfo(
            loaded.component.name,
            loaded.component.type,
            loaded.component.version,
            _capabilities(loaded.instance.traits.features),
        )
        for loaded in components.all
    ]


def _capabilities(features: frozenset[str]) -> list[str]:
    known = [feature for feature in ORDER if feature in features]
    return known + sorted(features.difference(ORDER))
