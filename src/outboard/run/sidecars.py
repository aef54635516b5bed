"""The sidecars of a run: all in this process, so that they share the in-memory components."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final, TypeVar

from outboard.clock import Clock
from outboard.errors import PortTaken, ServiceDied
from outboard.host.ports import MachinePorts
from outboard.resources.configuration_reader import load_configuration
from outboard.resources.loader import load_resources
from outboard.run.events import Report, SubscriptionsChanged
from outboard.run.plan import AppPlan
from outboard.run.presence import PatientExchange, Presence
from outboard.run.rediscovery import Rediscovery
from outboard.run.supervisor import Signs
from outboard.sidecar.app import Sidecar
from outboard.sidecar.channel.exchange import app_url, exchange_with
from outboard.sidecar.components.context import SharedMemory
from outboard.sidecar.components.memory.pubsub import Broker
from outboard.sidecar.options import Options, parse
from outboard.wire.http import Exchange

__all__ = ["LocalSidecars", "RetainingMemory"]

T = TypeVar("T")

RETAINED: Final = 10_000
"""Events of a topic that an app finds which starts after they were published."""
PATIENCE: Final = 0.5
"""Seconds for events in flight at the end, before those that wait for an absent app are let go."""


class RetainingMemory(SharedMemory):
    """In-memory topics that keep events for an app which a debugger starts later."""

    def of(self, kind: type[T], name: str) -> T:
        held = super().of(kind, name)
        if isinstance(held, Broker):
            held.keep(RETAINED)
        return held


class LocalSidecars:
    """Serves each app's sidecar in this process, with `memory` for what they share."""

    def __init__(self, memory: SharedMemory, clock: Clock) -> None:
        self._memory = memory
        self._clock = clock

    async def __call__(self, app: AppPlan, presence: Presence | None, signs: Signs, report: Report) -> None:
        """Serve until cancelled. Raises PortTaken, ComponentInitFailed, ResourceError, CommandError.

        ServiceDied where the sidecar ends by itself, as the shutdown API makes it.
        """
        environment = app.full_environment
        options = parse(app.sidecar, environment)
        configuration = load_configuration(options.config_paths, environment)
        resources = load_resources(options.resources_paths, options.app_id, options.namespace)
        async with _channel(options, presence, report) as channel:
            sidecar = Sidecar(
                options,
                resources,
                configuration=configuration,
                memory=self._memory,
                clock=self._clock,
                channel=channel,
                environment=environment,
            )
            async with _told(sidecar, signs):
                code = await _serve(sidecar, presence)
        raise ServiceDied(f"the sidecar of {app.app_id}", code)


async def _serve(sidecar: Sidecar, presence: Presence | None) -> int:
    """Serve; when cancelled stop gracefully, when cancelled again at once. Its exit code."""
    serving = asyncio.ensure_future(sidecar.serve())
    try:
        return await asyncio.shield(serving)
    except PortTaken as error:
        owner = MachinePorts().owner(error.port) or error.owner
        raise PortTaken(error.port, error.purpose, owner, error.option) from error
    except asyncio.CancelledError:
        sidecar.stop(at_once=True)  # its app has ended: nobody needs a block period
        await asyncio.wait({serving}, timeout=PATIENCE)
        if presence is not None:
            presence.give_up()
        await asyncio.wait({serving})
        raise
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


@asynccontextmanager
async def _channel(
    options: Options, presence: Presence | None, report: Report
) -> AsyncIterator[Exchange | None]:
    """The way to an app that may restart; None leaves it to the sidecar."""
    if presence is None:
        yield None
        return
    url = app_url(options.app_protocol, options.app_channel_address, options.app_port)
    changed = SubscriptionsChanged(options.app_id)
    async with exchange_with(url, options.max_body_bytes) as exchange:
        channel = Rediscovery(exchange)
        watch = asyncio.ensure_future(channel.watch(presence, lambda: report(changed)))
        try:
            yield PatientExchange(channel, presence)
        finally:
            watch.cancel()


@asynccontextmanager
async def _told(sidecar: Sidecar, signs: Signs) -> AsyncIterator[None]:
    """Pass on how far the sidecar's start has come."""

    async def listening() -> None:
        await sidecar.readiness.outbound.wait()
        signs.listening.set()

    async def ready() -> None:
        await sidecar.ready()
        signs.ready.set()

    tasks = [asyncio.ensure_future(listening()), asyncio.ensure_future(ready())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
