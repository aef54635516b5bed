"""One sidecar, from its start to its end: the one place that puts its parts together.

The parts are made at once and empty; then scopes fill and start them, from the outside in, and end them in
the opposite order. `serve` has all of them, `running` those without sockets:

    scope               what is there from then on                            readiness
    listening_for       ports are taken, whoever connects waits               -
    _components_up      components can be used by the use cases               -
    _served             the API answers                                       -
    _app_watched        what files subscribe to is known, the app is probed   outbound
    _app_attended       the app is asked and gets its events                  runtime, until it ends

To stop, `_app_attended` ends first, so that what the app is handling can still use the API in a block period.
"""

from __future__ import annotations

import asyncio
import os
import random as system_random
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext, suppress
from dataclasses import replace
from functools import partial
from typing import Final

from outboard.clock import Clock, SystemClock
from outboard.hops.journal import Journal
from outboard.hops.record import Recorder
from outboard.resources.changes import ResourceChange
from outboard.resources.configuration import Configuration
from outboard.resources.left_out import none_loaded
from outboard.resources.loader import Resources
from outboard.resources.resiliency import merge as merge_policies
from outboard.sidecar.api.unserved_calls import UnservedCalls
from outboard.sidecar.channel.app import EventChannel
from outboard.sidecar.channel.health import AppHealth
from outboard.sidecar.channel.protocols import AppReached, app_channel, exchange_with_app, measured
from outboard.sidecar.components.context import ComponentContext, SharedMemory
from outboard.sidecar.delivery.consumer import DeliveryContext
from outboard.sidecar.delivery.drain import DRAIN_LIMIT, Drain
from outboard.sidecar.delivery.streaming import StreamingSubscriptions
from outboard.sidecar.discovery.lifecycle import AppLifecycle
from outboard.sidecar.grpc_library import is_grpc_installed
from outboard.sidecar.logs import SidecarLog, speaking
from outboard.sidecar.metadata.service import RUNTIME_VERSION, MetadataService, Readiness, SidecarInfo
from outboard.sidecar.publishing.pubsubs import PubSubPublisher
from outboard.sidecar.publishing.service import PublishService
from outboard.sidecar.resiliency.guard import Resilience
from outboard.sidecar.runtime.apis import Apis, Services, http_apis
from outboard.sidecar.runtime.declared import activate_declared, tell_found, tell_subscriptions_of_others
from outboard.sidecar.runtime.grpc_api import grpc_api
from outboard.sidecar.runtime.invoking import Invoking
from outboard.sidecar.runtime.listening import listening_for, serving_all
from outboard.sidecar.runtime.loading import LoadedComponents, OpenComponents
from outboard.sidecar.runtime.measuring import meters_for
from outboard.sidecar.runtime.options import Options
from outboard.sidecar.runtime.pausing import pause_all
from outboard.sidecar.runtime.reloading import HotReload
from outboard.sidecar.runtime.stopping import Stopping, drained, first_of, never, raise_what_ended
from outboard.sidecar.runtime.unserved import grpc_unserved, unserved_needs, unserved_parts
from outboard.sidecar.runtime.watching import FolderWatch
from outboard.sidecar.secrets.service import SecretService
from outboard.sidecar.state.outbox.relay import Relays, StateOutbox
from outboard.sidecar.state.service import StateService
from outboard.sidecar.subscriptions.active import ActiveSubscription, Discovery, merge
from outboard.wire import identity
from outboard.wire.http import Exchange

__all__ = ["Sidecar"]

DEFAULT_CONFIGURATION: Final = Configuration()


