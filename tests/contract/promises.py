"""What a pub/sub component promises, as data, and the tools to hold it to that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from outboard.sidecar.components.port import (
    BulkBounds,
    BulkHandler,
    BulkPublishing,
    BulkSubscribing,
    Handler,
    Message,
    NotAcknowledged,
    PubSub,
)

__all__ = [
    "BulkPubSub",
    "Cluster",
    "Inbox",
    "Promises",
    "bulk_consuming",
    "consuming",
    "keyed",
    "numbered",
    "pairs",
]

PATIENCE = 60
"""Seconds: no more than a bound that ends a hopeless wait on a busy machine."""


@dataclass(frozen=True, kw_only=True)
class Promises:
    """What holds for an adapter beyond what holds for all. `topics` are names that it must take."""

    headers: bool = True
    """All metadata of publishing arrives; else the ordering key does."""
    retention: bool = False
    """What was published before anybody subscribed arrives."""
    redelivery: bool = False
    """What is not acknowledged comes again, to this consumer or the next of its group."""
    holding: bool = False
    """Until then nothing else of its key is delivered."""
    competition: bool = False
    """Consumers of one group share the events."""
    takeover: bool = False
    """A consumer's events go on to another of its group, when it leaves."""
    durability: bool = False
    """Events, and what a group has handled, outlive every process."""
    order: bool = True
    """Events of one key arrive in their order, one after the other."""
    order_at_takeover: bool = True
    """That holds too for what comes behind an event that a consumer left."""
    order_without_key: bool = False
    """Events without a key arrive in the order of publishing."""
    one_at_a_time: bool = False
    """A subscription has one event in hand at any time, whatever its key."""
    bulk_publishing: bool = False
    """`publish_many`, in order."""
    bulk_subscribing: bool = False
    """`consume_bulk`."""
    topics: tuple[str, ...] = ("task-events", "A", "a.b_c-d")


class BulkPubSub(PubSub, BulkPublishing, BulkSubscribing, Protocol):
    """A component with all optional abilities; `promises` say which of them may be used."""


Connect: TypeAlias = Callable[[str], Awaitable[PubSub]]
"""Gives the component as a sidecar sees it whose app consumes in this group."""


class Cluster:
    """The broker, and everybody who is connected to it."""

    def __init__(self, connect: Connect) -> None:
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


@asynccontextmanager
async def consuming(pubsub: PubSub, topic: str, handle: Handler) -> AsyncIterator[None]:
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
