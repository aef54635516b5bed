"""A canary: an event that a person sends along a way to see that it is open; the kit answers it. Pure."""

from __future__ import annotations

import json
from typing import Final

__all__ = ["CANARIES_PATH", "CANARY_TYPE", "MARK", "canary_id", "new_canary"]

CANARY_TYPE: Final = "dev.outboard.canary"
MARK: Final = CANARY_TYPE.encode()
"""What a request holds that has a canary in it: looked for before anything is taken apart."""
SOURCE: Final = "outboard-doctor"
CANARIES_PATH: Final = "/dapr/outboard/canaries"
"""Where an app of the kit tells which canaries have come to it."""


def new_canary(id: str) -> bytes:
    """The CloudEvent, structured."""
    event = {"specversion": "1.0", "id": id, "source": SOURCE, "type": CANARY_TYPE, "data": {}}
    return json.dumps({**event, "datacontenttype": "application/json"}).encode()


def canary_id(event: bytes) -> str | None:
    """The id of the canary that `event` is; None where it is another event."""
    try:
        members = json.loads(event)
    except ValueError:
        return None
    is_canary = isinstance(members, dict) and members.get("type") == CANARY_TYPE
    return str(members.get("id", "")) if is_canary else None
