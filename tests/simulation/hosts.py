"""Processes that are started again when they have died, and what runs in them: sidecars, services, consumers.

Between them are `Link`s. All that decides anything in them is shipped code: the relay and the staging of the
outbox, the kit's client, its queue of publishes, the sidecar's publishing and delivery, the handler's route,
the inbox.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from outboard.asgi import AsgiExchange
from outboard.hops.journal import Journal
from outboard.resources.resiliency import Policies
from outboard.sidecar.api.http.app import Api, ApiSettings
from outboard.sidecar.api.http.publish import PublishApi
from outboard.sidecar.api.http.router import Route, Router
from outboard.sidecar.api.http.routes import WRITE, Endpoint
from outboard.sidecar.channel.app import NotAnswered
from outboard.sidecar.channel.http import HttpChannel
from outboard.sidecar.delivery.consumer import DeliveryContext
from outboard.sidecar.delivery.drain import Drain
from outboard.sidecar.delivery.subscriber import subscribing
from outboard.sidecar.logs import SidecarLog
from outboard.sidecar.publishing.pubsubs import LoadedPubSub, PubSubPublisher
from outboard.sidecar.publishing.scopes import TopicAccess
from outboard.sidecar.publishing.service import PublishService
from outboard.sidecar.resiliency.guard import Resilience
from outboard.sidecar.subscriptions.active import ActiveSubscription, activate
from outboard.wire import dapr
from outboard.wire.http import Exchange
from simulation.broker import OrderedPubSub, PlainPubSub, SimulatedBroker
from simulation.loop import Process
from simulation.network import Link
from simulation.world import HOUR, SimulatedClock, World

__all__ = ["Host", "Running", "sidecar_of"]

PUBSUB: Final = "pubsub"
LOG: Final = SidecarLog("simulated", "fatal", "simulated")

Running = Callable[["Host"], AbstractAsyncContextManager[Exchange]]
"""What a process does: it is up, and answers at the exchange, while the block runs."""


class Host:
    """One process after another, by the same name. `exchange` is None while none is up."""

    def __init__(self, world: World, name: str, running: Running) -> None:
        self.world = world
        self.name = name
        self.exchange: Exchange | None = None
        self.process = Process(name)
        self.starts = 0
        self.died_at: float | None = None
        self._running = running
        self._main: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()
        self.on_killed: list[Callable[[Process], None]] = []

    def start(self) -> None:
        world = self.world
        offset = world.pick((-HOUR, 0.0, HOUR)) if world.plan.skewed else 0.0
        self.process = Process(self.name, offset)
        world.machines.place(self.process)
        self.starts += 1
        world.loop.add(self.process)
        self.process.on_death.append(self._died)
        self._main = world.loop.begin(self.process, self._live())

    def there(self) -> tuple[Process, Exchange] | None:
        """What listens, if anything does. A process that is stopped takes what is sent to it."""
        return None if self.exchange is None else (self.process, self.exchange)

    async def terminate(self) -> None:
        """As SIGTERM: it ends what it does."""
        main, process = self._main, self.process
        if main is None or not process.alive:
            return
        self.world.tell("is asked to end", process)
        main.cancel()
        gone = asyncio.Event()
        main.add_done_callback(lambda _: gone.set())
        process.on_death.append(gone.set)
        await gone.wait()
        self.world.tell("has ended", process)

    async def _live(self) -> None:
        async with self._running(self) as exchange:
            self.exchange = exchange
            self.world.tell("is up")
            try:
                await asyncio.Event().wait()
            finally:
                self.exchange = None

    def _died(self) -> None:
        self.exchange, self.died_at = None, self.world.now
        self.world.tell("is dead", self.process)
        for told in self.on_killed:
            told(self.process)
        self.world.later(self.world.random.choice((0.1, 1.0, 5.0)), self.start)


def sidecar_of(world: World, app_id: str, broker: SimulatedBroker, app: Callable[[], Host] | None) -> Running:
    """A sidecar that publishes, and delivers to `app` what that subscribes to."""

    @asynccontextmanager
    async def running(host: Host) -> AsyncIterator[Exchange]:
        clock = SimulatedClock(world)
        resilience = Resilience(clock, world.random.random, LOG)
        outbound = resilience.guard(PUBSUB, "output", Policies())
        inbound = resilience.guard(PUBSUB, "input", Policies())
        component = (OrderedPubSub if broker.orders_bulk else PlainPubSub)(broker, app_id)
        journal = Journal(app_id, clock)
        publisher = PubSubPublisher(
            {PUBSUB: LoadedPubSub(PUBSUB, component, TopicAccess(), outbound, inbound)}, app_id, journal
        )
        api = AsgiExchange(_api(app_id, publisher, clock, world))
        if app is None:
            yield api
            return
        link = Link(world, f"{host.name} to its app", lambda: app().there())
        channel = HttpChannel(link, app_id)
        shared = DeliveryContext(
            channel, publisher, journal, clock, world.random.random, _new_id(world), LOG, Drain(),
            drain_seconds=5.0,
        )  # fmt: skip
        async with _subscribed(channel, clock, shared):
            yield api

    return running


@asynccontextmanager
async def _subscribed(
    channel: HttpChannel, clock: SimulatedClock, shared: DeliveryContext
) -> AsyncIterator[None]:
    """The API is up before: as an app waits for its sidecar, and that for the app."""
    delivering = asyncio.ensure_future(_deliver(channel, clock, shared))
    try:
        yield
    finally:
        delivering.cancel()
        await asyncio.wait((delivering,))


async def _deliver(channel: HttpChannel, clock: SimulatedClock, shared: DeliveryContext) -> None:
    async with subscribing(await _discovered(channel, clock), shared):
        await asyncio.Event().wait()


async def _discovered(channel: HttpChannel, clock: SimulatedClock) -> list[ActiveSubscription]:
    while True:
        try:
            found = await channel.discover()
        except NotAnswered:
            await clock.sleep(0.5)
            continue
        if found.subscriptions:
            return [activate(each, "PROGRAMMATIC") for each in found.subscriptions]
        await clock.sleep(0.5)


def _api(app_id: str, publisher: PubSubPublisher, clock: SimulatedClock, world: World) -> Api:
    publish = PublishApi(PublishService(app_id, publisher, clock, _new_id(world)))
    routes = [
        Route(WRITE, f"{dapr.BULK_PUBLISH_PATH}/{{pubsub}}/{{topic*}}", Endpoint(publish.publish_bulk, "")),
        Route(WRITE, f"{dapr.PUBLISH_PATH}/{{pubsub}}/{{topic*}}", Endpoint(publish.publish, "")),
    ]
    return Api(Router(routes), None, ApiSettings(2**22, 2**16), LOG)


def _new_id(world: World) -> Callable[[], str]:
    return lambda: f"made-{world.random.getrandbits(64):016x}"
