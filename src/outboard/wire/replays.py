"""The attributes by which an event that is published once more says for whom, written and read. Pure.

Every subscriber of a topic gets what is published to it. A dead letter that goes back is for the app alone
that failed at it: those on the kit pass it by if they are not meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = [
    "REPLAY_ID",
    "REPLAY_MARK",
    "REPLAY_TO",
    "addressee",
    "replay_attributes",
    "replay_id",
    "without_replay",
]

REPLAY_TO: Final = "replayto"
REPLAY_ID: Final = "replayid"
REPLAY_MARK: Final = REPLAY_TO.encode()
"""What the bytes of an event have in them that is for one app."""


def replay_attributes(id: str, app_id: str = "") -> dict[str, str]:
    """Those to add to an event. `id` is that of this replay; it is for everybody if `app_id` is empty."""
    return {REPLAY_ID: id, **({REPLAY_TO: app_id} if app_id else {})}


def without_replay(members: Mapping[str, object]) -> dict[str, object]:
    """The `members` of an event without what an earlier replay has added."""
    return {name: value for name, value in members.items() if name not in (REPLAY_TO, REPLAY_ID)}


def addressee(members: Mapping[str, object]) -> str:
    """The app that an event is for; empty where it is for everybody."""
    return _text(members.get(REPLAY_TO))


def replay_id(members: Mapping[str, object]) -> str:
    """The id of the replay that an event is of; empty where it is of none."""
    return _text(members.get(REPLAY_ID))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
