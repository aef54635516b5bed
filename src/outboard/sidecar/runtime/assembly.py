"""The parts of one sidecar, put together: the only place that knows them all."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from outboard.clock import Clock
from outboard.hops.journal import Journal
from outboard.hops.record import Recorder
from outboard.resources.configuration import Configuration
from outboard.resources.loader import Resources
from outboard.sidecar.api.http.access import is_allowed
from outboard.sidecar.api.http.app import Api, ApiSettings
from outboard.sidecar.api.http.cors import Cors
from outboard.sidecar.api.http.invoke import INVOKE_PATH, InvokeApi
from outboard.sidecar.api.http.metadata import RuntimeApi
from outboard.sidecar.api.http.metrics import ErrorCodes, Metrics
from outboard.sidecar.api.http.publish import PublishApi
from outboard.sidecar.api.http.router import Router
from outboard.sidecar.api.http.routes import Endpoint, allowed_routes, public_routes, served_routes
from outboard.sidecar.api.http.secrets import SecretApi
from outboard.sidecar.api.http.state import StateApi
from outboard.sidecar.api.http.unserved import unserved_routes
from outboard.sidecar.channel.health import AppHealth
from outboard.sidecar.channel.http import AppChannel
from outboard.sidecar.channel.presence import wait_for_app
from outboard.sidecar.components.context import ComponentContext, SharedMemory
from outboard.sidecar.components.registry import open_components
from outboard.sidecar.delivery.consumer import Delivering, Drain
from outboard.sidecar.discovery.lifecycle import AppFollower
from outboard.sidecar.logs import SidecarLog, speaking
from outboard.sidecar.metadata.info import RUNTIME_VERSION, RuntimeInfo
from outboard.sidecar.metadata.readiness import Readiness
from outboard.sidecar.publishing.pubsubs import LoadedPubSub, Publisher
from outboard.sidecar.resiliency.guard import Resilience
from outboard.sidecar.runtime import loading
from outboard.sidecar.runtime.listening import Apis
from outboard.sidecar.runtime.options import Options
from outboard.sidecar.runtime.unserved import unserved_needs
from outboard.sidecar.secrets.stores import LoadedSecretStore
from outboard.sidecar.state.outbox.relaying import Outbox
from outboard.sidecar.state.stores import LoadedStateStore
from outboard.sidecar.subscriptions.active import ActiveSubscription, merge
from outboard.wire.http import Exchange

__all__ = ["Assembly", "Outside"]


@dataclass(frozen=True, slots=True)
class Outside:
    """What a sidecar takes from the world. `random` gives numbers from 0 to below 1, `new_id` a new UUID."""

    clock: Clock
    random: Callable[[], float]
    new_id: Callable[[], str]
    environment: Mapping[str, str]
    memory: SharedMemory
    recorder: Recorder | None = None


class Assembly:
    """Wires the parts. `stop(force)` is called when the API is asked to end the sidecar."""

    def __init__(
        self,
        options: Options,
        resources: Resources,
        configuration: Configuration,
        outside: Outside,
        stop: Callable[[bool], None],
    ) -> None:
        self.options = options
        self.log = SidecarLog(options.app_id, options.log_level, RUNTIME_VERSION)
        self.readiness = Readiness()
        self._resources = resources
        self._configuration = configuration
        self._outside = outside
        self._health = AppHealth(healthy=options.app_health is None)
        self._pubsubs: dict[str, LoadedPubSub] = {}
        self._states: dict[str, LoadedStateStore] = {}
        self._secrets: dict[str, LoadedSecretStore] = {}
        self._info = RuntimeInfo(options.app_id, options.app, configuration.features)
        self._journal = Journal(options.app_id, outside.clock, outside.recorder)
        self._publisher = Publisher(self._pubsubs, options.app_id, self._journal)
        self._outbox = Outbox(
            options.app_id,
            options.runtime_namespace,
            self._publisher,
            outside.clock,
            outside.random,
            outside.new_id,
            self.log.scoped("outbox"),
        )
        runtime = RuntimeApi(self._info, self.readiness, stop)
        self._errors = ErrorCodes() if configuration.metrics.record_error_codes else None
        self.api = self._make_api(runtime)
        self.apis = Apis(self.api, self._make_public_api(runtime), self._make_metrics_api())

    @property
    def has_pubsub(self) -> bool:
        return bool(self._pubsubs)

    @asynccontextmanager
    async def components_up(self) -> AsyncIterator[None]:
        """The components, from here on to the end of the block.

        Raises ComponentInitFailed, and ResourceError for Resiliency policies that cannot be.
        """
        async with AsyncExitStack() as stack:
            with speaking(self.log):
                needs = unserved_needs(self._resources, self.options.without_effect)
                for finding in (*self._configuration.findings, *self._resources.findings, *needs):
                    self.log.warning("%s", finding)
                guarding = self._guarding()
                allowed = loading.allowed_components(
                    self._resources.components, self._configuration, self.log
                )
                opened = open_components(allowed, self._component_context())
                up = await stack.enter_async_context(opened)
            for name, pubsub in up.pubsubs.items():
                self._pubsubs[name] = loading.load_pubsub(pubsub, self.options, guarding)
            for name, state in up.states.items():
                self._states[name] = loading.load_state_store(state, self.options, guarding)
            for name, secret in up.secrets.items():
                self._secrets[name] = loading.load_secret_store(secret, guarding)
            self._info.resiliencies = [each.name for each in self._resources.resiliencies]
            self._info.components = loading.component_infos(up)
            yield

    def declared_subscriptions(self) -> list[ActiveSubscription]:
        """The subscriptions in files, which the metadata API tells of from now on. Raises ResourceError."""
        declarative = loading.activate_declared(self._resources.subscriptions)
        for declared in self._resources.subscriptions:
            self.log.info("Found Subscription: %s", declared.name)
        self._info.subscriptions = merge(declarative, ())
        return declarative

    def follower(
        self, exchange: Exchange, declarative: Sequence[ActiveSubscription], *, awaited: bool
    ) -> AppFollower:
        """What looks after the app behind `exchange`; `awaited` if its port is to be waited for first."""
        options, outside = self.options, self._outside
        channel = AppChannel(
            exchange,
            options.app_id,
            token=options.app_api_token,
            max_concurrency=options.max_concurrency,
            healthy=lambda: self._health.healthy,
        )
        started = outside.clock.monotonic()
        return AppFollower(
            Delivering(
                channel,
                self._publisher,
                self._journal,
                outside.clock,
                outside.random,
                outside.new_id,
                self.log,
                Drain(),
            ),
            declarative,
            options.disabled_init_endpoints,
            self._health,
            wait_for_app=self._wait_for_app if awaited else _already_there,
            discovered=self._discovered,
            ready=lambda: self.initialized(started),
            relaying=self.relaying,
        )

    def relaying(self) -> AbstractAsyncContextManager[None]:
        """The outboxes of the state stores at work, while the block runs."""
        return self._outbox.relaying(self._states.values())

    def initialized(self, started: float) -> None:
        """Everything that was begun at `started` (the clock's monotonic time) is ready."""
        elapsed = round((self._outside.clock.monotonic() - started) * 1000)
        self.log.info("dapr initialized. Status: Running. Init Elapsed %dms", elapsed)
        self.readiness.runtime.set()

    async def _wait_for_app(self) -> None:
        await wait_for_app(self.options.app, self._outside.clock, self.log)

    def _discovered(self, subscriptions: Sequence[ActiveSubscription]) -> None:
        self._info.subscriptions = subscriptions

    def _guarding(self) -> loading.Guarding:
        resilience = Resilience(self._outside.clock, self._outside.random, self.log)
        return loading.Guarding.of(self._resources.resiliencies, resilience)

    def _component_context(self) -> ComponentContext:
        outside = self._outside
        return ComponentContext(
            self.options.app_id,
            self.options.runtime_namespace,
            outside.environment.get("POD_NAME", ""),
            outside.environment,
            outside.memory,
            outside.clock,
            outside.new_id,
            self.options.directory,
        )

    def _make_api(self, runtime: RuntimeApi) -> Api:
        options, outside, configuration = self.options, self._outside, self._configuration
        served = served_routes(
            PublishApi(options.app_id, self._publisher, outside.clock, outside.new_id),
            StateApi(self._states, options.app_id, self._outbox),
            SecretApi(self._secrets, configuration.may_read),
            runtime,
        )
        invoke = InvokeApi(options.app_id, has_app=bool(options.app_port))
        fallback = Endpoint(invoke.invoke, "InvokeService")
        return Api(
            allowed_routes(
                [*served, *unserved_routes(options.app_id, options.runtime_namespace)], configuration.api
            ),
            fallback if is_allowed(INVOKE_PATH, configuration.api) else None,
            self._api_settings(),
            self.log,
            self._errors,
        )

    def _make_public_api(self, runtime: RuntimeApi) -> Api:
        settings = ApiSettings(sys.maxsize, self.options.max_head_bytes)
        return Api(allowed_routes(public_routes(runtime), self._configuration.api), None, settings, self.log)

    def _make_metrics_api(self) -> Api | None:
        if not self._configuration.metrics.enabled:
            return None
        shown = Endpoint(Metrics(self.options.app_id, self._errors).show, "Metrics", open=True)
        return Api(Router([]), shown, ApiSettings(0, self.options.max_head_bytes), self.log)

    def _api_settings(self) -> ApiSettings:
        options, logging = self.options, self._configuration.api_logging
        enabled = logging.enabled if options.api_logging is None else options.api_logging
        return ApiSettings(
            options.max_body_bytes,
            options.max_head_bytes,
            options.api_token,
            Cors(options.allowed_origins) if options.allowed_origins else None,
            replace(logging, enabled=enabled),
        )


async def _already_there() -> None:
    """Nothing to wait for."""
