"""The dead letter of an event: the event as it came, and five attributes that say what happened. Pure.

daprd's own dead letter is the event unchanged, without a reason; so the kit makes one.
"""

from __future__ import annotations

import base64
import json
import string
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic_core import from_json, to_json

from outboard.errors import InvalidCloudEvent
from outboard.wire.dapr import EVENT_TYPE
from outboard.wire.deadletters import ERROR, SIZE, written
from outboard.wire.events import EventCodec
from outboard.wire.identity import raw_event_id
from outboard.wire.partitioning import partition_key
from outboard.wire.tracing import TraceContext

__all__ = ["Envelope", "content_id", "cut_down", "dead_letter", "has_position", "read_envelope"]

POSITION_HEADERS: Final = ("__topic", "__partition", "__offset")
NAME_CHARACTERS: Final = frozenset(string.ascii_lowercase + string.digits)
IDENTITY: Final = ("source", "id", "type")
DATA: Final = frozenset({"data", "data_base64", "datacontenttype", "dataschema"})
KEPT_OF_BODY: Final = 64 * 1024
KEPT_OF_ATTRIBUTE: Final = 1024
KEPT_ATTRIBUTES: Final = 32
LEFT_OUT: Final = frozenset({ERROR, "expiration"})
ANY_EVENT: Final = EventCodec(object)


@dataclass(frozen=True, slots=True)
class Envelope:
    """An event as it was delivered, whether or not it is a valid one: its members, and the broker's key."""

    members: Mapping[str, Any]
    key: str | None

    @property
    def identity(self) -> tuple[str, str]:
        """The source and the id, by which consumers tell events apart."""
        return str(self.members["source"]), str(self.members["id"])

    @property
    def trace_headers(self) -> dict[str, str]:
        """The trace that the event belongs to; daprd writes these headers into the dead letter."""
        trace = TraceContext.parse(self.members.get("traceparent"), self.members.get("tracestate"))
        return {} if trace is None else trace.attributes


def read_envelope(body: bytes, headers: Mapping[str, str]) -> Envelope:
    """Read what was delivered. Never fails: what is not an object, or no event by any change of an attribute,
    becomes the data of one.

    Header names are in lower case. What is missing of the required attributes is filled in; an id is made
    of the content, so that each delivery has the same. An attribute that no event can have is set aside in
    an extension (`time` in `invalidtime`): a dead letter that is poison itself would block its topic.
    """
    defaults = {
        "specversion": "1.0",
        "id": content_id(body, headers),
        "source": "unknown",
        "type": EVENT_TYPE,
    }
    known = _object(body)
    said = headers.get("content-type", "")
    as_it_is = [known] if _can_be_written(known) else []
    # The bytes need not be what is said of them.
    candidates = [*as_it_is, _as_data(known, body, said), _as_data(known, body, "")]
    readable = (_readable(candidate, defaults) for candidate in candidates)
    members = next((found for found in readable if found), {**_as_data({}, body, ""), **defaults})
    key = partition_key(members, headers)
    return Envelope(members, key if key is None or key.isprintable() else None)


def dead_letter(
    envelope: Envelope, *, reason: str, origin: str, attempts: int, now: datetime, error: str = ""
) -> bytes:
    """The structured CloudEvent to publish: the event as it was, and the attributes of a dead letter.

    Its `expiration` says how long the event is worth handling: a dead letter of it is there to be looked at,
    and a sidecar would drop it without a word, before it is collected.
    """
    as_it_was = {name: value for name, value in envelope.members.items() if name not in LEFT_OUT}
    return to_json({**as_it_was, **written(reason, origin, attempts, now, error)})


