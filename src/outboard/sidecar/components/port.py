"""What a component must be able to do: small protocols, and one of its own for an optional ability.

What is no method is in the frozen `traits` that each component declares.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias, runtime_checkable

from outboard.gojson.values import Json
from outboard.sidecar.resiliency.failure import Failure

__all__ = [
    "BulkBounds",
    "BulkHandler",
    "BulkPublishing",
    "BulkSubscribing",
    "ComponentError",
    "Delete",
    "EtagInvalidError",
    "EtagMismatchError",
    "Found",
    "GroupRemoval",
    "GroupStart",
    "HandingOver",
    "Interrupted",
    "KeyListing",
    "Message",
    "MessageHandler",
    "NotAcknowledged",
    "Pausing",
    "PubSub",
    "PubSubTraits",
    "Sealing",
    "SecretStore",
    "Set",
    "StateOptions",
    "StateStore",
    "StateTraits",
    "StoredPlace",
    "Traits",
    "Transactional",
]


class ComponentError(Failure):
    """A component could not do what it was asked; the text goes into daprd's error message.

    `code` is the gRPC status of a component that is called over gRPC.
    """


class EtagMismatchError(ComponentError):
    """The stored ETag is another one (HTTP 409)."""


class EtagInvalidError(ComponentError):
    """The given text cannot be an ETag of this store (HTTP 400)."""


class NotAcknowledged(Exception):
    """What `MessageHandler` raises when the message is not settled: what follows is the broker's own way."""


class Interrupted(NotAcknowledged):
    """The message is not settled because the sidecar ends: that counts as no attempt, and it comes again."""


NO_METADATA: Final[Mapping[str, str]] = {}


@dataclass(slots=True)
class StoredPlace:
    """Where a message lies on its broker: filled in once it is published, by a component that is told."""

    partition: str = ""
    offset: str = ""


class Message(NamedTuple):
    """What lies on a topic. Broker specifics travel as metadata.

    Of a CloudEvent that this process has written itself, that never expires, and of which Go writes every
    number as it stands in `data`, `known` may have the ids among its attributes: all that its delivery and
    the record of hops ask for. A component keeps `known` in memory, or drops it. Who publishes gives a
    `place` if it is to be told; some components tell by it where a message lies that they deliver.
    """

    data: bytes
    metadata: Mapping[str, str] = NO_METADATA
    content_type: str | None = None
    known: Mapping[str, Json] | None = None
    place: StoredPlace | None = None


MessageHandler: TypeAlias = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class BulkBounds:
    """What a subscription takes at once: `max_messages` at most, waited for `max_await` seconds at most."""

    max_messages: int
    max_await: float


@dataclass(frozen=True, slots=True)
class Traits:
    """What there is to know of a component beside its methods. `features` are daprd's capability names."""

    features: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class PubSubTraits(Traits):
    """Of a pub/sub component.

    - `redelivers`: its broker delivers again what was not acknowledged. Of any other the sidecar records a
      message that is not acknowledged as lost.
    - `orders_bulk`: in one bulk publish messages of one key keep their order, and after the first of a key
      that failed the later ones of that key are not published either.
    - `request_metadata_first`: the metadata of a bulk publish request reaches every entry, and counts before
      that of the entry, since daprd gives it to such a component itself.
    - `unique_entry_ids`: each entry of a batch that it hands over gets a new id, and not its number, since of
      such a component daprd gathers the batches.
    - `bulk_bounds`: those of a bulk subscription that leaves one open.
    - `serial`: a sentence that says why it hands over a message only when the one before it is settled, and
      what to do about it; else empty. No batch of such a component is waited for: it has one message.
    - `gathers_at_once`: what waits for a bulk subscription is a batch at once; no more is waited for.
    - `remembers_settled`: of a batch it remembers what is settled behind a message that is not. So it is told
      as the sidecar ends, with `Interrupted` for the others; any other component waits to be cancelled then.
    """

    redelivers: bool = False
    orders_bulk: bool = False
    request_metadata_first: bool = False
    unique_entry_ids: bool = False
    bulk_bounds: BulkBounds = BulkBounds(100, 1.0)
    serial: str = ""
    gathers_at_once: bool = False
    remembers_settled: bool = False


@dataclass(frozen=True, slots=True)
class StateTraits(Traits):
    """Of a state store.

    - `finds_first`: a bulk get lists what it found, in the store's own order, and then what is missing.
    - `query_refusal`: why this one cannot be queried, where daprd can query a store of its type; else empty.
    """

    finds_first: bool = False
    query_refusal: str = ""


class PubSub(Protocol):
    """A pub/sub component."""

    traits: PubSubTraits

    async def publish(self, topic: str, message: Message) -> None:
        """Return once the broker has taken the message.

        Raises ComponentError.
        """
        ...

    async def consume(
        self, topic: str, metadata: Mapping[str, str], handle: MessageHandler, subscribed: Callable[[], None]
    ) -> None:
        """Run until cancelled; call `subscribed` once messages from now on will arrive.

        A message is acknowledged only after `handle` has returned. A handler that is cancelled has settled
        nothing. Raises ComponentError where the subscription cannot be made.
        """
        ...

    async def close(self) -> None: ...


