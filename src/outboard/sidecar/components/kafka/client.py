"""What `pubsub.kafka` needs of a client library. `library` has it from aiokafka; a test from memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

from outboard.sidecar.components.kafka.records import Received, Record
from outboard.sidecar.components.port import ComponentError

__all__ = [
    "BrokersAway",
    "ConsumerClient",
    "KafkaFailure",
    "Listener",
    "PartitionLost",
    "ProducerClient",
    "RecordBatch",
    "TooLarge",
    "TopicPartition",
]


class TopicPartition(NamedTuple):
    """One partition of a topic."""

    topic: str
    partition: int


class KafkaFailure(ComponentError):
    """Kafka refused what it was asked, or did not answer."""


class BrokersAway(KafkaFailure):
    """Nobody answered who could: neither would anybody answer the next."""


class TooLarge(KafkaFailure):
    """The broker takes no batch of this size."""


class PartitionLost(KafkaFailure):
    """The partition belongs to another member of the group by now."""


class RecordBatch(Protocol):
    """Records that are written to one partition in one step: all or none."""

    def add(self, record: Record) -> bool:
        """False where there is no room; the first always finds some."""
        ...


class ProducerClient(Protocol):
    async def start(self) -> None:
        """Connect. Raises KafkaFailure."""
        ...

    async def partitions(self, topic: str) -> int:
        """How many there are; a topic that is missing is made, where the broker does that.

        Raises KafkaFailure.
        """
        ...

    def new_batch(self) -> RecordBatch: ...

    async def send(self, tp: TopicPartition, batch: RecordBatch) -> int:
        """The offset of its first record, once all replicas that are in sync have it; -1 if nobody says.

        Raises KafkaFailure, BrokersAway, TooLarge.
        """
        ...

    async def stop(self) -> None: ...


class Listener(Protocol):
    """What a consumer tells of the partitions that it is given, and that are taken from it."""

    async def revoked(self) -> None:
        """All of them go; nobody has them before this returns."""
        ...

    async def assigned(self, tps: Collection[TopicPartition]) -> None: ...


class ConsumerClient(Protocol):
    """A member of a consumer group. It stays one however long a message takes."""

    async def start(self) -> None:
        """Connect. Raises KafkaFailure."""
        ...

    def subscribe(self, topics: Collection[str], listener: Listener) -> None:
        """From now on these topics and no others; the group shares the partitions out anew."""
        ...

    async def poll(self) -> Mapping[TopicPartition, Sequence[Received]]:
        """What has come, after a second at the latest. Raises KafkaFailure."""
        ...

    def pause(self, tp: TopicPartition) -> None:
        """Bring nothing of it until `resume`. Neither does anything to one that is not assigned."""
        ...

    def resume(self, tp: TopicPartition) -> None: ...

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """The offsets of what is to be read next. Raises PartitionLost, KafkaFailure."""
        ...

    async def committed(self, tp: TopicPartition) -> int | None:
        """Raises KafkaFailure."""
        ...

    async def position(self, tp: TopicPartition) -> int:
        """Where it reads on, once that is known. Raises KafkaFailure."""
        ...

    async def beginning(self, tp: TopicPartition) -> int:
        """The offset of the first event that the broker still has. Raises KafkaFailure."""
        ...

    def missing(self, topics: Collection[str]) -> Collection[str]:
        """Those that the broker does not have, as far as is known."""
        ...

    async def look_for(self, topic: str) -> None:
        """Ask the broker for a topic that is `missing`, for a few seconds."""
        ...

    async def stop(self) -> None:
        """Leave the group. Commits nothing."""
        ...


MakeProducer = Callable[[], ProducerClient]
MakeConsumer = Callable[[], ConsumerClient]
Sleep = Callable[[float], Awaitable[None]]
