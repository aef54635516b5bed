"""The dead letter of an event: the event as it came, and four attributes that say what happened. Pure.

daprd's own dead letter is the event unchanged, without a reason; so the kit makes one.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from pydantic_core import from_json, to_json

from outboard.wire.cloudevents import format_time
from outboard.wire.dapr import EVENT_TYPE
from outboard.wire.tracing import TraceContext

__all__ = ["Envelope", "dead_letter", "origin", "read_envelope"]

KEY_HEADERS: Final = ("__key", "partitionkey")
POSITION_HEADERS: Final = ("__topic", "__partition", "__offset")
MAX_REASON: Final = 1000


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
        if trace is None:
            return {}
        tracestate = {"tracestate": trace.tracestate} if trace.tracestate else {}
        return {"traceparent": trace.traceparent, **tracestate}


def read_envelope(body: bytes, headers: Mapping[str, str]) -> Envelope:
    """Read what was delivered. Never fails: what is not an object becomes the data of one.

    Header names are in lower case. What is missing of the required attributes is filled in; an id is made
    of the content, so that each delivery has the same.
    """
    try:
        members = from_json(body, allow_inf_nan=False)
    except ValueError:
        members = None
    if not isinstance(members, dict):
        content_type = headers.get("content-type", "")
        is_envelope_type = "cloudevents" in content_type or not content_type
        members = {
            "datacontenttype": "application/octet-stream" if is_envelope_type else content_type,
            "data_base64": base64.b64encode(body).decode("ascii"),
        }
    defaults = {
        "specversion": "1.0",
        "id": _content_id(body, headers),
        "source": "unknown",
        "type": EVENT_TYPE,
    }
    for name, default in defaults.items():
        given = members.get(name)
        if isinstance(given, int) and not isinstance(given, bool):
            members[name] = str(given)
        elif not isinstance(given, str) or not given:
            members[name] = default
    key = next((headers[name] for name in KEY_HEADERS if headers.get(name)), None)
    return Envelope(members, key if key is None or key.isprintable() else None)


def dead_letter(envelope: Envelope, *, reason: str, origin: str, attempts: int, now: datetime) -> bytes:
    """The structured CloudEvent to publish.

    Adds `deadletterreason`; `deadletterorigin`; `deadletterattempts`, the number of times that this process
    was given the event; and `deadlettertime` (RFC 3339). Everything else stays as it was.
    """
    marks = {
        "deadletterreason": _printable(reason)[:MAX_REASON],
        "deadletterorigin": origin,
        "deadletterattempts": attempts,
        "deadlettertime": format_time(now),
    }
    return to_json({**envelope.members, **marks})


def origin(app_id: str, pubsub: str, topic: str, route: str) -> str:
    """Where a dead letter comes from, as a URI reference: `//app-id/pubsub/topic#/route`."""
    path = "/".join(quote(part, safe="") for part in (app_id, pubsub, topic))
    return f"//{path}#{quote(route, safe='/')}"


def _content_id(body: bytes, headers: Mapping[str, str]) -> str:
    position = "/".join(headers.get(name, "") for name in POSITION_HEADERS)
    return hashlib.sha256(position.encode("utf-8", "replace") + b"\n" + body).hexdigest()[:32]


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