def cut_down(envelope: Envelope, body: bytes) -> Envelope:
    """The envelope of an event whose dead letter is too large for the way: short, and it says so.

    Its data are the first 64 KiB of the `body` that was delivered, and `deadlettersize` is the size of all
    of it in bytes. Attributes longer than 1,024 characters are left out, and those after the 32nd.
    """
    short = [
        (name, value)
        for name, value in envelope.members.items()
        if name not in DATA and max(len(name), len(str(value))) <= KEPT_OF_ATTRIBUTE
    ]
    required = {"specversion": "1.0", "id": content_id(body, {}), "source": "unknown", "type": EVENT_TYPE}
    data = {
        "datacontenttype": "application/octet-stream",
        "data_base64": base64.b64encode(body[:KEPT_OF_BODY]).decode("ascii"),
        SIZE: len(body),
    }
    known = {name: value for name, value in short if name in required}
    others = dict([pair for pair in short if pair[0] not in required][:KEPT_ATTRIBUTES])
    key = envelope.key if envelope.key is None or len(envelope.key) <= KEPT_OF_ATTRIBUTE else None
    return Envelope({**required, **known, **others, **data}, key)


def has_position(headers: Mapping[str, str]) -> bool:
    """Whether the broker said where the event lies, by which it is told from others of the same content."""
    return any(headers.get(name) for name in POSITION_HEADERS[1:])


def content_id(body: bytes, headers: Mapping[str, str]) -> str:
    """An id made of what was delivered, and of where it lies in the broker, if that is known."""
    topic, partition, offset = (headers.get(name, "") for name in POSITION_HEADERS)
    return raw_event_id(topic, partition, offset, body)


def _as_data(known: Mapping[str, Any], body: bytes, content_type: str) -> dict[str, Any]:
    """All of `body` as the data of an event, which is told apart as the object in it was."""
    is_envelope_type = "cloudevents" in content_type or not content_type
    return {
        **{name: value for name, value in known.items() if name in IDENTITY and isinstance(value, str)},
        "datacontenttype": "application/octet-stream" if is_envelope_type else content_type,
        "data_base64": base64.b64encode(body).decode("ascii"),
    }


def _object(body: bytes) -> dict[str, Any]:
    """Empty where `body` is no JSON object."""
    try:
        members = from_json(body, allow_inf_nan=False)
    except ValueError:
        return {}
    return members if isinstance(members, dict) else {}


def _can_be_written(members: Mapping[str, Any]) -> bool:
    """Whether the members, written, are what they are: 1e400 is read as infinity, which JSON has not."""
    try:
        from_json(to_json(members), allow_inf_nan=False)
    except ValueError:
        return False
    return bool(members)


def _readable(members: Mapping[str, Any], defaults: Mapping[str, str]) -> dict[str, Any] | None:
    """`members` as an event that `EventCodec` reads; each attribute that keeps it from that is set aside.

    None where that does not help: its data is not of its content type, say.
    """
    found = {**members, **_required(members, defaults)}
    for _ in range(len(found) + 1):
        try:
            ANY_EVENT.decode(to_json(found))
        except InvalidCloudEvent as error:
            name = error.attribute
            rest = {key: value for key, value in found.items() if key != name}
            replaced = {name: defaults[name]} if name in defaults else {}
            found = {**rest, **replaced, _aside(name): _as_text(found.get(name))}
        except Exception:  # whatever it is: what cannot be read here is kept as data, and told of so
            return None
        else:
            return found
    return None


def _required(members: Mapping[str, Any], defaults: Mapping[str, str]) -> dict[str, str]:
    """The required attributes: a number is one as text, and what is missing has its default."""
    given = {name: members.get(name) for name in defaults}
    numbers = {name: str(value) for name, value in given.items() if type(value) is int}
    texts = {name: value for name, value in given.items() if isinstance(value, str) and value}
    return {**defaults, **numbers, **texts}


def _aside(name: str) -> str:
    return "invalid" + "".join(character for character in name.lower() if character in NAME_CHARACTERS)


def _as_text(value: object) -> str:
    """The value of an extension: a text that can be printed as it is, anything else as JSON."""
    return value if isinstance(value, str) and value.isprintable() else json.dumps(value)
