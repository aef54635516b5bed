"""`pubsub.redis` and `state.redis` as tests have them: made from metadata, as from a file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from outboard.resources.component import Component, MetadataItem
from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.metadata.properties import Properties
from outboard.sidecar.components.redis.pubsub import RedisPubSub
from outboard.sidecar.components.redis.pubsub import create as create_pubsub
from outboard.sidecar.components.redis.state import RedisState
from outboard.sidecar.components.redis.state import create as create_state

__all__ = ["properties", "redis_pubsub", "redis_state"]


def properties(kind: str, **metadata: str) -> Properties:
    """As the sidecar would have resolved them; the items are on lines 11, 12, and so on of their file."""
    items = tuple(
        MetadataItem(name, value, line=11 + index) for index, (name, value) in enumerate(metadata.items())
    )
    component = Component("thing", kind, metadata=items, path=Path("components/redis.yaml"), line=1)
    return Properties(component, {name.lower(): value for name, value in metadata.items()})


@asynccontextmanager
async def redis_state(**metadata: str) -> AsyncIterator[RedisState]:
    """Connected inside the block."""
    store = await create_state(properties("state.redis", **metadata), ComponentContext("app"))
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def redis_pubsub(app_id: str = "app", **metadata: str) -> AsyncIterator[RedisPubSub]:
    """Connected inside the block."""
    pubsub = await create_pubsub(properties("pubsub.redis", **metadata), ComponentContext(app_id))
    try:
        yield pubsub
    finally:
        await pubsub.close()
