"""What the kit asks of a sidecar: three small protocols and their values.

Every operation takes `timeout`, in seconds, within which it returns or raises.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias

from outboard.errors import SidecarError
from outboard.kit.telemetry.creation import Creation
from outboard.wire.dapr import DeliveryStatus
from outboard.wire.http import ExchangeFailed

__all__ = [
    "BatchAnswer",
    "Concurrency",
    "Consistency",
    "Publication",
    "PublishOperations",
    "PublishResult",
    "SidecarApi",
    "StateDelete",
    "StateItem",
    "StateOperations",
    "StateRead",
    "StateSave",
    "StreamEnded",
    "StreamRequest",
    "StreamedEvent",
    "SubscribeOperations",
    "TopicStream",
    "guarded_keys",
    "named_keys",
]

Concurrency: TypeAlias = Literal["first-write", "last-write"]
Consistency: TypeAlias = Literal["eventual", "strong"]

NONE: Final[Mapping[str, str]] = MappingProxyType({})


class Publication(NamedTuple):
    """One CloudEvent in its structured form, on its way to a topic. `metadata` is Dapr's, per request.

    `traceid` is what its entry in a bulk request says for the attribute of that name; empty where `body` has
    one. daprd overwrites the `traceparent` of an entry that has none, and a bulk request has one set of
    headers for all. `creation` is None where its span ended before, or was never here. `event_id` is that by
    which the record of hops is asked whether it keeps one; empty where it is not for the sender to decide.
    """

    pubsub: str
    topic: str
    body: bytes
    metadata: Mapping[str, str] = NONE
    headers: Mapping[str, str] = NONE
    traceid: str = ""
    creation: Creation | None = None
    event_id: str = ""


PublishResult: TypeAlias = SidecarError | ExchangeFailed | None
"""How one event ended: None where the broker has it, ExchangeFailed where no answer came."""


class BatchAnswer(NamedTuple):
    """What one attempt came to: the outcome of each event, in order.

    `ordered` is whether the sidecar says that its bulk requests keep the order of each key.
    """

    outcomes: Sequence[PublishResult]
    ordered: bool = False


class PublishOperations(Protocol):
    async def publish(self, publication: Publication, timeout: float) -> None:
        """Return once the broker has the event; try again while nobody takes it.

        Raises SidecarUnavailable, UnexpectedAnswer, TokenRejected, PublishForbidden, PubSubNotFound,
        PublishFailed.
        """
        ...

    def attempt(self, publications: Sequence[Publication], timeout: float, /) -> Awaitable[BatchAnswer]:
        """Publish events of one topic, each once. Raises none of the above: they are outcomes."""
        ...


@dataclass(frozen=True, slots=True)
class StateRead:
    """How to read."""

    consistency: Consistency | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StateItem:
    """What lies under a key: `value` is JSON text, None where nothing lies there."""

    key: str
    value: bytes | None = None
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class StateSave:
    """One value to be written; `value` is JSON text. With an `etag`, only if the key still has it."""

    key: str
    value: bytes
    etag: str | None = None
    concurrency: Concurrency | None = None
    consistency: Consistency | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StateDelete:
    """One key to be removed. With an `etag`, only if the key still has it."""

    key: str
    etag: str | None = None
    concurrency: Concurrency | None = None
    consistency: Consistency | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


def guarded_keys(items: Sequence[StateSave | StateDelete]) -> list[str]:
    """The keys for which a repeated write could find its own first one, and take it for somebody else's."""
    return [item.key for item in items if item.etag or item.concurrency == "first-write"]


def named_keys(items: Sequence[StateSave | StateDelete]) -> str:
    """The keys, or the first of them, for a person."""
    keys = ", ".join(f"'{item.key}'" for item in items[:3])
    return f"{keys} and {len(items) - 3} more" if len(items) > 3 else keys


class StateOperations(Protocol):
    """All raise SidecarUnavailable, UnexpectedAnswer, TokenRejected, StateStoreNotFound and StateFailed."""

    async def get_state(self, store: str, key: str, read: StateRead, timeout: float) -> StateItem: ...

    async def get_states(
        self, store: str, keys: Sequence[str], read: StateRead, timeout: float
    ) -> Sequence[StateItem]:
        """One item for each of `keys`, in any order."""
        ...

    async def save_states(self, store: str, saves: Sequence[StateSave], timeout: float) -> None:
        """Several saves are not atomic. Raises EtagMismatch, EtagInvalid."""
        ...

    async def delete_state(self, store: str, delete: StateDelete, timeout: float) -> None:
        """Return also where nothing lay there. Raises EtagMismatch, EtagInvalid."""
        ...

    async def transact(
        self, store: str, operations: Sequence[StateSave | StateDelete], timeout: float
    ) -> None:
        """All or nothing. Raises EtagMismatch."""
        ...


class StreamRequest(NamedTuple):
    """What a stream is asked for. `dead_letter_topic` is empty where there is none."""

    pubsub: str
    topic: str
    metadata: Mapping[str, str] = NONE
    dead_letter_topic: str = ""


class StreamedEvent(NamedTuple):
    """One event of a stream: `id` by which it is answered, and the CloudEvent in its structured form."""

    id: str
    body: bytes
    headers: Mapping[str, str] = NONE


class StreamEnded(Exception):
    """A stream could not be opened, or is no more. `reason` is a phrase.

    `refused` where the sidecar has answered that it does not serve it, rather than being away.
    """

    def __init__(self, reason: str, *, refused: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.refused = refused


class TopicStream(Protocol):
    """The events of one topic, for as long as the sidecar sends them."""

    async def receive(self) -> StreamedEvent:
        """The next event. Whoever is cancelled while waiting loses none. Raises StreamEnded."""
        ...

    async def settle(self, id: str, status: DeliveryStatus) -> None:
        """Tell the sidecar what became of an event. Raises StreamEnded."""
        ...


class SubscribeOperations(Protocol):
    def subscribed(self, request: StreamRequest) -> AbstractAsyncContextManager[TopicStream]:
        """A stream, open while the block runs; what is not settled then is delivered again.

        Raises StreamEnded.
        """
        ...


class SidecarApi(PublishOperations, StateOperations, Protocol):
    """Everything that the kit asks."""
