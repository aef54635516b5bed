"""The tools to hold a pub/sub component to what it promises."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from contract.pubsub_promises import Promises
from outboard.sidecar.components.port import (
    BulkBounds,
    BulkHandler,
    BulkPublishing,
    BulkSubscribing,
    Message,
    MessageHandler,
    NotAcknowledged,
    PubSub,
)
from support.servers import Server

__all__ = [
    "BulkPubSub",
    "Cluster",
    "Inbox",
    "Promises",
    "bulk_consuming",
    "by_key",
    "consuming",
    "first_of_each",
    "keyed",
    "numbered",
    "pairs",
]

PATIENCE = 60
"""Seconds: no more than a bound that ends a hopeless wait on a busy machine."""


class BulkPubSub(PubSub, BulkPublishing, BulkSubscribing, Protocol):
    """A component with all optional abilities; `promises` say which of them may be used."""


Connect: TypeAlias = Callable[[str], Awaitable[PubSub]]
"""Gives the component as a sidecar sees it whose app consumes in this group."""


class Cluster:
    """The broker, and everybody who is connected to it."""

    def __init__(self, connect: Connect, broker: Server | None = None) -> None:
        """`broker` is one that a test may crash."""
        self.broker = broker
        self._connect = connect
        self._connected = AsyncExitStack()

    async def connect(self, group: str = "app") -> BulkPubSub:
        """A component of its own: of each call as if in another process."""
        pubsub = await self._connect(group)
        self._connected.push_async_callback(pubsub.close)
        return pubsub  # type: ignore[return-value]

    async def restart(self) -> None:
        """Everybody goes; the broker, if it is one, stays."""
        await self._connected.aclose()


@dataclass
class Inbox:
    """A handler that notes what it gets."""

    messages: list[Message] = field(default_factory=list)
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def __call__(self, message: Message) -> None:
        async with self._arrived:
            self.messages.append(message)
            self._arrived.notify_all()

    async def take(self, messages: Sequence[Message]) -> list[NotAcknowledged | None]:
        """The same as a handler of batches."""
        for message in messages:
            await self(message)
        return [None] * len(messages)

    async def data(self, count: int) -> list[bytes]:
        """The data of what has come, once there are `count` messages."""
        async with asyncio.timeout(PATIENCE), self._arrived:
            await self._arrived.wait_for(lambda: len(self.messages) >= count)
            return [message.data for message in self.messages]

    async def all_of(self, wanted: Collection[bytes]) -> list[bytes]:
        """The same, once all of `wanted` have come, be it more than once."""
        async with asyncio.timeout(PATIENCE), self._arrived:
            await self._arrived.wait_for(lambda: {each.data for each in self.messages} >= set(wanted))
            return [message.data for message in self.messages]


@asynccontextmanager
async def consuming(pubsub: PubSub, topic: str, handle: MessageHandler) -> AsyncIterator[None]:
    """The subscription is there inside the block, and gone after it."""
    subscribed = asyncio.Event()
    task = asyncio.create_task(pubsub.consume(topic, {}, handle, subscribed.set))
    async with _at_work(task, subscribed):
        yield


@asynccontextmanager
async def bulk_consuming(
    pubsub: BulkSubscribing, topic: str, handle: BulkHandler, most: int = 10
) -> AsyncIterator[None]:
    """The same in batches of `most` at most."""
    subscribed = asyncio.Event()
    bounds = BulkBounds(most, 1.0)
    task = asyncio.create_task(pubsub.consume_bulk(topic, {}, bounds, handle, subscribed.set))
    async with _at_work(task, subscribed):
        yield


@asynccontextmanager
async def _at_work(task: asyncio.Task[None], subscribed: asyncio.Event) -> AsyncIterator[None]:
    waiting = asyncio.create_task(subscribed.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED, timeout=PATIENCE)
    waiting.cancel()
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task  # what it ended with by itself is raised


def numbered(count: int) -> list[Message]:
    return [Message(str(index).encode()) for index in range(count)]


def keyed(count: int, keys: int) -> list[Message]:
    """Messages `key:number`, their keys in turn, numbered within each key."""
    return [
        Message(f"{index % keys}:{index // keys}".encode(), {"partitionKey": f"key {index % keys}"})
        for index in range(count)
    ]


def pairs(data: Sequence[bytes]) -> list[tuple[int, int]]:
    """Key and number of what `keyed` made."""
    return [(int(key), int(number)) for key, number in (item.split(b":") for item in data)]


def by_key(got: Iterable[tuple[int, int]]) -> dict[int, list[int]]:
    """The numbers of each key, in the order of their arrival."""
    found: dict[int, list[int]] = defaultdict(list)
    for key, number in got:
        found[key].append(number)
    return dict(found)


def first_of_each(got: Iterable[tuple[int, int]]) -> dict[int, list[int]]:
    """The same, of what came more than once the first."""
    return by_key(dict.fromkeys(got))
