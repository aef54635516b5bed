"""What a sidecar does for its app: wait for it, ask what it subscribes to, deliver while it is well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from outboard.sidecar.channel.apphealth import AppHealth, probe_forever
from outboard.sidecar.channel.discovery import DiscoveryFailed, discover_subscriptions, load_app_configuration
from outboard.sidecar.delivery.consumer import Delivering
from outboard.sidecar.delivery.consuming import consuming
from outboard.sidecar.options import AppHealthOptions
from outboard.sidecar.subscriptions import ActiveSubscription, merge

__all__ = ["AppFollower"]


@dataclass(frozen=True, slots=True)
class AppFollower:
    """Follows one app until cancelled.

    `discovered` is told what the app subscribes to. `ready` is called when the sidecar is; without health
    checks that is after the subscriptions are made.
    """

    shared: Delivering
    declarative: Sequence[ActiveSubscription]
    disabled_endpoints: frozenset[str]
    health: AppHealth
    wait_for_app: Callable[[], Awaitable[None]]
    discovered: Callable[[Sequence[ActiveSubscription]], None]
    ready: Callable[[], None]

    async def follow(self, health: AppHealthOptions | None) -> None:
        """Run until cancelled; what is being handled then is waited for."""
        await self.wait_for_app()
        if health is None:
            await self._attend_always()
        else:
            async with self._probing(health):
                await self._attend_while_well()

    async def _attend_always(self) -> None:
        subscriptions = await self._discover()
        async with consuming(subscriptions, self.shared.publisher.pubsubs, self.shared):
            self.ready()
            await asyncio.Event().wait()

    async def _attend_while_well(self) -> None:
        self.ready()
        await self.health.becomes(True)
        subscriptions = await self._discover()  # once: daprd does not ask an app that comes back
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
        self.discovered(subscriptions)
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
    async def _probing(self, health: AppHealthOptions) -> AsyncIterator[None]:
        shared = self.shared
        log = shared.log.scoped("apphealth")
        probing = probe_forever(shared.channel.probe, health, self.health, shared.clock, log)
        task = asyncio.create_task(probing)
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
