"""What a sidecar does for its app: wait for it, ask what it subscribes to, deliver while it is well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field

from outboard.sidecar.channel.health import AppHealth, AppHealthOptions, probe_forever
from outboard.sidecar.delivery.consumer import Delivering
from outboard.sidecar.delivery.subscriber import consuming
from outboard.sidecar.discovery.endpoints import (
    DiscoveryFailed,
    discover_subscriptions,
    load_app_configuration,
)
from outboard.sidecar.subscriptions.active import ActiveSubscription, merge

__all__ = ["AppFollower"]


@dataclass(frozen=True, slots=True)
class AppFollower:
    """Looks after one app, in two scopes: `probing` may go on after `attend` was cancelled.

    `discovered` is told what the app subscribes to. `ready` is called when the sidecar is; without health
    checks that is after the subscriptions are made. `relaying` is the outbox at work, from the time on when
    the app is first well.
    """

    shared: Delivering
    declarative: Sequence[ActiveSubscription]
    disabled_endpoints: frozenset[str]
    health: AppHealth
    wait_for_app: Callable[[], Awaitable[None]]
    discovered: Callable[[Sequence[ActiveSubscription]], None]
    ready: Callable[[], None]
    relaying: Callable[[], AbstractAsyncContextManager[None]]
    present: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    async def attend(self, health: AppHealthOptions | None) -> None:
        """Deliver events until cancelled; what is being handled then is waited for.

        With health checks that is while the app is well, which `probing` finds out.
        """
        await self.wait_for_app()
        self.present.set()
        if health is None:
            await self._attend_always()
        else:
            await self._attend_while_well()

    async def _attend_always(self) -> None:
        subscriptions = await self._discover()
        async with consuming(subscriptions, self.shared.publisher.pubsubs, self.shared), self.relaying():
            self.ready()
            await asyncio.Event().wait()

    async def _attend_while_well(self) -> None:
        self.ready()
        await self.health.becomes(True)
        subscriptions = await self._discover()  # once: daprd does not ask an app that comes back
        async with self.relaying():
            while True:
                async with consuming(subscriptions, self.shared.publisher.pubsubs, self.shared):
                    await self.health.becomes(False)
                await self.health.becomes(True)

    async def _discover(self) -> Sequence[ActiveSubscription]:
        channel, log = self.shared.channel, self.shared.log
        if "config" in self.disabled_endpoints:
            log.warning("Skipping application configuration loading: disabled by --disable-init-endpoints")
        else:
            await load_app_configuration(channel, log)
        subscriptions, failure = await self._merged()
        if failure:
            log.error("%s. No subscription of this app is started", failure)
        self.discovered(subscriptions if not failure else merge(self.declarative, ()))
        return subscriptions

    async def _merged(self) -> tuple[Sequence[ActiveSubscription], str]:
        """The subscriptions to start, and why there are none where the app's cannot be used."""
        try:
            return merge(self.declarative, await self._programmatic()), ""
        except DiscoveryFailed as failure:
            return (), str(failure)

    async def _programmatic(self) -> list[ActiveSubscription]:
        if "subscribe" in self.disabled_endpoints:
            self.shared.log.warning(
                "Skipping programmatic subscription loading: disabled by --disable-init-endpoints"
            )
            return []
        if not self.shared.publisher.pubsubs:
            return []
        shared = self.shared
        log = shared.log.scoped("processor.subscription")
        return await discover_subscriptions(shared.channel, shared.clock, shared.random, log)

    @asynccontextmanager
    async def probing(self, health: AppHealthOptions | None) -> AsyncIterator[None]:
        """Ask the app whether it is well, while the block runs and as soon as the app is there."""
        if health is None:
            yield
            return
        task = asyncio.create_task(self._probe(health))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _probe(self, health: AppHealthOptions) -> None:
        await self.present.wait()
        shared = self.shared
        log = shared.log.scoped("apphealth")
        log.info("App health probes starting")
        await probe_forever(shared.channel.probe, health, self.health, shared.clock, log)
