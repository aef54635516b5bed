"""The parts of one sidecar, put together: the only place that knows them all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from outboard.clock import Clock
from outboard.hops.record import Recorder
from outboard.resources import resiliency
from outboard.resources.loader import Resources
from outboard.sidecar import loading
from outboard.sidecar.api.app import Api, routes
from outboard.sidecar.api.publish import PublishApi
from outboard.sidecar.api.runtime import RUNTIME_VERSION, RuntimeApi, RuntimeInfo
from outboard.sidecar.api.secrets import SecretApi
from outboard.sidecar.api.state import StateApi
from outboard.sidecar.channel.app_channel import AppChannel
from outboard.sidecar.channel.apphealth import AppHealth
from outboard.sidecar.channel.appport import wait_for_app
from outboard.sidecar.channel.following import AppFollower
from outboard.sidecar.components.registry import open_components
from outboard.sidecar.components.surroundings import SharedMemory, Surroundings
from outboard.sidecar.delivery.consumer import Delivering, Drain
from outboard.sidecar.logs import SidecarLog, speaking
from outboard.sidecar.options import Options
from outboard.sidecar.publishing.publisher import Journal, LoadedPubSub, Publisher
from outboard.sidecar.readiness import Readiness
from outboard.sidecar.stores import LoadedSecretStore, LoadedStateStore
from outboard.sidecar.subscriptions import ActiveSubscription, merge
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
        self, options: Options, resources: Resources, outside: Outside, stop: Callable[[bool], None]
    ) -> None:
        self.options = options
        self.log = SidecarLog(options.app_id, options.log_level, RUNTIME_VERSION)
        self.readiness = Readiness()
        self._resources = resources
        self._outside = outside
        self._health = AppHealth(healthy=options.app_health is None)
        self._pubsubs: dict[str, LoadedPubSub] = {}
        self._states: dict[str, LoadedStateStore] = {}
        self._secrets: dict[str, LoadedSecretStore] = {}
        self._info = RuntimeInfo(options)
        self._journal = Journal(options.app_id, outside.clock, outside.recorder)
        self._publisher = Publisher(
            self._pubsubs, options.app_id, outside.clock, self._journal, outside.random
        )
        self.api = self._make_api(stop)

    @property
    def has_pubsub(self) -> bool:
        return bool(self._pubsubs)

    @asynccontextmanager
    async def components_up(self) -> AsyncIterator[None]:
        """The components, from here on to the end of the block. Raises ComponentInitFailed."""
        async with AsyncExitStack() as stack:
            with speaking(self.log):
                for warning in self._resources.warnings:
                    self.log.warning("%s", warning)
                opened = open_components(self._resources.components, self._surroundings())
                up = await stack.enter_async_context(opened)
            policies = resiliency.merge(self._resources.resiliencies)
            for name, pubsub in up.pubsubs.items():
                self._pubsubs[name] = loading.load_pubsub(pubsub, self.options, policies)
            for name, state in up.states.items():
                self._states[name] = loading.load_state_store(state, self.options, policies)
            self._secrets.update({name: loading.load_secret_store(each) for name, each in up.secrets.items()})
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
        )

    def initialized(self, started: float) -> None:
        """Everything that was begun at `started` (the clock's monotonic time) is ready."""
        elapsed = round((self._outside.clock.monotonic() - started) * 1000)
        self.log.info("dapr initialized. Status: Running. Init Elapsed %dms", elapsed)
        self.readiness.runtime.set()

    async def _wait_for_app(self) -> None:
        await wait_for_app(self.options, self._outside.clock, self.log)

    def _discovered(self, subscriptions: Sequence[ActiveSubscription]) -> None:
        self._info.subscriptions = subscriptions

    def _surroundings(self) -> Surroundings:
        outside = self._outside
        return Surroundings(
            self.options.app_id,
            self.options.runtime_namespace,
            outside.environment.get("POD_NAME", ""),
            outside.environment,
            outside.memory,
            outside.clock,
            outside.new_id,
        )

    def _make_api(self, stop: Callable[[bool], None]) -> Api:
        options, outside = self.options, self._outside
        router = routes(
            PublishApi(options.app_id, self._publisher, outside.clock, outside.new_id),
            StateApi(self._states, options.app_id, outside.clock, outside.random),
            SecretApi(self._secrets),
            RuntimeApi(self._info, self.readiness, stop),
        )
        return Api(
            router,
            self.log,
            token=options.api_token,
            max_body_bytes=options.max_body_bytes,
            log_calls=options.api_logging,
        )


async def _already_there() -> None:
    """Nothing to wait for."""
