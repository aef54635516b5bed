"""What a sidecar does for its app: wait for it, ask what it subscribes to, deliver while it is well.

Without health checks an app goes one way: awaited, asked, its subscriptions made, the sidecar ready. With
them the sidecar is ready before the app is, and consuming follows its health:

    state      leaves it when                  at once
    awaited    the app listens on its port     probing begins; the sidecar is ready
    unwell     a probe succeeds                the first time: the app is asked; then consuming begins
    well       too many probes fail            consuming ends, what is being handled is waited for: unwell

In each of them files and components may change: `changing` keeps the rest as it is meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from outboard.host.listening import is_listening
from outboard.sidecar.channel.app import AppChannel, AppConnection
from outboard.sidecar.channel.health import AppHealthOptions, probe_forever
from outboard.sidecar.delivery.consumer import DeliveryContext
from outboard.sidecar.delivery.subscriber import Subscriptions, serial_bulk, startable, subscribing
from outboard.sidecar.discovery.endpoints import (
    DiscoveryFailed,
    Programmatic,
    discover_subscriptions,
    load_app_configuration,
)
from outboard.sidecar.subscriptions.active import (
    ActiveSubscription,
    Discovery,
    NotStarted,
    merge,
    topics_by_pubsub,
)
from outboard.tasks import background_tasks

__all__ = ["AppLifecycle"]

INTERVAL: Final = 0.1
NO_PUBSUB: Final = "it was not asked, since no pub/sub component is loaded"


@dataclass(slots=True)
class AppLifecycle:
    """Looks after one app, in two scopes: `probing` may go on after `attend` was cancelled.

    `awaited` tells where the app is to be waited for first; `health` is None where it is not probed.
    `left_out` are the components that the app does not get, by name, with the reason. `discovered` is told
    what the app subscribes to. `ready` is called when the sidecar is. `relaying` is the
    outbox at work, from the time on when the app is first well.
    """

    channel: AppChannel
    shared: DeliveryContext
    declarative: Sequence[ActiveSubscription]
    disabled_endpoints: frozenset[str]
    awaited: AppConnection | None
    health: AppHealthOptions | None
    left_out: Mapping[str, str]
    discovered: Callable[[Discovery], None]
    ready: Callable[[], None]
    relaying: Callable[[], AbstractAsyncContextManager[None]]
    present: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _asked: Programmatic | None = field(default=None, init=False)
    _consumed: Subscriptions | None = field(default=None, init=False)
    _known: Discovery = field(default_factory=Discovery, init=False)
    _changing: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def attend(self) -> None:
        """Deliver events until cancelled; what is being handled then is waited for."""
        if self.awaited is not None:
            await self._listening(self.awaited)
        self.present.set()
        if self.health is None:
            await self._attend_always()
        else:
            await self._attend_while_well()

    @asynccontextmanager
    async def probing(self) -> AsyncIterator[None]:
        """Ask the app whether it is well, while the block runs and as soon as the app is there."""
        if self.health is None:
            yield
            return
        async with background_tasks(self._probe(self.health)):
            yield

    @asynccontextmanager
    async def changing(self, pubsubs: Collection[str]) -> AsyncIterator[None]:
        """While the block runs nothing of `pubsubs` is consumed; first, what is handled is waited for."""
        async with self._changing:
            if self._consumed is not None:
                await self._consumed.end(pubsubs)
            yield

    async def follow(self, declarative: Sequence[ActiveSubscription], left_out: Mapping[str, str]) -> None:
        """Files declare other subscriptions, or there are other components; call it within `changing`.

        An app that was not asked, because there was no pub/sub component, is asked when there is one.
        """
        self.declarative, self.left_out = declarative, left_out
        if self._asked is None:
            return
        if self._asked.unasked == NO_PUBSUB and self.shared.publisher.pubsubs:
            self._asked = None
            await self._ask()
        if self._consumed is not None:
            discovery = self._discovery()
            stay = [each for each in self._known.subscriptions if each in discovery.subscriptions]
            self.discovered(replace(self._known, subscriptions=stay))  # what ends may take its time
            await self._consumed.become(discovery.started)
        self._told()

    @property
    def asked(self) -> bool:
        """Whether it is known what the app subscribes to."""
        return self._asked is not None

    async def unwell(self) -> None:
        """Return when the app is not well; one that is not probed always is."""
        await self.channel.health.becomes(False)

    async def _listening(self, app: AppConnection) -> None:
        """Return once something listens on the app's port; there is no upper bound, as in daprd."""
        clock, log = self.shared.clock, self.shared.log
        told = (
            "application protocol: %s. waiting on port %d.  "
            "This will block until the app is listening on that port."
        )
        log.info(told, app.protocol, app.port)
        while not await is_listening(app.address, app.port):
            await clock.sleep(INTERVAL)
        log.info("application discovered on port %d", app.port)

    async def _attend_always(self) -> None:
        await self._discover()
        async with self._consuming(), self.relaying():
            self.ready()
            await asyncio.Event().wait()

    async def _attend_while_well(self) -> None:
        health = self.channel.health
        self.ready()
        await health.becomes(True)
        await self._discover()  # once: daprd does not ask an app that comes back
        async with self.relaying():
            while True:
                async with self._consuming():
                    await health.becomes(False)
                await health.becomes(True)

    @asynccontextmanager
    async def _consuming(self) -> AsyncIterator[None]:
        """All that can be started is consumed while the block runs."""
        async with subscribing((), self.shared) as consumed:
            async with self._changing:
                self._consumed = consumed
                await consumed.become(self._discovery().started)
            try:
                yield
            finally:
                async with self._changing:
                    self._consumed = None

    async def _discover(self) -> None:
        channel, log = self.channel, self.shared.log
        if "config" in self.disabled_endpoints:
            log.warning("Skipping application configuration loading: disabled by --disable-init-endpoints")
        else:
            await load_app_configuration(channel, log)
        await self._ask()
        self._told()

    async def _ask(self) -> None:
        """Which subscriptions the app itself names; where that cannot be used, none at all is started."""
        try:
            self._asked = await self._programmatic()
        except DiscoveryFailed as failure:
            reason = f"{failure}. No subscription of this app is started"
            self._asked = Programmatic((), [NotStarted("", "", reason)], starts_nothing=True)
        self._tell_subscribed(startable(self._asked.active, self.shared.publisher.pubsubs, {})[0])

    def _told(self) -> Sequence[ActiveSubscription]:
        """What is started; whoever wants to know is told of it, and of what is not."""
        discovery, before, log = self._discovery(), self._known, self.shared.log
        for each in discovery.not_started:
            if each not in before.not_started:
                log.log(logging.WARNING if each.topic else logging.ERROR, "%s", each)
        for serial in discovery.serial_bulk:
            if serial not in before.serial_bulk:
                log.warning("%s", serial)
        self._known = discovery
        self.discovered(discovery)
        return discovery.started

    def _discovery(self) -> Discovery:
        """What is started of what files and the app ask for; nothing where the app's cannot be used."""
        found = self._asked or Programmatic()
        merged = merge(self.declarative, found.active)
        if found.starts_nothing:
            return Discovery(merged, (), found.not_started)
        pubsubs = self.shared.publisher.pubsubs
        started, not_started = startable(merged, pubsubs, self.left_out)
        missing = [*found.not_started, *not_started]
        return Discovery(merged, started, missing, found.unasked, serial_bulk(started, pubsubs))

    def _tell_subscribed(self, started: Sequence[ActiveSubscription]) -> None:
        """Only of what gets its events; of what files ask for is told when they are read."""
        log = self.shared.log.scoped("processor.subscription")
        named = [active for active in started if active.type == "PROGRAMMATIC"]
        for pubsub, topics in topics_by_pubsub(named).items():
            told = "app is subscribed to the following topics: [[%s]] through pubsub=%s"
            log.info(told, " ".join(topics), pubsub)

    async def _programmatic(self) -> Programmatic:
        shared = self.shared
        if "subscribe" in self.disabled_endpoints:
            disabled = "disabled by --disable-init-endpoints"
            shared.log.warning("Skipping programmatic subscription loading: %s", disabled)
            return Programmatic(unasked=f"it was not asked: {disabled}")
        if not shared.publisher.pubsubs:
            return Programmatic(unasked=NO_PUBSUB)
        log = shared.log.scoped("processor.subscription")
        return await discover_subscriptions(self.channel, shared.clock, shared.random, log)

    async def _probe(self, health: AppHealthOptions) -> None:
        await self.present.wait()
        channel, log = self.channel, self.shared.log.scoped("apphealth")
        log.info("App health probes starting")
        await probe_forever(channel.probe, health, channel.health, self.shared.clock, log)