class Sidecar:
    """A sidecar for one app; it lives once, in `serve` or in `running`.

    `serve` runs it with its listening sockets; `running` runs it without, for tests in one process, where
    `api` is called directly and `channel` is the way to the app. Sidecars that get the same `memory` share
    their in-memory components. `first_published` is called with pub/sub and topic of the first event to each.
    Without `recorder` no hop is recorded. `random` gives numbers from 0 to below 1, `new_id` a new UUID. At
    the end what is being handled has `drain_seconds` of real time. Changes that `watch` tells of are taken by
    `serve`; `reloaded` is told of each that was taken.
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
        first_published: Callable[[str, str], None] | None = None,
        drain_seconds: float = DRAIN_LIMIT,
        watch: FolderWatch | None = None,
        reloaded: Callable[[Sequence[ResourceChange]], None] = lambda _: None,
    ) -> None:
        self.options = options
        self.readiness = Readiness()
        self.http_port = 0
        """The port that is listened on, once `readiness.outbound` is set."""
        self.public_port = 0
        """The public port, if there is one, from then on too."""
        app_id, namespace = options.app_id, options.runtime_namespace
        self._resources = resources
        self._configuration = configuration
        self._clock = clock = clock or SystemClock()
        self._channel, self._random, self._new_id = channel, random, new_id
        self._drain_seconds = drain_seconds
        self._watch, self._reloaded = watch, reloaded
        self._reloading: HotReload | None = None
        self.begins_anew = False
        """Whether `serve` ended for that: another one is to be made, of what files say now."""
        self._log = log = SidecarLog(app_id, options.log_level, RUNTIME_VERSION)
        self._stopping = Stopping(options, clock, log)
        self._context = ComponentContext(
            app_id,
            namespace,
            environment.get("POD_NAME", ""),
            environment,
            memory or SharedMemory(),
            clock,
            new_id,
            options.directory,
            random,
        )
        self._loaded = loaded = LoadedComponents()
        self.info = SidecarInfo(app_id, options.app, configuration.features)
        """What is loaded and what the app takes, as far as it is known."""
        self._journal = Journal(app_id, clock, recorder)
        self._publisher = PubSubPublisher(loaded.pubsubs, app_id, self._journal, first_published)
        self._outbox = StateOutbox(
            app_id, namespace, self._publisher, clock, random, new_id, log.scoped("outbox")
        )
        self._meters = meters = meters_for(options, configuration)
        self._invoking = Invoking(options, configuration, clock, log, random, meters)
        self._relays = Relays(self._outbox, loaded.states)
        self._services = services = Services(
            PublishService(app_id, self._publisher, clock, new_id, loaded.unavailable, meters),
            StateService(loaded.states, app_id, self._outbox, loaded.unavailable, meters),
            SecretService(loaded.secrets, configuration.may_read, loaded.unavailable, meters),
            MetadataService(self.info, self.readiness),
            self._invoking.service,
            StreamingSubscriptions(self._delivery, loaded.unavailable),
        )
        self.info.streams = services.streaming.active
        self._slots = asyncio.Semaphore(options.max_concurrency) if options.max_concurrency else None
        self._health = AppHealth(healthy=options.app_health is None)
        self._unserved = UnservedCalls(log)
        self._apis = http_apis(
            options, configuration, services, self._asked_to_stop, self._unserved, log, meters
        )
        self.api = self._apis.main
        """The HTTP API, an ASGI application."""
        self.public_api = self._apis.public
        """Metadata and health alone, as they are served on the public port."""

    async def ready(self) -> None:
        """Return once `/v1.0/healthz` answers 204."""
        await self.readiness.runtime.wait()

    def stop(self, *, at_once: bool = False, force: bool = False) -> None:
        """Ask `serve` to end: after the block period, unless `at_once`, and once what is in flight is done.

        With `force` nothing is waited for, and the exit code is 1.
        """
        self._stopping.ask(at_once=at_once, force=force)

    def begin_anew(self) -> None:
        """Ask `serve` to end at once, so that another sidecar takes its place."""
        self.begins_anew = True
        self.stop(at_once=True)

    async def reload(self, resources: Resources, anew: Collection[str] = ()) -> bool:
        """From now on `resources` count, and components called `anew` are replaced even as they are.

        False where there is no sidecar up that could take them. Raises OutboardError for what is wrong with
        them: then everything is as it was.
        """
        return self._reloading is not None and await self._reloading.take(resources, anew)

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
            self._components_up(),
            self._app_watched() as app,
            self._app_attended(app) as attending,
        ):
            await first_of(self.readiness.runtime, attending)
            raise_what_ended(attending)
            yield self

    async def _live(self) -> None:
        options, log = self.options, self._log
        log.info("Starting Dapr Runtime -- version %s (outboard)", RUNTIME_VERSION)
        has_grpc = is_grpc_installed()
        for line in unserved_parts(options.without_effect):
            log.info("%s", line)
        if not has_grpc:
            log.debug("%s", grpc_unserved(options.grpc_port))
        with listening_for(options, has_grpc=has_grpc, is_found=self._invoking.is_found) as sockets:
            self.http_port, self.public_port = sockets.http_port, sockets.public_port
            async with (
                self._components_up(),
                serving_all(sockets, self._served_apis(), options, log) as close_api,
                self._invoking.announced(sockets.internal_address),
                self._app_watched() as app,
            ):
                async with (
                    self._app_attended(app) as attending,
                    self._reloads(),
                    self._services.streaming.accepted(),
                ):
                    await first_of(self._stopping.asked, attending)
                    raise_what_ended(attending)
                    self._stopping.announce(lambda: self._close(close_api))
                    if self._stopping.blocks:
                        await pause_all(self._loaded.pubsubs.values(), log)
                await self._stopping.block(never if app is None else app.unwell)
                self._close(close_api)
        log.info("Daprd shutdown gracefully")

    def _close(self, close_api: Callable[[], None]) -> None:
        """Clients that ask before they connect again, as Dapr's do, are to wait for the next sidecar."""
        self.readiness.outbound.clear()
        close_api()

    def _served_apis(self) -> Apis:
        """With that over gRPC, which is made when somebody calls it."""
        stop, unserved, log = self._asked_to_stop, self._unserved, self._log
        proxy = self._invoking.proxy
        make = partial(
            grpc_api,
            self.options,
            self._configuration,
            self._services,
            proxy,
            stop,
            unserved,
            log,
            self._meters,
        )
        return replace(self._apis, grpc=make, internal=self._invoking.internal_api)

    @asynccontextmanager
    async def _components_up(self) -> AsyncIterator[None]:
        """Raises ComponentInitFailed, and ResourceError for Resiliency policies that cannot be."""
        resources, configuration, log = self._resources, self._configuration, self._log
        async with AsyncExitStack() as stack:
            stack.callback(self._journal.flush)
            with speaking(log):
                unserved = unserved_needs(resources, self.options.without_effect)
                for finding in (*configuration.findings, *resources.findings, *unserved):
                    log.warning("%s", finding)
                for left in resources.left_out:
                    log.warning("%s", left.told(self.options.app_id))
                if not resources.components:
                    reason = none_loaded(self.options.resources_paths, resources.left_out)
                    log.warning("no component is loaded: %s", reason)
                told = None if self._meters is None else self._meters.policies
                resilience = Resilience(self._clock, self._random, log, meters=told)
                opened = self._loaded.opened(
                    self.options, resources, configuration, self._context, resilience, self._meters
                )
                components = await stack.enter_async_context(opened)
                policies = merge_policies(resources.resiliencies)
                stores = {name: each.component for name, each in self._loaded.secrets.items()}
                endpoints = resources.http_endpoints
                invoking = self._invoking.opened(endpoints, self._context, stores, policies, resilience)
                await stack.enter_async_context(invoking)
            self.info.components = components.infos
            self._reloading = self._reloading_of(components)
            self.info.left_out = self._loaded.left_out
            self.info.http_endpoints = [each.name for each in self._resources.http_endpoints]
            self.info.resiliencies = [each.name for each in resources.resiliencies]
            yield

    @asynccontextmanager
    async def _app_watched(self) -> AsyncIterator[AppLifecycle | None]:
        """Yields None where there is no app. Raises ResourceError for a subscription that cannot be."""
        resources, log = self._resources, self._log
        declared = activate_declared(resources.subscriptions)
        tell_found(resources.subscriptions, log)
        tell_subscriptions_of_others(resources.subscriptions_of_others, self.options.app_id, log)
        self.info.subscriptions = merge(declared, ())
        if self._reloading is not None:
            self._reloading.declared = declared
        self.readiness.outbound.set()
        async with self._exchange() as exchange:
            if exchange is None:
                yield None
                return
            self._invoking.attend(exchange, self._slots, self._health)
            with speaking(self._log):
                app = self._app(exchange, declared)
            if self._reloading is not None:
                self._reloading.app = app
            async with app.probing():
                yield app

    @asynccontextmanager
    async def _app_attended(self, app: AppLifecycle | None) -> AsyncIterator[asyncio.Task[None]]:
        """At the end of the block what the app is handling is waited for."""
        with speaking(self._log):
            task = asyncio.create_task(self._without_app() if app is None else app.attend())
        try:
            yield task
        finally:
            self.readiness.runtime.clear()
            await drained(task)

    async def _without_app(self) -> None:
        if self._loaded.pubsubs:
            self._log.warning("no --app-port: events are not delivered to any app")
        async with self._relays.relaying():
            self._initialized(self._clock.monotonic())
            await never()

    @asynccontextmanager
    async def _exchange(self) -> AsyncIterator[Exchange | None]:
        options = self.options
        if self._channel is not None or not options.app_port:
            yield self._channel
            return
        where = (options.app_protocol, options.app_channel_address, options.app_port)
        async with exchange_with_app(*where, options.max_body_bytes) as exchange:
            yield exchange

    def _app(self, exchange: Exchange, declared: Sequence[ActiveSubscription]) -> AppLifecycle:
        options, started = self.options, self._clock.monotonic()
        told, probing = measured(exchange, options.app_protocol, self._meters)
        reached = AppReached(told, probing, self._slots, self._health)
        channel = app_channel(options.app_protocol, options.app_id, options.app_api_token, reached)
        return AppLifecycle(
            channel,
            self._delivery(channel),
            declared,
            options.disabled_init_endpoints,
            awaited=options.app if self._channel is None else None,
            health=options.app_health,
            left_out={left.name: left.reason for left in self._loaded.left_out},
            discovered=self._discovered,
            ready=lambda: self._initialized(started),
            relaying=self._relays.relaying,
        )

    def _reloads(self) -> AbstractAsyncContextManager[None]:
        if self._reloading is None:
            return nullcontext()
        return self._reloading.following(self._watch, self.readiness.runtime)

    def _reloading_of(self, components: OpenComponents) -> HotReload:
        return HotReload(
            self.options,
            self._resources,
            self._loaded,
            components,
            self._relays,
            self._services.streaming,
            self.info,
            self._log,
            self._context.environ,
            self.begin_anew,
            self._reloaded,
        )

    def _delivery(self, channel: EventChannel) -> DeliveryContext:
        return DeliveryContext(
            channel,
            self._publisher,
            self._journal,
            self._clock,
            self._random,
            self._new_id,
            self._log,
            Drain(),
            self._drain_seconds,
            self.options.graceful_shutdown,
            self._meters,
        )

    def _discovered(self, discovery: Discovery) -> None:
        self.info.subscriptions, self.info.discovery = discovery.subscriptions, discovery
        self.readiness.discovered.set()

    def _initialized(self, started: float) -> None:
        """Everything that was begun at `started` (the clock's monotonic time) is ready."""
        elapsed = round((self._clock.monotonic() - started) * 1000)
        self._log.info("dapr initialized. Status: Running. Init Elapsed %dms", elapsed)
        self.readiness.runtime.set()

    def _asked_to_stop(self, force: bool) -> None:
        self._log.info("Shutdown requested via API")
        self.stop(at_once=True, force=force)
