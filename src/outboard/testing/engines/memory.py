"""The engine of the test process itself: sidecars that share their memory and a clock."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from outboard.asgi import AsgiExchange
from outboard.clock import Clock
from outboard.hops.record import Recorder
from outboard.kit.client.settings import Settings
from outboard.resources.loader import load_resources
from outboard.sidecar.components.context import SharedMemory
from outboard.sidecar.process.garbage_collection import collecting_rarely
from outboard.sidecar.runtime.options import Options
from outboard.sidecar.runtime.sidecar import Sidecar
from outboard.testing.engines.port import MEMORY
from outboard.testing.in_memory import of_these_names
from outboard.testing.project import Project, SidecarFiles
from outboard.wire.http import Exchange

__all__ = ["InMemoryEngine", "InMemorySidecar"]


class InMemoryEngine:
    """Sidecars without sockets, by function calls."""

    name = MEMORY

    def __init__(
        self, resources: Sequence[Path], project: Project | None, clock: Clock, record: Recorder
    ) -> None:
        self._resources, self._project = resources, project
        self._clock, self._record = clock, record
        self._memory = SharedMemory()

    @asynccontextmanager
    async def sidecar(
        self, app_id: str, files_of: str, settings: Settings, channel: Exchange | None, drain: float
    ) -> AsyncIterator[InMemorySidecar]:
        """As `SidecarEngine`. While the block runs, cycles of garbage are looked for less often."""
        files = self._files(files_of, settings)
        assert files.resources is not None
        sidecar = Sidecar(
            _options(app_id, settings, files.directory),
            files.resources,
            configuration=files.configuration,
            memory=self._memory,
            clock=self._clock,
            channel=channel,
            recorder=self._record,
            drain_seconds=drain,
        )
        with collecting_rarely():
            yield InMemorySidecar(sidecar)

    def _files(self, app_id: str, settings: Settings) -> SidecarFiles:
        """What the sidecar of `app_id` is given, whose board has `settings`."""
        if self._resources:
            return SidecarFiles(load_resources(self._resources, app_id, os.environ.get("NAMESPACE", "")))
        found = SidecarFiles() if self._project is None else self._project.files_of(app_id)
        if found.resources is not None:
            return found
        return replace(found, resources=of_these_names(settings.pubsub, settings.state_store))


class InMemorySidecar:
    """Be a `RunningSidecar`."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._sidecar = sidecar
        self.exchange = AsgiExchange(sidecar.api)

    @property
    def not_started(self) -> Sequence[object]:
        """As `RunningSidecar`."""
        discovery = self._sidecar.info.discovery
        return () if discovery is None else discovery.not_started

    @asynccontextmanager
    async def taking(self) -> AsyncIterator[None]:
        """As `RunningSidecar`."""
        async with self._sidecar.running():
            yield


def _options(app_id: str, settings: Settings, directory: Path) -> Options:
    return Options(
        app_id=app_id,
        log_level="warn",
        api_token=settings.api_token,
        app_api_token=settings.app_token,
        directory=directory,
    )