BulkHandler: TypeAlias = Callable[[Sequence[Message]], Awaitable[Sequence[NotAcknowledged | None]]]
"""Takes a batch; returns for each message, in order, None where it is settled, else why it is not."""


@runtime_checkable
class BulkPublishing(Protocol):
    """A pub/sub component that takes many messages in one step."""

    async def publish_many(self, topic: str, messages: Sequence[Message]) -> Mapping[int, ComponentError]:
        """The errors, by position in `messages`; empty once the broker has them all. Raises nothing."""
        ...


@runtime_checkable
class BulkSubscribing(Protocol):
    """A pub/sub component that hands over batches by itself.

    Of any other the sidecar gathers batches out of single messages, as daprd does.
    """

    async def consume_bulk(
        self,
        topic: str,
        metadata: Mapping[str, str],
        bounds: BulkBounds,
        handle: BulkHandler,
        subscribed: Callable[[], None],
    ) -> None:
        """As `PubSub.consume`, in batches: messages of one key in their order, and never two batches with the
        same key at once. A handler that is cancelled has settled nothing. Raises ComponentError.
        """
        ...


@runtime_checkable
class GroupRemoval(Protocol):
    """A pub/sub component that can remove its consumer group, as one that was made to look on must."""

    async def remove_group(self, topic: str) -> None:
        """Nothing of `topic` is consumed here any more: remove the group. Raises ComponentError."""
        ...


@runtime_checkable
class GroupStart(Protocol):
    """A pub/sub component whose new groups get all that is there, whatever its metadata say."""

    async def begin_group(self, topic: str, *, from_beginning: bool) -> None:
        """Make the group, so that it begins with the first event, or the next one. Raises ComponentError."""
        ...


@runtime_checkable
class HandingOver(Protocol):
    """A pub/sub component that forgets what waits for a consumer once that has ended."""

    def handing_over(self) -> AbstractContextManager[None]:
        """What waits for a consumer that ends in the block is there for one that begins in it."""
        ...


@runtime_checkable
class Pausing(Protocol):
    """A pub/sub component that may be told to hand over nothing new, while what is subscribed to stays so."""

    async def pause(self) -> None:
        """Return once what it has handed over is handled; at once where it cannot. Raises ComponentError."""
        ...


@dataclass(frozen=True, slots=True)
class StateOptions:
    concurrency: Literal["", "first-write", "last-write"] = ""
    consistency: Literal["", "eventual", "strong"] = ""


@dataclass(frozen=True, slots=True)
class Set:
    """Write `value`: JSON, or bytes as they came over gRPC. `key` has its prefix."""

    key: str
    value: Json | bytes
    etag: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    options: StateOptions = StateOptions()


@dataclass(frozen=True, slots=True)
class Delete:
    key: str
    etag: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    options: StateOptions = StateOptions()


@dataclass(frozen=True, slots=True)
class Found:
    """`data` is the value as it is sent to the app; `problem` says why one that is there cannot be sent.

    `metadata` is what a store tells of it beside that.
    """

    data: bytes
    etag: str | None = None
    expires: datetime | None = None
    problem: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


class StateStore(Protocol):
    traits: StateTraits

    async def get(self, keys: Sequence[str]) -> Mapping[str, Found]:
        """What is there for `keys`, the absent and the expired left out. Raises ComponentError."""
        ...

    async def set(self, operation: Set) -> None:
        """Raises EtagMismatchError, EtagInvalidError, ComponentError."""
        ...

    async def delete(self, operation: Delete) -> None:
        """Succeeds too where nothing is there. Raises EtagMismatchError, EtagInvalidError, ComponentError."""
        ...

    async def close(self) -> None: ...


@runtime_checkable
class KeyListing(Protocol):
    """A state store that can say which keys it has. An app cannot ask for that: a person can."""

    async def keys(self, prefix: str, limit: int) -> Sequence[str]:
        """The first `limit` of those that begin with `prefix`, sorted; the expired are left out.

        Raises ComponentError.
        """
        ...


@runtime_checkable
class Transactional(Protocol):
    async def transact(self, operations: Sequence[Set | Delete]) -> None:
        """All or nothing, in order. Raises EtagMismatchError, EtagInvalidError, ComponentError."""
        ...


@runtime_checkable
class Sealing(Protocol):
    """A state store that encrypts what it keeps."""

    def sealed(self, operation: Set) -> Set:
        """`operation` as it is kept: what tells of it elsewhere tells no more than the store does."""
        ...


class SecretStore(Protocol):
    traits: Traits

    async def get(self, name: str) -> Mapping[str, str]:
        """The keys and values of secret `name`. Raises ComponentError where it does not exist."""
        ...

    async def get_all(self) -> Mapping[str, Mapping[str, str]]: ...

    async def close(self) -> None: ...
