"""What an app over gRPC says that it subscribes to, asked as its sidecar asks it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Final

from outboard.doctor.evidence import AppSeen, HttpAnswer
from outboard.doctor.reading import seen as seen_as
from outboard.sidecar.channel.app import Discovered, NotAnswered
from outboard.sidecar.channel.health import AppHealth
from outboard.sidecar.channel.protocols import AppReached, app_channel, exchange_with_app
from outboard.sidecar.subscriptions.active import SubscribeInvalid
from outboard.wire.dapr import DEFAULT_MAX_BODY_BYTES

__all__ = ["AppOverGrpc", "over_grpc"]

TIMEOUT: Final = 1.5
"""Seconds, of which the library may need some to be loaded."""
OK: Final = 200
NOT_FOUND: Final = 404
FAILED: Final = 500


@dataclass(frozen=True, slots=True)
class AppOverGrpc:
    """Where an app is asked that speaks `protocol`: grpc, or grpcs. `token` is its own, and secret."""

    protocol: str
    host: str
    port: int
    token: str = field(default="", repr=False)


async def over_grpc(seen: AppSeen, target: AppOverGrpc) -> AppSeen:
    """`seen` with its answer, and what that tells."""
    try:
        async with asyncio.timeout(TIMEOUT):
            discovered = await _discover(seen.app_id, target)
    except TimeoutError:
        return replace(seen, subscribe=HttpAnswer(failure=f"no answer within {TIMEOUT:g} s"))
    except NotAnswered as error:
        return replace(seen, subscribe=HttpAnswer(FAILED, str(error)))
    except SubscribeInvalid as error:
        return replace(seen, subscribe=HttpAnswer(OK), subscribe_problem=str(error))
    if discovered.missing:
        return replace(seen, subscribe=HttpAnswer(NOT_FOUND))
    subscribed = tuple(seen_as(each, "the app") for each in discovered.subscriptions)
    return replace(seen, subscribe=HttpAnswer(OK), subscribed=subscribed)


async def _discover(app_id: str, app: AppOverGrpc) -> Discovered:
    async with exchange_with_app(app.protocol, app.host, app.port, DEFAULT_MAX_BODY_BYTES) as exchange:
        reached = AppReached(exchange, exchange, None, AppHealth(healthy=True))
        return await app_channel(app.protocol, app_id, app.token, reached).discover()
