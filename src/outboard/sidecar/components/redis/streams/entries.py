"""Messages as entries of a stream, in daprd's layout, and back. Pure.

An entry has the fields `data`, the payload, and `metadata`, a JSON object of strings.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from outboard.gojson import encoding
from outboard.sidecar.components.port import Message, StoredPlace
from outboard.sidecar.components.redis.client.port import RedisCommand, RedisReply

__all__ = [
    "Pending",
    "StreamEntry",
    "Trimming",
    "addition",
    "after",
    "read_claimed",
    "read_entries",
    "read_pending",
]


@dataclass(frozen=True, slots=True)
class StreamEntry:
    """`problem` says what of the metadata could not be read, if anything."""

    id: bytes
    message: Message
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Pending:
    """An entry that some consumer of the group got `idle` seconds ago and has not settled."""

    id: bytes
    idle: float


@dataclass(frozen=True, slots=True)
class Trimming:
    """What each addition leaves of a stream, about: `length` entries, or those of the last `life` seconds."""

    length: int = 0
    life: float = 0.0

    def arguments(self, now: float) -> RedisCommand:
        """The arguments of XADD; `now` is in seconds since 1970."""
        if self.length > 0:
            return ("MAXLEN", "~", self.length)
        return ("MINID", "~", f"{int((now - self.life) * 1_000)}-1") if self.life else ()


def addition(topic: str, message: Message, trimming: Trimming, now: float) -> RedisCommand:
    """The command that appends `message` to the stream of `topic`."""
    metadata = encoding.encode(dict(message.metadata))
    return ("XADD", topic, *trimming.arguments(now), "*", "data", message.data, "metadata", metadata)


def read_entries(reply: RedisReply) -> list[StreamEntry]:
    """The entries of the one stream in a reply to XREADGROUP, in their order."""
    streams = reply if isinstance(reply, list) else []
    return [entry for _, entries in streams for entry in read_claimed(entries)]


def read_claimed(reply: RedisReply) -> list[StreamEntry]:
    """The entries in a reply to XCLAIM; of one that was deleted meanwhile nothing is left."""
    entries = reply if isinstance(reply, list) else []
    return [_entry(*each) for each in entries if each is not None]


def read_pending(reply: RedisReply) -> list[Pending]:
    """The entries in a reply to XPENDING with a range."""
    entries = reply if isinstance(reply, list) else []
    return [Pending(entry_id, idle / 1_000) for entry_id, _, idle, _ in entries]


def after(entry: bytes) -> str:
    """The lowest ID behind that of `entry`."""
    milliseconds, _, sequence = entry.decode().partition("-")
    return f"{milliseconds}-{int(sequence) + 1}"


def _entry(entry_id: bytes, values: Sequence[bytes] | None) -> StreamEntry:
    values = values or ()
    fields = dict(zip(values[::2], values[1::2], strict=True))
    metadata, problem = _metadata(fields.get(b"metadata", b""))
    place = StoredPlace("", entry_id.decode("ascii", "replace"))
    return StreamEntry(entry_id, Message(fields.get(b"data", b""), metadata, place=place), problem)


def _metadata(text: bytes) -> tuple[dict[str, str], str]:
    if not text:
        return {}, ""
    try:
        value = json.loads(text)
    except ValueError as error:
        return {}, str(error)
    if not isinstance(value, dict):
        return {}, "" if value is None else "not a JSON object"
    return dict(_texts(value)), "" if len(dict(_texts(value))) == len(value) else "a value is no string"


def _texts(value: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for name, item in value.items():
        if isinstance(item, str):
            yield name, item
        elif item is None:
            yield name, ""
