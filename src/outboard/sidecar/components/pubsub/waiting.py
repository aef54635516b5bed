"""What is read of an event that waits, without knowing its type. Pure."""

from __future__ import annotations

import json
from datetime import datetime

from outboard.sidecar.components.pubsub.standing import WaitingEvent

__all__ = ["reason_of", "waiting_event"]

REASON = "deadletterreason"


def waiting_event(offset: int, body: bytes, published: datetime | None) -> WaitingEvent:
    """The event at `offset`, of which `body` is all that is stored."""
    members = _object(body)
    if "specversion" not in members:
        return WaitingEvent(offset, "", published, is_event=False)
    data = members.get("data")
    wraps = isinstance(data, dict) and "specversion" in data and "type" in data
    return WaitingEvent(offset, str(members.get("id", "")), published, wraps=wraps)


def reason_of(body: bytes) -> str:
    """Why an event is a dead letter, where it says so."""
    return str(_object(body).get(REASON, ""))


def _object(body: bytes) -> dict[str, object]:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
