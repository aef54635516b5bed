"""The sidecars of a run: all in this process, so that they share the in-memory components."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from typing import Final, TypeVar

from outboard.clock import Clock
from outboard.errors import PortTaken, ServiceDied
from outboard.hops.files.recording import recording
from outboard.host.ports import port_taken
from outboard.resources.changes import ResourceChange
from outboard.resources.configuration_reader import read_configuration
from outboard.resources.finding import refuse_errors
from outboard.resources.loader import Resources, read_resources
from outboard.run.availability import AppAvailability, WaitingExchange
from outboard.run.output.events import Report, SubscriptionsChanged
from outboard.run.plan.plan import AppPlan
from outboard.run.sidecars.port import Published, SidecarStatus
from outboard.run.sidecars.sidecar_topology import topology_of
from outboard.run.sidecars.subscription_changes import SubscriptionMonitor
from outboard.sidecar.channel.protocols import exchange_with_app
from outboard.sidecar.components.context import SharedMemory
from outboard.sidecar.components.memory.log import PartitionedBroker
from outboard.sidecar.components.memory.pubsub import Broker
from outboard.sidecar.process.options_reader import parse
from outboard.sidecar.runtime.options import Options
from outboard.sidecar.runtime.reloading import HOT_RELOAD
from outboard.sidecar.runtime.sidecar import Sidecar
from outboard.tasks import background_tasks
from outboard.wire.http import Exchange

__all__ = ["LocalSidecars", "RetainingMemory"]

T = TypeVar("T")

RETAINED: Final = 10_000
"""Events of a topic that an app finds which starts after they were published."""
IN_MEMORY: Final = "pubsub.in-memory"
PATIENCE: Final = 0.5
"""Seconds for events in flight at the end, before those that wait for an absent app are let go."""


class RetainingMemory(SharedMemory):
    """In-memory topics that keep events for an app which a debugger starts later."""

    def of(self, kind: type[T], name: str) -> T:
        held = super().of(kind, name)
        if isinstance(held, Broker):
            held.keep(RETAINED)
        elif isinstance(held, PartitionedBroker):
            held.keep(held.partitions, RETAINED)
        return held


class LocalSidecars:
    """Serves each app's sidecar in this process, with `memory` for what they share."""

    def __init__(self, memory: SharedMemory, clock: Clock) -> None:
        self._memory = memory
        self._clock = clock

    async def __call__(
        self, app: AppPlan, availability: AppAvailability | None, status: SidecarStatus, report: Report
    ) -> None:
        """Serve until cancelled. Raises PortTaken, ComponentInitFailed, ResourceError, CommandError.

        ServiceDied where the sidecar ends by itself, as the shutdown API makes it.
        """
        while True:
            begins_anew, code = await self._serve(app, availability, status, report)
            if not begins_anew:
                raise ServiceDied(f"the sidecar of {app.app_id}", code)

    async def _serve(
        self, app: AppPlan, availability: AppAvailability | None, status: SidecarStatus, report: Report
    ) -> tuple[bool, int]:
        """Whether it ends to begin anew, with what files say then, and its exit code."""
        environment = app.full_environment
        options = replace(
            parse(app.sidecar, environment),
            directory=app.directory,
            api_token_optional=app.api_token_optional,
        )
        configuration = read_configuration(options.config_paths, environment)
        resources = read_resources(options.resources_paths, options.app_id, options.namespace)
        refuse_errors((*configuration.findings, *resources.findings))
        async with _channel(options, availability, report) as channel:
            with recording(environment, options.app_id, "sidecar") as recorder:
                taking = _Taking(status)
                sidecar = Sidecar(
                    options,
                    resources,
                    configuration=configuration,
                    memory=self._memory,
                    clock=self._clock,
                    channel=channel,
                    recorder=recorder,
                    environment=environment,
                    first_published=lambda pubsub, topic: status.published.put_nowait(
                        Published(app.app_id, pubsub, topic, local=_is_local(sidecar, pubsub))
                    ),
                    reloaded=taking.taken.extend,
                )
                with taking.by(sidecar):
                    async with background_tasks(
                        _tell_listening(sidecar, status), _tell_ready(sidecar, status)
                    ):
                        code = await _serve(sidecar, availability)
        return sidecar.begins_anew and not code, code


class _Taking:
    """Lets a sidecar of this process take other resources, and its `status` tell of it."""

    def __init__(self, status: SidecarStatus) -> None:
        self.taken: list[ResourceChange] = []
        self._status = status

    @contextmanager
    def by(self, sidecar: Sidecar) -> Iterator[None]:
        """While the block runs, unless the Configuration of `sidecar` does not want that."""

        async def take(
            resources: Resources, secret_stores: Collection[str]
        ) -> Sequence[ResourceChange] | None:
            self.taken.clear()
            if not await sidecar.reload(resources, secret_stores):
                return None
            if self._status.topology.done():
                self._status.tell(topology_of(sidecar.info))
            return tuple(self.taken)

        self._status.take = take if HOT_RELOAD in sidecar.info.features else None
        try:
            yield
        finally:
            self._status.take = None


async def _serve(sidecar: Sidecar, availability: AppAvailability | None) -> int:
    """Serve; when cancelled stop gracefully, when cancelled again at once. Its exit code."""
    serving = asyncio.ensure_future(sidecar.serve())
    try:
        return await asyncio.shield(serving)
    except PortTaken as error:
        raise port_taken(error.port, error.purpose, error.option) from error  # by whom now
    except asyncio.CancelledError:
        sidecar.stop(at_once=True)  # its app has ended: nobody needs a block period
        await asyncio.wait({serving}, timeout=PATIENCE)
        if availability is not None:
            availability.give_up()
        await asyncio.wait({serving})
        raise
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


@asynccontextmanager
async def _channel(
    options: Options, availability: AppAvailability | None, report: Report
) -> AsyncIterator[Exchange | None]:
    """The way to an app that may restart; None leaves it to the sidecar."""
    if availability is None:
        yield None
        return
    changed = SubscriptionsChanged(options.app_id)
    where = (options.app_protocol, options.app_channel_address, options.app_port)
    async with exchange_with_app(*where, options.max_body_bytes) as exchange:
        channel = SubscriptionMonitor(exchange)
        async with background_tasks(channel.watch(availability, lambda: report(changed))):
            yield WaitingExchange(channel, availability)


async def _tell_listening(sidecar: Sidecar, status: SidecarStatus) -> None:
    await sidecar.readiness.outbound.wait()
    status.listening.set()


async def _tell_ready(sidecar: Sidecar, status: SidecarStatus) -> None:
    """An app that is probed may not have been asked yet when its sidecar is ready."""
    await sidecar.ready()
    discovered = sidecar.readiness.discovered
    if discovered.is_set() or not sidecar.options.app_port:
        status.tell(topology_of(sidecar.info))
        status.ready.set()
        return
    status.ready.set()
    await discovered.wait()
    status.tell(topology_of(sidecar.info))


def _is_local(sidecar: Sidecar, pubsub: str) -> bool:
    """Whether nobody outside this process can take events of the component."""
    return any((each.name, each.type.lower()) == (pubsub, IN_MEMORY) for each in sidecar.info.components)
