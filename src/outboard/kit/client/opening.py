"""The sidecar that a board's settings name, by the protocol that they name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from outboard.clock import Clock
from outboard.errors import ExtraMissing
from outboard.kit.client.http import HttpSidecar
from outboard.kit.client.in_tests import naming_the_fixture
from outboard.kit.client.port import SidecarApi, SubscribeOperations
from outboard.kit.client.settings import Settings

__all__ = ["connected_sidecar", "connected_streams"]


@asynccontextmanager
async def connected_sidecar(
    settings: Settings, clock: Clock, random: Callable[[], float]
) -> AsyncIterator[SidecarApi]:
    """A sidecar, and a pool of connections to it while the block runs; nothing is sent before it is asked.

    Raises ExtraMissing where it is to be asked over gRPC, and that is not installed.
    """
    if settings.protocol == "grpc":
        try:
            from outboard.kit.client.grpc.sidecar import connect as connect_grpc
        except ImportError as error:
            raise _grpc_missing("a board that asks its sidecar over gRPC") from error
        async with connect_grpc(settings, clock, random) as sidecar:
            yield sidecar
        return
    from outboard.kit.client.connection import connect

    async with connect(settings) as exchange:
        yield HttpSidecar.through(naming_the_fixture(exchange, settings), settings, clock, random)


@asynccontextmanager
async def connected_streams(settings: Settings) -> AsyncIterator[SubscribeOperations]:
    """The sidecar's streams, which gRPC alone has, while the block runs.

    Raises ExtraMissing where that is not installed.
    """
    try:
        from outboard.kit.client.grpc.streams import connect
    except ImportError as error:
        raise _grpc_missing("a board whose events come by streams") from error
    async with connect(settings) as streams:
        yield streams


def _grpc_missing(feature: str) -> ExtraMissing:
    return ExtraMissing(feature, "grpcio", "grpc")
