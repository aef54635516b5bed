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
from outboard.wire.deadletters import REASON, DeadLetterAttributes
from outboard.wire.partitioning import partition_key

__all__ = ["identity_in", "identity_of", "is_dead_letter", "position_of"]

MARK: Final = REASON.encode()


def identity_of(message: Message) -> EventIdentity:
    """Of a message that nobody has read, or that was written here; without ids where it is no CloudEvent."""
    members = message.known if message.known is not None else read_object(message.data)
    return identity_in(_slowly(message.data) if members is None else members, message.metadata)


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
    """The partition and the offset where the broker says that it lies; empty where it does not say."""
    metadata = message.metadata
    return metadata.get("__partition", ""), metadata.get("__offset", "")
