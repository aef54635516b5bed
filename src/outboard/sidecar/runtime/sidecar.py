"""One sidecar, from its start to its end."""

from __future__ import annotations

import asyncio
import os
import random as system_random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Final

from outboard.clock import Clock, SystemClock
from outboard.hops.record import Recorder
from outboard.resources.configuration import Configuration
from outboard.resources.loader import Resources
from outboard.sidecar.api.http.app import Api
from outboard.sidecar.components.context import SharedMemory
from outboard.sidecar.discovery.lifecycle import AppFollower
from outboard.sidecar.logs import speaking
from outboard.sidecar.metadata.info import RUNTIME_VERSION
from outboard.sidecar.metadata.readiness import Readiness
from outboard.sidecar.runtime.assembly import Assembly, Outside
from outboard.sidecar.runtime.listening import Listening, listening_for, serving_all
from outboard.sidecar.runtime.options import Options
from outboard.sidecar.runtime.stopping import Stopping, first_of
from outboard.wire import identity
from outboard.wire.http import Exchange

__all__ = ["Sidecar"]

DEFAULT_CONFIGURATION: Final = Configuration()


class Sidecar:
    """A sidecar for one app; it lives once, in `serve` or in `running`.

    `serve` runs it with its listening sockets; `running` runs it without, for tests in one process, where
    `api` is called directly and `channel` is the way to the app. Sidecars that get the same `memory` share
    their in-memory components. Without `recorder` no hop is recorded.
    """

    def __init__(
        self,
        options: Options,
        resources: Resources,
        *,
        configuration: Configuration = DEFAULT_CONFIGURATION,
        memory: SharedMemory | None = None,
        clock: Clock | None = None,
        channel: Exchange | None = None,
        recorder: Recorder | None = None,
        random: Callable[[], float] = system_random.random,
        new_id: Callable[[], str] = identity.new_id,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self.options = options
        self.http_port = 0
        """The port that is listened on, once `readiness.outbound` is set."""
        self.public_port = 0
        """The public port, if there is one, from then on too."""
        self._clock = clock or SystemClock()
        self._channel = channel
        outside = Outside(self._clock, random, new_id, environment, memory or SharedMemory(), recorder)
        self._parts = Assembly(options, resources, configuration, outside, self._asked_to_stop)
        self._log = self._parts.log
        self._stopping = Stopping(options, self._clock, self._log)

    @property
    def api(self) -> Api:
        """The HTTP API, an ASGI application."""
        return self._parts.api

    @property
    def public_api(self) -> Api:
        """Metadata and health alone, as they are served on the public port."""
        return self._parts.apis.public

    @property
    def readiness(self) -> Readiness:
        return self._parts.readiness

    async def ready(self) -> None:
        """Return once `/v1.0/healthz` answers 204."""
        await self.readiness.runtime.wait()

    def stop(self, *, at_once: bool = False, force: bool = False) -> None:
        """Ask `serve` to end: after the block period, unless `at_once`, and once what is in flight is done.

        With `force` nothing is waited for, and the exit code is 1.
        """
        self._stopping.ask(at_once=at_once, force=force)

    async def serve(self) -> int:
        """Run until `stop`, a shutdown over the API, or cancellation: the exit code.

        Raises PortTaken, ComponentInitFailed, ResourceError, CommandError.
        """
        life = asyncio.create_task(self._live())
        try:
            return await self._stopping.end_of(life)
        finally:
            life.cancel()
            with suppress(asyncio.CancelledError):
                await life

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Sidecar]:
        """Components, discovery and consumers without sockets; when the block begins the sidecar is ready.

        Raises ComponentInitFailed, ResourceError.
        """
        async with (
            self._parts.components_up(),
            self._app_watched() as follower,
            self._app_attended(follower) as attending,
        ):
            await first_of(self.readiness.runtime, attending)
            _raise_what_ended(attending)
            yield self

    # From the outside in: sockets and components, the app, the end

    async def _live(self) -> None:
        options, log = self.options, self._log
        log.info("Starting Dapr Runtime -- version %s (outboard)", RUNTIME_VERSION)
        if options.without_effect:
            told = ", ".join(f"{name} ({part})" for name, part in options.without_effect.items())
            log.info("accepted, but without effect, for parts that this sidecar does not serve: %s", told)
        with listening_for(options) as sockets:
            self.http_port, self.public_port = sockets.http_port, sockets.public_port
            async with (
                self._parts.components_up(),
                self._served(sockets) as close_api,
                self._app_watched() as follower,
            ):
                async with self._app_attended(follower) as attending:
                    await first_of(self._stopping.asked, attending)
                    _raise_what_ended(attending)
                    self._stopping.announce(close_api)
                await self._stopping.block(lambda: _unwell(follower))
                close_api()
        log.info("Daprd shutdown gracefully")

    def _served(self, sockets: Listening) -> AbstractAsyncContextManager[Callable[[], None]]:
        return serving_all(sockets, self._parts.apis, self.options.graceful_shutdown, self._log)

    @asynccontextmanager
    async def _app_watched(self) -> AsyncIterator[AppFollower | None]:
        """The app's health is known, from here on to the end of the block. None where there is no app."""
        declarative = self._parts.declared_subscriptions()
        self.readiness.outbound.set()
        async with self._exchange() as exchange:
            if exchange is None:
                yield None
                return
            with speaking(self._log):
                follower = self._parts.follower(exchange, declarative, awaited=self._channel is None)
            async with follower.probing(self.options.app_health):
                yield follower

    @asynccontextmanager
    async def _app_attended(self, follower: AppFollower | None) -> AsyncIterator[asyncio.Task[None]]:
        """The app gets its events; at the end of the block what it is handling is waited for."""
        with speaking(self._log):
            task = asyncio.create_task(self._attend(follower))
        try:
            yield task
        finally:
            self.readiness.runtime.clear()
            await _drained(task)

    async def _attend(self, follower: AppFollower | None) -> None:
        if follower is not None:
            return await follower.attend(self.options.app_health)
        if self._parts.has_pubsub:
            self._log.warning("no --app-port: events are not delivered to any app")
        async with self._parts.relaying():
            self._parts.initialized(self._clock.monotonic())
            await asyncio.Event().wait()
        return None

    @asynccontextmanager
    async def _exchange(self) -> AsyncIterator[Exchange | None]:
        options = self.options
        if self._channel is not None or not options.app_port:
            yield self._channel
            return
        # Half of what a start costs, and a sidecar without an app does not need it.
        from outboard.sidecar.channel.exchange import app_url, exchange_with

        url = app_url(options.app_protocol, options.app_channel_address, options.app_port)
        async with exchange_with(url, options.max_body_bytes) as exchange:
            yield exchange

    def _asked_to_stop(self, force: bool) -> None:
        self._log.info("Shutdown requested via API")
        self.stop(at_once=True, force=force)


def _raise_what_ended(attending: asyncio.Task[None]) -> None:
    if attending.done():
        attending.result()


async def _drained(task: asyncio.Task[None]) -> None:
    """Cancel `task` and wait for it; where there is no time for that, what it waits for is cut short."""
    task.cancel()
    try:
        await asyncio.wait((task,))
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait((task,))
        raise
    if not task.cancelled():
        task.result()


async def _unwell(follower: AppFollower | None) -> None:
    """Return when the app is. One that is not there, or is not asked, never is."""
    if follower is None:
        await asyncio.Event().wait()
    else:
        await follower.health.becomes(False)
