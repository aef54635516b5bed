"""Changed resource files, taken into a sidecar that runs: hot reload.

    what has changed             what happens
    a component                  the new one is set up; its subscriptions end, and what is being handled is
                                 settled with the old one; they begin with the new one; the old one is closed
                                 once no call uses it
    a subscription               it ends, what is being handled is settled, and it begins as it is now
    Resiliency, Configuration    the sidecar begins anew, in this process
    what is invalid, or fails    everything stays as it was, and the log says what is wrong and where

Until the new component has its subscriptions, calls use the old one. Source: daprd 1.18, which ends where a
change is invalid, and has no component while it is replaced.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Final

from outboard.errors import OutboardError, ResourcesInvalid
from outboard.resources.changes import (
    ResourceChange,
    changes_at_start,
    subscription_changes,
)
from outboard.resources.configuration_reader import load_configuration
from outboard.resources.finding import refuse_errors
from outboard.resources.loader import Resources, read_resources
from outboard.sidecar.components.port import HandingOver
from outboard.sidecar.delivery.streaming import StreamingSubscriptions
from outboard.sidecar.discovery.lifecycle import AppLifecycle
from outboard.sidecar.logs import SidecarLog, speaking
from outboard.sidecar.metadata.service import SidecarInfo
from outboard.sidecar.publishing.pubsubs import LoadedPubSub
from outboard.sidecar.runtime.declared import activate_declared, tell_subscriptions_of_others
from outboard.sidecar.runtime.loading import LoadedComponents, OpenComponents, Prepared
from outboard.sidecar.runtime.options import Options
from outboard.sidecar.runtime.stopping import first_of
from outboard.sidecar.runtime.usable import checked_policies
from outboard.sidecar.runtime.watching import FolderWatch
from outboard.sidecar.state.outbox.relay import Relays
from outboard.sidecar.subscriptions.active import ActiveSubscription, merge
from outboard.tasks import background_tasks

__all__ = ["HOT_RELOAD", "HotReload"]

HOT_RELOAD: Final = "HotReload"
"""The feature by which a Configuration turns it off."""
LATE: Final = 2.0
"""Seconds after which files are followed though the app is not there."""


@dataclass(slots=True)
class HotReload:
    """Takes other resources into one sidecar. `app` is None while there is none.

    `begin_anew` is called where a change needs that, `taken` is told of each other one.
    """

    options: Options
    resources: Resources
    loaded: LoadedComponents
    components: OpenComponents
    relays: Relays
    streams: StreamingSubscriptions
    info: SidecarInfo
    log: SidecarLog
    environment: Mapping[str, str]
    begin_anew: Callable[[], None]
    taken: Callable[[Sequence[ResourceChange]], None]
    app: AppLifecycle | None = None
    declared: Sequence[ActiveSubscription] = ()
    """What the files declare."""
    _told: str = field(default="", init=False)
    _taking: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _over: bool = field(default=False, init=False)

    @asynccontextmanager
    async def following(self, watch: FolderWatch | None, started: asyncio.Event) -> AsyncIterator[None]:
        """Other resources are taken while the block runs; what is under way at its end is done to its end.

        So are those of changed files that `watch` tells of, unless the Configuration does not want that. No
        start waits for what that takes: it begins when `started` is set, or is late.
        """
        is_wanted = HOT_RELOAD in self.info.features and self.options.resources_paths
        follows = [self._follow(watch, started)] if watch is not None and is_wanted else []
        try:
            with speaking(self.log):
                async with background_tasks(*follows):
                    yield
        finally:
            self._over = True
            async with self._taking:
                pass

    async def _follow(self, watch: FolderWatch, started: asyncio.Event) -> None:
        await first_of(started, timeout=LATE)
        await self.follow(watch)

    async def follow(self, watch: FolderWatch) -> None:
        """Take each change of the files, until cancelled; what is under way then is done to its end."""
        async with watch.watching():
            while True:
                await watch.changed()
                looking = asyncio.ensure_future(self._look(watch))
                try:
                    await asyncio.shield(looking)
                except asyncio.CancelledError:
                    await looking
                    raise

    async def _look(self, watch: FolderWatch) -> None:
        while True:
            try:
                await self.take(await asyncio.to_thread(self._read))
            except OutboardError as error:
                if await watch.until_settled():
                    continue  # it was being written
                self._refuse(error)
            else:
                self._told = ""
            return

    def _read(self) -> Resources:
        options = self.options
        return read_resources(options.resources_paths, options.app_id, options.namespace)

    def _refuse(self, error: OutboardError) -> None:
        if str(error) == self._told:
            return
        self._told = str(error)
        errors: Sequence[Exception] = error.errors if isinstance(error, ResourcesInvalid) else [error]
        for each in errors:
            self.log.error("not reloaded, what was loaded before stays in force: %s", each)

    async def take(self, resources: Resources, anew: Collection[str] = ()) -> bool:
        """From now on `resources` count; components called `anew` are replaced even as they are.

        False where the sidecar ends. Raises OutboardError where something is wrong with them: then everything
        is as it was. Where the caller is cancelled it is done all the same.
        """
        taking = asyncio.ensure_future(self._take(resources, anew))
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            taking.add_done_callback(self._alone)
            raise

    def _alone(self, taking: asyncio.Future[bool]) -> None:
        """Its caller was cancelled, and hears no more of it."""
        if not taking.cancelled() and isinstance(error := taking.exception(), OutboardError):
            self._refuse(error)

    async def _take(self, resources: Resources, anew: Collection[str]) -> bool:
        with speaking(self.log):
            async with self._taking:
                if self._over:
                    return False
                refuse_errors(resources.findings)
                declared = _in_order(self.declared, activate_declared(resources.subscriptions))
                at_start = changes_at_start(self.resources, resources)
                if at_start:
                    checked_policies(resources.resiliencies)
                    load_configuration(self.options.config_paths, self.environment)
                prepared = await self.components.prepared(resources, anew)
                if at_start:
                    await self.components.discard(prepared)
                    for each in at_start:
                        text = "Received %s %s event: %s - the sidecar begins anew"
                        self.log.info(text, each.kind, each.verb, each.name)
                    self.begin_anew()
                    return True
                self._warn(resources)
                await self._put(prepared, declared)
                self._tell(resources, prepared)
                self.resources, self.declared = resources, declared
                return True

    async def _put(self, prepared: Prepared, declared: Sequence[ActiveSubscription]) -> None:
        app, loaded = self.app, self.loaded
        for name in sorted(prepared.gone & prepared.come):
            self.log.info("Closing existing Component to reload: %s", name)
        with _handing_over(loaded.pubsubs.values()):
            async with (
                nullcontext() if app is None else app.changing(prepared.gone),
                self.streams.changing(prepared.gone),
            ):
                await self.relays.end(prepared.gone | prepared.come)
                self.components.put(prepared)
                self.info.left_out = loaded.left_out
                if app is None or not app.asked:
                    self.info.subscriptions = merge(declared, ())
                if app is not None:
                    await app.follow(declared, {left.name: left.reason for left in loaded.left_out})
                await self.relays.renew()
        self.info.components = self.components.infos

    def _warn(self, resources: Resources) -> None:
        """Of what has not been told yet."""
        before, log = self.resources, self.log
        for finding in resources.findings:
            if finding not in before.findings:
                log.warning("%s", finding)
        for left in resources.left_out:
            if left not in before.left_out:
                log.warning("%s", left.told(self.options.app_id))
        others = [
            each for each in resources.subscriptions_of_others if each not in before.subscriptions_of_others
        ]
        tell_subscriptions_of_others(others, self.options.app_id, log)

    def _tell(self, resources: Resources, prepared: Prepared) -> None:
        """What has changed, and has been done."""
        come, gone = prepared.come, prepared.gone
        changes = [
            *(ResourceChange("Component", name, "DELETED") for name in sorted(gone - come)),
            *(ResourceChange("Component", name, "UPDATED") for name in sorted(gone & come)),
            *(ResourceChange("Component", name, "CREATED") for name in sorted(come - gone)),
            *subscription_changes(self.resources.subscriptions, resources.subscriptions),
        ]
        for each in changes:
            if each.verb == "DELETED":
                self.log.info("%s removed: %s", each.kind, each.name)
            else:
                self.log.info("%s updated: %s", each.kind, each.name)
        if changes:
            self.taken(changes)


def _in_order(
    before: Sequence[ActiveSubscription], after: Sequence[ActiveSubscription]
) -> Sequence[ActiveSubscription]:
    """Those of `after` that count, in daprd's order: first what was there `before`, then what is other."""
    counting = merge(after, ())
    stay = [each for each in before if each in counting]
    return [*stay, *(each for each in counting if each not in stay)]


@contextmanager
def _handing_over(pubsubs: Iterable[LoadedPubSub]) -> Iterator[None]:
    """What waits in memory for consumers that end is kept for those that begin."""
    with ExitStack() as stack:
        for each in pubsubs:
            if isinstance(each.component, HandingOver):
                stack.enter_context(each.component.handing_over())
        yield
