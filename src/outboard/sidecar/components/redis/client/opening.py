"""From a component's metadata to its connection; the client library is imported here, when it is needed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.metadata.properties import Properties
from outboard.sidecar.components.port import ComponentError
from outboard.sidecar.components.redis.client.port import Redis
from outboard.sidecar.components.redis.client.settings import RedisSettings
from outboard.sidecar.components.redis.client.tls import certificate_fault, speaks_without_tls
from outboard.tasks import background_tasks

__all__ = ["check_connection", "open_redis"]

HANDSHAKE: Final = 1.0
"""Seconds that a server is given before it is asked whether it speaks at all without TLS."""


def check_connection(properties: Properties, settings: RedisSettings) -> None:
    """Raises ComponentInitFailed where no connection can be made, whatever answers."""
    _connect(properties)
    _refuse_certificate(properties, settings)


async def open_redis(
    properties: Properties, settings: RedisSettings, context: ComponentContext, kind: str
) -> Redis:
    """A connection that has answered once; `kind` is what daprd calls the component in its errors.

    Raises ComponentInitFailed where the client library is missing, the client's certificate is none, or the
    server does not speak TLS though it is to, ComponentError where no server answers.
    """
    connect = _connect(properties)
    _refuse_certificate(properties, settings)
    name = properties.component.name
    watching = [_see_that_tls_is_spoken(properties, settings)] if settings.tls else []
    try:
        async with background_tasks(*watching):
            return await connect(settings, name, context.clock, context.random)
    except ComponentError as error:
        raise ComponentError(f"{kind}: error connecting to redis at {settings}: {error}") from error
    except ExceptionGroup as group:
        raise group.exceptions[0] from None


def _connect(properties: Properties) -> Callable[..., Awaitable[Redis]]:
    try:
        from outboard.sidecar.components.redis.client.connecting import connect
    except ImportError as error:
        reason = "it needs the client library for Redis, which is not installed"
        raise properties.failure(reason, "Run: pip install 'outboard[redis]'.") from error
    return connect


def _refuse_certificate(properties: Properties, settings: RedisSettings) -> None:
    """It could never be used, so it is not tried again and again. Raises ComponentInitFailed."""
    if not settings.tls or not settings.client_certificate:
        return
    fault = certificate_fault(settings.client_certificate, settings.client_key)
    if fault:
        reason = f"redis client configuration error: `clientCert` and `clientKey` cannot be used: {fault}"
        advice = "Give the PEM text of a certificate, and the key that belongs to it, without a password."
        raise properties.failure(reason, advice, "clientCert", "clientKey")


async def _see_that_tls_is_spoken(properties: Properties, settings: RedisSettings) -> None:
    """A server without TLS waits for the rest of a command, without end. Raises ComponentInitFailed."""
    await asyncio.sleep(HANDSHAKE)
    if await speaks_without_tls(settings.addresses[0], HANDSHAKE):
        reason = f"the Redis at {settings} answers without TLS, and not with it, which `enableTLS` asks for"
        advice = "Take `enableTLS` away, or name its port for TLS in `redisHost`."
        raise properties.failure(reason, advice, "enableTLS")
