"""What a request to an app delivers, as far as tests want to know it. Pure.

Source: Dapr, "Pub/sub API reference", and "Publish and subscribe to bulk messages".
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from outboard.wire.http import Request

__all__ = ["Delivered", "delivered_in", "status_of"]


class Delivered(NamedTuple):
    """Events of one topic, and the bytes of each. `entries` are the ids of a bulk delivery, else empty."""

    pubsub: str
    topic: str
    ids: tuple[str, ...]
    events: tuple[bytes, ...]
    entries: tuple[str, ...] = ()


def delivered_in(request: Request) -> Delivered | None:
    """None where the request is no delivery of events that say where they come from."""
    if request.method != "POST":
        return None
    members = _object(request.body)
    entries = members.get("entries")
    if isinstance(entries, list):
        events = [entry.get("event") if isinstance(entry, dict) else None for entry in entries]
        return Delivered(
            str(members.get("pubsubname", "")),
            str(members.get("topic", "")),
            tuple(str(event.get("id", "")) if isinstance(event, dict) else "" for event in events),
            tuple(json.dumps(event).encode() for event in events),
            tuple(str(entry.get("entryId", "")) for entry in entries if isinstance(entry, dict)),
        )
    if "id" in members and "topic" in members:
        pubsub, topic = str(members.get("pubsubname", "")), str(members["topic"])
        return Delivered(pubsub, topic, (str(members["id"]),), (request.body,))
    return None


def status_of(status: int, body: bytes) -> str:
    """The worst status in an answer: SUCCESS, DROP or RETRY."""
    if status == 404:
        return "DROP"
    if not 200 <= status < 300:
        return "RETRY"
    members = _object(body)
    statuses = members.get("statuses")
    told = statuses if isinstance(statuses, list) else [members]
    said = {str(each.get("status") or "SUCCESS") for each in told}
    return next((each for each in ("RETRY", "DROP") if each in said), "SUCCESS")


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
