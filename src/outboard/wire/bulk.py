"""A bulk delivery: many events in one request, each read on its own.

A body is read in one of three ways, each tried where the one before it did not do:

    way          does                                    an entry then has
    not at all   where the type's name is nowhere in it  - (it is no bulk delivery)
    in one pass  where pydantic can read all of it       its event, if that is valid and whole; else None
    in slices    for any JSON object of that type        None

For an entry without an event, `BulkRequest.raw` gives its bytes, to be read as a delivery of it alone would
be: that finds out what is wrong, and says it in the same words.

Source: Dapr, "Publish and subscribe to bulk messages", and daprd 1.18 for what its requests hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Final, Generic, Literal, NamedTuple, NotRequired, TypeVar

from pydantic import Field, TypeAdapter
from pydantic_core import from_json
from typing_extensions import TypedDict

from outboard.wire.dapr import BULK_EVENT_TYPE
from outboard.wire.events import Event, EventCodec
from outboard.wire.jsonslices import decoded, encoded, skip, to_end, walk_array, walk_object

__all__ = ["BulkCodec", "BulkEntry", "BulkRequest", "UnreadableBulk"]

T = TypeVar("T")
E = TypeVar("E")

TYPE: Final = BULK_EVENT_TYPE.encode("ascii")
NO_METADATA: Final[Mapping[str, str]] = {}


class UnreadableBulk(ValueError):
    """A bulk delivery of which no entry can be told from another."""


class BulkEntry(NamedTuple, Generic[T]):
    """One entry. `event` is None where it could not be read at once and whole: its raw form tells more.

    `content_type` is empty where the entry names none.
    """

    position: int
    entry_id: str
    event: Event[T] | None
    metadata: Mapping[str, str]
    content_type: str


@dataclass(frozen=True)
class BulkRequest(Generic[T]):
    """A batch as it was delivered. Entries without an id are left out: nothing could be said of them.

    `id` is new for each request, while the ids of entries are often their numbers.
    """

    body: bytes
    id: str
    topic: str
    pubsub: str
    entries: Sequence[BulkEntry[T]]

    def raw(self, entry: BulkEntry[T]) -> bytes:
        """The event of `entry` as it stands in the request, byte for byte."""
        return self._slices[entry.position].get("event", b"null")

    @cached_property
    def _slices(self) -> list[dict[str, bytes]]:
        return _Sliced(self.body).entries


class _Item(TypedDict, Generic[E]):
    entryId: str
    event: E
    metadata: NotRequired[dict[str, str] | None]
    contentType: NotRequired[str | None]


class _Envelope(TypedDict, Generic[E]):
    type: Literal["com.dapr.event.sent.bulk"]
    id: NotRequired[str]
    topic: NotRequired[str]
    pubsubname: NotRequired[str]
    entries: list[_Item[E]]


class BulkCodec(Generic[T]):
    """Reads bulk deliveries of events with data of type `T`. Compile it once and keep it."""

    def __init__(self, codec: EventCodec[T]) -> None:
        self._codec = codec

    def decode(self, body: bytes) -> BulkRequest[T] | None:
        """Read a batch; None where `body` is none.

        Everything is read in one pass if it can be; an event that is not valid keeps no other from being
        read. Raises UnreadableBulk.
        """
        if TYPE not in body:  # a look at the bytes is much quicker than to parse what may be any event
            return None
        envelopes = self._envelopes
        try:
            envelope = envelopes.validate_json(body)
        except Exception:  # it need not be pydantic's: a validator of the author's may fail in its own way
            return _from_slices(body)
        entries = [
            BulkEntry(
                position,
                item["entryId"],
                self._whole(item["event"]),
                item.get("metadata") or NO_METADATA,
                item.get("contentType") or "",
            )
            for position, item in enumerate(envelope["entries"])
            if item["entryId"]  # what is answered names entries by their ids
        ]
        request_id = envelope.get("id", "")
        return BulkRequest(
            body, request_id, envelope.get("topic", ""), envelope.get("pubsubname", ""), entries
        )

    def _whole(self, event: object) -> Event[T] | None:
        return event if isinstance(event, Event) and self._codec.is_whole(event) else None

    @cached_property
    def _envelopes(self) -> TypeAdapter[_Envelope[object]]:
        model: Any = Event[self._codec.model]  # type: ignore[name-defined]
        # What is no valid event is anything: so it does not keep the others from being read.
        if_valid: Any = Annotated[model | Any, Field(union_mode="left_to_right")]
        envelope: Any = _Envelope
        return TypeAdapter(envelope[if_valid])


def _from_slices(body: bytes) -> BulkRequest[Any] | None:
    """The long way, taken where one entry spoils the reading of all: each is looked at alone."""
    try:
        sliced = _Sliced(body)
    except ValueError as error:
        raise UnreadableBulk(f"it is not JSON: {error}") from None
    if sliced.value("type") != BULK_EVENT_TYPE:
        return None
    if not sliced.has_entries:
        raise UnreadableBulk("it has no list of entries")
    entries = [_entry(*item) for item in enumerate(sliced.entries)]
    named = [entry for entry in entries if entry.entry_id]
    request_id, topic, pubsub = (_text(sliced.value(name)) for name in ("id", "topic", "pubsubname"))
    return BulkRequest(body, request_id, topic, pubsub, named)


def _entry(position: int, members: Mapping[str, bytes]) -> BulkEntry[Any]:
    pairs = _value(members.get("metadata", b"null"))
    given = pairs.items() if isinstance(pairs, dict) else ()
    metadata = {name: value for name, value in given if isinstance(value, str)}
    entry_id, content_type = (
        _text(_value(members.get(name, b"null"))) for name in ("entryId", "contentType")
    )
    return BulkEntry(position, entry_id, None, metadata, content_type)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _value(raw: bytes) -> object:
    try:
        value: object = from_json(raw)
    except ValueError:
        return None
    return value


class _Sliced:
    """The raw members of a bulk delivery, and those of each of its entries. Raises JSONDecodeError."""

    def __init__(self, body: bytes) -> None:
        self.entries: list[dict[str, bytes]] = []
        self.has_entries = False
        self._members: dict[str, bytes] = {}
        self._text = decoded(body)
        to_end(self._text, walk_object(self._text, 0, self._member))

    def value(self, name: str) -> object:
        return _value(self._members.get(name, b"null"))

    def _member(self, name: str, at: int) -> int:
        if name == "entries" and self._text.startswith("[", at):
            self.has_entries, self.entries = True, []  # of a name that comes twice, JSON takes the last
            return walk_array(self._text, at, self._item)
        end = skip(self._text, at)
        self._members[name] = encoded(self._text[at:end])
        return end

    def _item(self, at: int) -> int:
        members: dict[str, bytes] = {}
        self.entries.append(members)
        if not self._text.startswith("{", at):
            return skip(self._text, at)

        def member(name: str, at: int) -> int:
            end = skip(self._text, at)
            members[name] = encoded(self._text[at:end])
            return end

        return walk_object(self._text, at, member)
