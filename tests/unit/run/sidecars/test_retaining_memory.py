"""In-memory topics keep events for an app that a debugger starts later, whatever form they have."""

from __future__ import annotations

import asyncio

import pytest

from outboard.clock import SystemClock
from outboard.resources.component import Component, MetadataItem
from outboard.run.sidecars.embedded import RetainingMemory
from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.memory.pubsub import create
from outboard.sidecar.components.metadata.properties import Properties
from outboard.sidecar.components.port import Message

pytestmark = pytest.mark.anyio


def properties(**values: str) -> Properties:
    items = tuple(MetadataItem(name, value, line=7) for name, value in values.items())
    return Properties(Component("pubsub", "pubsub.in-memory", metadata=items), values)


@pytest.mark.parametrize("settings", [{}, {"partitions": "1"}, {"partitions": "8"}], ids=str)
async def test_events_wait_for_an_app_that_has_never_been_there(settings: dict[str, str]) -> None:
    memory, clock = RetainingMemory(), SystemClock()
    publisher = await create(properties(**settings), ComponentContext("backend", memory=memory, clock=clock))
    for data in (b"1", b"2"):
        await publisher.publish("jobs", Message(data, {"partitionKey": "k"}, "text/plain"))
    attached = await create(properties(**settings), ComponentContext("worker", memory=memory, clock=clock))
    got, both = list[bytes](), asyncio.Event()

    async def handle(message: Message) -> None:
        got.append(message.data)
        if len(got) == 2:
            both.set()

    consuming = asyncio.ensure_future(attached.consume("jobs", {}, handle, lambda: None))
    async with asyncio.timeout(5):
        await both.wait()
    consuming.cancel()
    await asyncio.gather(consuming, return_exceptions=True)
    assert got == [b"1", b"2"]
