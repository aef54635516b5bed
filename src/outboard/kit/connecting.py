"""A board's connection to its sidecar: opened and closed with a block, and recorded meanwhile."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from outboard.clock import Clock
from outboard.hops.files.recording import recording
from outboard.hops.journal import Journal
from outboard.kit.client.http import HttpSidecar
from outboard.kit.client.opening import connected_sidecar
from outboard.kit.client.port import SidecarApi
from outboard.kit.client.settings import Settings
from outboard.kit.telemetry.messaging import Messaging
from outboard.kit.topics.connections import Connections, SidecarConnection
from outboard.kit.topics.queue import PublishLimits
from outboard.wire.http import Exchange

__all__ = ["Connecting"]


@dataclass(frozen=True)
class Connecting:
    """What it takes to connect: `clock` times the calls, `closing_seconds` bounds the end of a connection."""

    settings: Settings
    environ: Mapping[str, str]
    connections: Connections
    limits: PublishLimits
    clock: Clock
    closing_seconds: float
    telemetry: Messaging
    journal: Journal

    @asynccontextmanager
    async def connected(self, exchange: Exchange | None) -> AsyncIterator[None]:
        """Be connected while the block runs, through `exchange` if there is one.

        One that was given goes before those that are opened: inside of its block nothing else is connected.
        """
        if exchange is None and self.connections.is_given:
            yield
            return
        with self._recording():
            if exchange is not None:
                given = HttpSidecar.through(exchange, self.settings, self.clock, random.random)
                async with self._through(given, given=True):
                    yield
                return
            async with (
                connected_sidecar(self.settings, self.clock, random.random) as sidecar,
                self._through(sidecar, given=False),
            ):
                yield

    @contextmanager
    def _recording(self) -> Iterator[None]:
        """Record hops, where OUTBOARD_HOPS says where; of several connections at once the first one does."""
        if self.journal.recorder is not None:
            yield
            return
        with recording(self.environ, self.settings.app_id, "kit") as recorder:
            self.journal.recorder = recorder
            try:
                yield
            finally:
                self.journal.flush()
                self.journal.recorder = None

    @asynccontextmanager
    async def _through(self, sidecar: SidecarApi, *, given: bool) -> AsyncIterator[None]:
        async with SidecarConnection.to(
            sidecar,
            self.settings.address,
            limits=self.limits,
            clock=self.clock,
            random=random.random,
            closing_seconds=self.closing_seconds,
            telemetry=self.telemetry,
            journal=self.journal,
        ) as connection:
            self.telemetry.look()
            with self.connections.using(connection, given=given):
                yield
