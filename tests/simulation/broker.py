"""A broker as Kafka is one: topics of partitions, groups, offsets, and members whose life is judged.

Where peers are at fault it breaks the promises on which naive consumers stand:

    fault              what it does                                   as in
    age ignored        an event in hand is given to another member    XAUTOCLAIM with too short a time
    completed claimed  an offset goes back, behind what was settled   a row that is claimed again
    stale retry        an event in hand comes a second time, beside   a retry judged stale too early
    heartbeat starved  a member that works is taken for dead          handlers that outlast its session
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from zlib import crc32

from outboard.sidecar.components.port import (
    BulkBounds,
    BulkHandler,
    ComponentError,
    Message,
    MessageHandler,
    PubSubTraits,
)
from outboard.sidecar.components.pubsub.partitioned import takes_one
from outboard.wire.dapr import PARTITION_KEY
from simulation.loop import PROCESS, Process
from simulation.world import World

__all__ = ["PEERS", "OrderedPubSub", "PlainPubSub", "SimulatedBroker"]

PARTITIONS: Final = 2
SESSION: Final = 3.0
PAUSE: Final = 1.0
AT_ONCE: Final = 4
PEERS: Final = ("age ignored", "completed claimed", "stale retry", "heartbeat starved")


class Member:
    """A consumer of a group, in the process of a sidecar."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.judged_dead = False


@dataclass(slots=True)
class Position:
    """Of one partition: what the group has committed, who has it, and since which change of hands."""

    committed: int = 0
    owner: Member | None = None
    generation: int = 0


