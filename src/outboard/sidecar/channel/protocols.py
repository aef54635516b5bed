"""The ways to an app by the name of its protocol; what each needs is imported when it is chosen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from outboard.sidecar.channel.app import AppChannel
from outboard.sidecar.channel.health import AppHealth
from outboard.sidecar.channel.metered import metered, metered_probes
from outboard.sidecar.grpc_library import importing_grpc
from outboard.sidecar.metrics.meters import Meters
from outboard.wire.http import Exchange

__all__ = [
    "GRPC_PROTOCOLS",
    "H2C",
    "AppReached",
    "app_channel",
    "exchange_with_app",
    "measured",
]

GRPC_PROTOCOLS: Final = frozenset({"grpc", "grpcs"})
H2C: Final = "h2c"


def exchange_with_app(
    protocol: str, host: str, port: int, max_body_bytes: int
) -> AbstractAsyncContextManager[Exchange]:
    """The exchange with the app at `port` of `host`. With one over gRPC a call is exchanged: its method is
    the target, its status in the headers of the response.
    """
    if protocol in GRPC_PROTOCOLS:
        return _grpc(protocol, host, port, max_body_bytes)
    if protocol == H2C:
        from outboard.sidecar.channel.h2c import h2c_exchange_with

        return h2c_exchange_with(host, port, max_body_bytes)
    # Half of what a start costs, and a sidecar without an app does not need it.
    from outboard.sidecar.channel.exchange import app_url, exchange_with

    return exchange_with(app_url(protocol, host, port), max_body_bytes)


@dataclass(frozen=True, slots=True)
class AppReached:
    """How an app is reached: by `exchange`, as often at a time as there are `slots` (None: no limit).

    Its health is asked for by `probing`, and known in `health`.
    """

    exchange: Exchange
    probing: Exchange
    slots: asyncio.Semaphore | None
    health: AppHealth


def measured(exchange: Exchange, protocol: str, meters: Meters | None) -> tuple[Exchange, Exchange]:
    """`exchange`, one for `protocol`, of which `meters` are told, if there are any; and that for probes."""
    if meters is None:
        return exchange, exchange
    if protocol not in GRPC_PROTOCOLS:
        return metered(exchange, meters), metered_probes(exchange, meters)
    with importing_grpc():
        from outboard.sidecar.channel.grpc.metered import MeteredCalls

    told = MeteredCalls(exchange, meters.calls)
    return told, told


def app_channel(protocol: str, app_id: str, token: str, app: AppReached) -> AppChannel:
    """The way to `app`, whose exchange is one for `protocol`."""
    if protocol in GRPC_PROTOCOLS:
        with importing_grpc():
            from outboard.sidecar.channel.grpc.channel import GrpcChannel

        return GrpcChannel(app.exchange, token=token, slots=app.slots, health=app.health, probing=app.probing)
    from outboard.sidecar.channel.http import HttpChannel

    return HttpChannel(
        app.exchange, app_id, token=token, slots=app.slots, health=app.health, probing=app.probing
    )


@asynccontextmanager
async def _grpc(protocol: str, host: str, port: int, max_body_bytes: int) -> AsyncIterator[Exchange]:
    await asyncio.to_thread(_import_grpc)
    from outboard.sidecar.channel.grpc.exchange import grpc_exchange_with

    secure = protocol == "grpcs"
    async with grpc_exchange_with(host, port, max_body_bytes, secure=secure) as exchange:
        yield exchange


def _import_grpc() -> None:
    with importing_grpc():
        import outboard.sidecar.channel.grpc.channel
        import outboard.sidecar.channel.grpc.exchange  # noqa: F401
