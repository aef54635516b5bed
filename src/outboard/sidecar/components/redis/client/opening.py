"""From a component's metadata to its connection; the client library is imported here, when it is needed."""

from __future__ import annotations

from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.metadata.properties import Properties
from outboard.sidecar.components.port import ComponentError
from outboard.sidecar.components.redis.client.port import Redis
from outboard.sidecar.components.redis.client.settings import RedisSettings

__all__ = ["open_redis"]


async def open_redis(
    properties: Properties, settings: RedisSettings, context: ComponentContext, kind: str
) -> Redis:
    """A connection that has answered once; `kind` is what daprd calls the component in its errors.

    Raises ComponentInitFailed where the client library is missing or the client's certificate is none,
    ComponentError where no server answers.
    """
    try:
        from outboard.sidecar.components.redis.client.connecting import connect
    except ImportError as error:
        reason = "it needs the client library for Redis, which is not installed"
        raise properties.failure(reason, "Run: pip install 'outboard[redis]'.") from error
    name = properties.component.name
    try:
        return await connect(settings, name, context.clock, context.random)
    except ComponentError as error:
        raise ComponentError(f"{kind}: error connecting to redis at {settings}: {error}") from error
