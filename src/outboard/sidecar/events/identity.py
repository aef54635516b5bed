"""What a message is known by, before anybody reads it: its ids, and whether it is a dead letter. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from outboard.gojson.rawjson import JsonTextError
from outboard.gojson.values import Json
from outboard.hops.record import EventIdentity
from outboard.sidecar.components.port import Message
from outboard.sidecar.events.fast_path import read_object
from outboard.sidecar.events.received import parse_event
from outboard.wire.cloudevents import PARTITION_KEY_ATTRIBUTE
from outboard.wire.dapr import DEFAULT_SOURCE
from outboard.wire.deadletters import REASON, DeadLetterAttributes
from outboard.wire.identity import raw_event_id
from outboard.wire.partitioning import partition_key

__all__ = [
    "OFFSET",
    "PARTITION",
    "TOPIC",
    "identity_in",
    "identity_of",
    "identity_of_published",
    "is_dead_letter",
    "place_of",
    "position_of",
    "raw_identity",
]

MARK: Final = REASON.encode()
SPECVERSION: Final = "specversion"
TOPIC: Final = "__topic"
PARTITION: Final = "__partition"
OFFSET: Final = "__offset"
"""Of the metadata, as daprd tells where a message lies in Kafka."""


def identity_of(message: Message) -> EventIdentity:
    """Of a message that nobody has read, or that was written here; without ids where it is no CloudEvent."""
    return identity_in(_members(message), message.metadata)


def identity_of_published(message: Message, topic: str) -> EventIdentity:
    """The same of one that was published to `topic`, as its broker calls it. One that is no CloudEvent has
    the id that subscribers are given of it, where the broker has told its place.
    """
    members = _members(message)
    if SPECVERSION in members or not place_of(message)[1]:
        return identity_in(members, message.metadata)
    return raw_identity(message, topic)


def raw_identity(message: Message, topic: str) -> EventIdentity:
    """Of a raw payload: by its place on the broker, where that is known; else it has no id."""
    partition, offset = place_of(message)
    topic = message.metadata.get(TOPIC, topic)
    event_id = raw_event_id(topic, partition, offset, message.data) if offset else ""
    return EventIdentity(event_id, DEFAULT_SOURCE, partition_key({}, message.metadata) or "")


def _members(message: Message) -> Mapping[str, Json]:
    members = message.known if message.known is not None else read_object(message.data)
    return _slowly(message.data) if members is None else members


def _slowly(data: bytes) -> Mapping[str, Json]:
    """What the quick reader does not read (lists within lists, hundreds deep) is delivered all the same."""
    try:
        return parse_event(data)
    except JsonTextError:
        return {}


def identity_in(members: Mapping[str, Json], metadata: Mapping[str, str]) -> EventIdentity:
    """Of an event that is read, with these `members`."""
    is_keyed = PARTITION_KEY_ATTRIBUTE in members or not metadata
    return EventIdentity.of(members, "" if is_keyed else partition_key({}, metadata) or "")


def is_dead_letter(message: Message) -> bool:
    """Whether it says that it is one, as the kit's do."""
    if MARK not in message.data:
        return False
    members = read_object(message.data)  # what is `known` of it does not have these attributes
    return members is not None and DeadLetterAttributes.read(members) is not None


def position_of(message: Message) -> tuple[str, str]:
    """The partition and the offset as the app is told them with it; empty where it is not."""
    metadata = message.metadata
    return metadata.get(PARTITION, ""), metadata.get(OFFSET, "")


def place_of(message: Message) -> tuple[str, str]:
    """The same, also where only the sidecar is told."""
    place = message.place
    return (place.partition, place.offset) if place is not None and place.offset else position_of(message)
