"""One sidecar, from its start to its end."""

from __future__ import annotations

import asyncio
import os
import random as system_random
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

from outboard.clock import Clock, SystemClock
from outboard.hops.record import Recorder
from outboard.resources import duration
from outboard.resources.loader import Resources
from outboard.sidecar.api.app import Api
from outboard.sidecar.api.ports import Purpose, listening
from outboard.sidecar.api.runtime import RUNTIME_VERSION
from outboard.sidecar.api.server import serving
from outboard.sidecar.assembly import Assembly, Outside
from outboard.sidecar.channel.exchange import app_url, exchange_with
from outboard.sidecar.components.surroundings import SharedMemory
from outboard.sidecar.logs import speaking
from outboard.sidecar.options import Options
from outboard.sidecar.readiness import Readiness
from outboard.sidecar.subscriptions import ActiveSubscription
from outboard.wire.http import Exchange

__all__ = ["Sidecar"]

HTTP_PORT: Final = Purpose("the Dapr HTTP API", "--dapr-http-port")
FORCE_AFTER: Final = 0.1
FAILED: Final = 1


def _uuid() -> str:
    return str(uuid.uuid4())


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
        memory: SharedMemory | None = None,
        clock: Clock | None = None,
        channel: Exchange | None = None,
        recorder: Recorder | None = None,
        random: Callable[[], float] = system_random.random,
        new_id: Callable[[], str] = _uuid,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self.options = options
        self.http_port = 0
        """The port that is listened on, once `readiness.outbound` is set."""
        self._clock = clock or SystemClock()
        self._channel = channel
        self._stop, self._forced = asyncio.Event(), False
        outside = Outside(self._clock, random, new_id, environment, memory or SharedMemory(), recorder)
        self._parts = Assembly(options, resources, outside, self._asked_to_stop)
        self._log = self._parts.log

    @property
    def api(self) -> Api:
        """The HTTP API, an ASGI application."""
        return self._parts.api

    @property
    def readiness(self) -> Readiness:
        return self._parts.readiness

    async def ready(self) -> None:
        """Return once `/v1.0/healthz` answers 204."""
        await self.readiness.runtime.wait()

    def stop(self, *, force: bool = False) -> None:
        """Ask `serve` to end: once what is in flight is done, or with `force` at once, with exit code 1."""
        self._forced = self._forced or force
        self._stop.set()

    async def serve(self) -> int:
        """Run until `stop`, a shutdown over the API, or cancellation: the exit code.

        Raises PortTaken, ComponentInitFailed, ResourceError, CommandError.
        """
        life = asyncio.create_task(self._live())
        stopped = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait((life, stopped), return_when=asyncio.FIRST_COMPLETED)
            return await self._end(life)
        finally:
            stopped.cancel()
            life.cancel()
            with suppress(asyncio.CancelledError):
                await life

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Sidecar]:
        """Components, discovery and consumers without sockets; when the block begins the sidecar is ready.

        Raises ComponentInitFailed, ResourceError.
        """
        async with self._parts.components_up(), self._app_followed() as following:
            ready = asyncio.create_task(self.ready())
            try:
                await _first(ready, following)
                yield self
            finally:
                ready.cancel()

    # From the outside in: sockets and components, the app, the end

    async def _live(self) -> None:
        options, log = self.options, self._log
        log.info("Starting Dapr Runtime -- version %s (outboard)", RUNTIME_VERSION)
        if options.without_effect:
            names = ", ".join(f"--{name}" for name in options.without_effect)
            log.info("accepted, but without effect in this sidecar: %s", names)
        with listening(options.listen_addresses, options.http_port, HTTP_PORT) as sockets:
            self.http_port = sockets[0].getsockname()[1]
            async with self._parts.components_up(), serving(self.api, sockets, options.graceful_shutdown):
                log.info("HTTP server is running on port %d", self.http_port)
                async with self._app_followed() as following:
                    await self._until_stopped(following)
                await self._block()
        log.info("Daprd shutdown gracefully")

    @asynccontextmanager
    async def _app_followed(self) -> AsyncIterator[asyncio.Task[None]]:
        declarative = self._parts.declared_subscriptions()
        self.readiness.outbound.set()
        async with self._exchange() as exchange:
            with speaking(self._log):
                task = asyncio.create_task(self._follow(exchange, declarative))
            try:
                yield task
            finally:
                await self._unfollow(task)

    async def _follow(self, exchange: Exchange | None, declarative: Sequence[ActiveSubscription]) -> None:
        if exchange is not None:
            follower = self._parts.follower(exchange, declarative, awaited=self._channel is None)
            return await follower.follow(self.options.app_health)
        if self._parts.has_pubsub:
            self._log.warning("no --app-port: events are not delivered to any app")
        self._parts.initialized(self._clock.monotonic())
        await asyncio.Event().wait()
        return None

    async def _unfollow(self, task: asyncio.Task[None]) -> None:
        self.readiness.runtime.clear()
        task.cancel()
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError:
            task.cancel()  # no time is left: what is being handled is cut short
            await asyncio.wait((task,))
            raise
        if not task.cancelled():
            task.result()

    @asynccontextmanager
    async def _exchange(self) -> AsyncIterator[Exchange | None]:
        options = self.options
        if self._channel is not None or not options.app_port:
            yield self._channel
            return
        url = app_url(options.app_protocol, options.app_channel_address, options.app_port)
        async with exchange_with(url, options.max_body_bytes) as exchange:
            yield exchange

    async def _until_stopped(self, following: asyncio.Task[None]) -> None:
        stopped = asyncio.create_task(self._stop.wait())
        try:
            await _first(stopped, following)
        finally:
            stopped.cancel()

    async def _block(self) -> None:
        """Keep the API up for a while after the subscriptions ended, for an app that still publishes."""
        seconds = self.options.block_shutdown
        if seconds > 0 and not self._forced:
            self._log.info("Blocking graceful shutdown for %s...", duration.format(seconds))
            await self._clock.sleep(seconds)
            self._log.info("Block shutdown period expired, entering shutdown...")

    async def _end(self, life: asyncio.Task[None]) -> int:
        """Wait for `life` to end by itself, as long as it may take: the exit code."""
        if self._forced:
            self._log.info("Force shutdown requested, exiting immediately without graceful shutdown")
            await asyncio.wait((life,), timeout=FORCE_AFTER)
            return FAILED
        grace = self.options.graceful_shutdown
        bound = None if grace is None else grace + self.options.block_shutdown
        await asyncio.wait((life,), timeout=bound)
        if not life.done():
            self._log.warning("Graceful shutdown timeout exceeded, forcing shutdown")
            return FAILED
        life.result()
        return 0

    def _asked_to_stop(self, force: bool) -> None:
        self._log.info("Shutdown requested via API")
        self.stop(force=force)


async def _first(awaited: asyncio.Task[object], working: asyncio.Task[None]) -> None:
    """Return when `awaited` is done; where `working` ends before, raise what ended it."""
    await asyncio.wait((awaited, working), return_when=asyncio.FIRST_COMPLETED)
    if working.done():
        working.result()