@dataclass(slots=True)
class Group:
    """Who consumes a topic."""

    members: list[Member] = field(default_factory=list)
    positions: list[Position] = field(default_factory=lambda: [Position() for _ in range(PARTITIONS)])
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def stir(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    def balance(self) -> None:
        """Share the partitions among the members; whoever loses one is fenced off."""
        for number, position in enumerate(self.positions):
            owner = self.members[number % len(self.members)] if self.members else None
            if owner is not position.owner:
                position.owner = owner
                position.generation += 1
        self.stir()

    def leave(self, member: Member) -> None:
        if member in self.members:
            self.members.remove(member)
            self.balance()


class SimulatedBroker:
    """What lies on each topic, by partition, and in order of arrival in `wire`."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.topics: dict[str, list[list[Message]]] = {}
        self.wire: list[tuple[str, Message]] = []
        self.arrived: list[int] = []
        """When each of `wire` came, by the clock of the database, in milliseconds since 1970."""
        self.refuses: Callable[[str, Message], str] = lambda topic, message: ""
        self.told: Callable[[str, Message], None] = lambda topic, message: None
        """Called of each message as it comes."""
        self.orders_bulk = world.random.random() < 0.5
        self._groups: dict[tuple[str, str], Group] = {}

    def partitions(self, topic: str) -> list[list[Message]]:
        return self.topics.setdefault(topic, [[] for _ in range(PARTITIONS)])

    def group(self, name: str, topic: str) -> Group:
        return self._groups.setdefault((name, topic), Group())

    def groups_of(self, topic: str) -> list[Group]:
        return [group for (_, of), group in self._groups.items() if of == topic]

    async def publish(self, topic: str, message: Message) -> None:
        """Raises ComponentError."""
        world = self.world
        await world.wait(0.0, 0.003)
        if reason := self.refuses(topic, message):
            raise ComponentError(reason)
        kind = world.strikes("broker refuses", "broker answer lost", "broker slow", "kill", "stop")
        if kind == "broker refuses":
            raise ComponentError("kafka server: not enough in-sync replicas")
        if kind == "broker slow":
            await world.wait(1.0, 9.0)
        await world.suffer(kind)
        self._append(topic, message)
        await world.wait(0.0, 0.003)
        if kind == "broker answer lost":
            raise ComponentError("kafka: client has run out of available brokers")

    def _append(self, topic: str, message: Message) -> None:
        key = message.metadata.get(PARTITION_KEY, "")
        lies = self.partitions(topic)[crc32(key.encode()) % PARTITIONS]
        lies.append(message)
        self.wire.append((topic, message))
        self.arrived.append(self.world.database_milliseconds)
        self.told(topic, message)
        for group in self.groups_of(topic):
            group.stir()


class PlainPubSub:
    """The view that the sidecar of one app has of the broker: `PubSub` and `BulkSubscribing`.

    It takes messages one by one: those of a bulk publish come beside each other, in any order.
    """

    traits = PubSubTraits(redelivers=True, bulk_bounds=BulkBounds(AT_ONCE, 0.01))

    def __init__(self, broker: SimulatedBroker, group: str) -> None:
        self._broker = broker
        self._group = group

    async def publish(self, topic: str, message: Message) -> None:
        await self._broker.publish(topic, message)

    async def consume(
        self, topic: str, metadata: Mapping[str, str], handle: MessageHandler, subscribed: Callable[[], None]
    ) -> None:
        await self._consume(topic, 1, takes_one(handle), subscribed)

    async def consume_bulk(
        self,
        topic: str,
        metadata: Mapping[str, str],
        bounds: BulkBounds,
        handle: BulkHandler,
        subscribed: Callable[[], None],
    ) -> None:
        await self._consume(topic, bounds.max_messages, handle, subscribed)

    async def close(self) -> None: ...

    async def _consume(
        self, topic: str, most: int, handle: BulkHandler, subscribed: Callable[[], None]
    ) -> None:
        group, member = self._broker.group(self._group, topic), Member(PROCESS.get())
        group.members.append(member)
        group.balance()
        member.process.on_death.append(lambda: self._broker.world.later(SESSION, lambda: group.leave(member)))
        subscribed()
        try:
            async with asyncio.TaskGroup() as workers:
                for number in range(PARTITIONS):
                    worker = _Worker(self._broker, group, member, handle, most)
                    workers.create_task(worker.work(topic, number))
                workers.create_task(self._beat(group, member))
        finally:
            group.leave(member)

    async def _beat(self, group: Group, member: Member) -> None:
        """Who was judged dead, and is not, comes back; who is stopped for too long is judged dead."""
        world = self._broker.world
        while True:
            await world.wait(SESSION / 3, SESSION / 2)
            if member not in group.members:
                group.members.append(member)
                group.balance()
            elif world.strikes(PEERS[3]):
                group.leave(member)
            world.later(SESSION, lambda: group.leave(member) if member.process.stopped else None)


class OrderedPubSub(PlainPubSub):
    """As that, and `BulkPublishing`: in one step, in order."""

    traits = PubSubTraits(redelivers=True, orders_bulk=True, bulk_bounds=BulkBounds(AT_ONCE, 0.01))

    async def publish_many(self, topic: str, messages: Sequence[Message]) -> Mapping[int, ComponentError]:
        """After the first of a key that failed the later ones of that key are not published."""
        errors: dict[int, ComponentError] = {}
        failed: set[str] = set()
        for number, message in enumerate(messages):
            key = message.metadata.get(PARTITION_KEY, "")
            if key and key in failed:
                errors[number] = ComponentError("one before it was not published")
                continue
            try:
                await self._broker.publish(topic, message)
            except ComponentError as error:
                errors[number] = error
                failed.add(key)
        return errors


class _Worker:
    """Works on one partition, while its member has it."""

    def __init__(
        self, broker: SimulatedBroker, group: Group, member: Member, handle: BulkHandler, most: int
    ) -> None:
        self._broker = broker
        self._world = broker.world
        self._group = group
        self._member = member
        self._handle = handle
        self._most = most

    async def work(self, topic: str, number: int) -> None:
        lies, position = self._broker.partitions(topic)[number], self._group.positions[number]
        while True:
            if position.owner is not self._member or position.committed >= len(lies):
                await self._group.changed.wait()
                continue
            generation, first = position.generation, position.committed
            batch = lies[first : first + self._most]
            await self._world.wait(0.0, 0.004)
            kind = self._world.strikes("kill", "stop", *PEERS[:3], at="take")
            await self._world.suffer(kind)
            beside = self._misbehave(kind, position, batch)
            settled = await self._settled(batch)
            if beside is not None:
                await beside
            self._commit(position, generation, first + settled)
            if settled < len(batch):
                await self._world.wait(PAUSE / 2, PAUSE)

    async def _settled(self, batch: Sequence[Message]) -> int:
        """How many of the first of them are settled: behind one that is not nothing is committed."""
        outcomes = await self._handle(batch)
        return next((at for at, outcome in enumerate(outcomes) if outcome is not None), len(batch))

    def _commit(self, position: Position, generation: int, offset: int) -> None:
        """Whoever has lost the partition meanwhile is fenced off."""
        if position.generation == generation and offset > position.committed:
            position.committed = offset

    def _misbehave(self, kind: str, position: Position, batch: Sequence[Message]) -> asyncio.Task[int] | None:
        if kind == PEERS[0]:
            others = [each for each in self._group.members if each is not self._member]
            position.owner = others[0] if others else self._member
            position.generation += 1
            self._group.stir()
        elif kind == PEERS[1]:
            position.committed = max(0, position.committed - self._world.random.randint(1, 3))
            position.generation += 1
        elif kind == PEERS[2]:
            return asyncio.ensure_future(self._settled(batch))
        return None
