"""`pubsub.kafka` as a test has it: made from metadata, as from a file, and connected to a broker."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.kafka.pubsub import KafkaPubSub, create
from outboard.sidecar.components.metadata.properties import Properties
from support.sidecars import component

__all__ = ["connect", "kafka_pubsub", "properties", "unique"]


def unique(name: str) -> str:
    """A topic or group that no other test has."""
    return f"{name}-{uuid.uuid4().hex[:12]}"


def properties(**metadata: str) -> Properties:
    """As the sidecar would have resolved them."""
    values = {"consumerid": "app"} | {name.lower(): value for name, value in metadata.items()}
    return Properties(component("kafka-pubsub", "pubsub.kafka", **metadata), values)


async def connect(brokers: str, group: str, **metadata: str) -> KafkaPubSub:
    """Unless told otherwise, what failed is tried again after 50 ms, and a new group begins at the oldest."""
    settings = {
        "brokers": brokers,
        "authType": "none",
        "consumerGroup": group,
        "initialOffset": "oldest",
        "backOffDuration": "50ms",
        **metadata,
    }
    return await create(properties(**settings), ComponentContext("app"))


@asynccontextmanager
async def kafka_pubsub(brokers: str, group: str = "", **metadata: str) -> AsyncIterator[KafkaPubSub]:
    """Connected inside the block; without `group`, in one of its own."""
    pubsub = await connect(brokers, group or unique("group"), **metadata)
    try:
        yield pubsub
    finally:
        await pubsub.close()
