"""The attributes by which a dead letter says what happened to its event, written and read. Pure.

They are Outboard's own: a dead letter of daprd is the event unchanged, without a reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from outboard.wire.cloudevents import format_time

__all__ = [
    "DEFAULT_SUFFIX",
    "ERROR",
    "REASON",
    "SIZE",
    "DeadLetterAttributes",
    "DeadLetterOrigin",
    "default_topic",
    "origin",
    "without",
    "written",
]

REASON: Final = "deadletterreason"
ORIGIN: Final = "deadletterorigin"
ATTEMPTS: Final = "deadletterattempts"
TIME: Final = "deadlettertime"
SIZE: Final = "deadlettersize"
ERROR: Final = "deadlettererror"
OURS: Final = frozenset({REASON, ORIGIN, ATTEMPTS, TIME, SIZE, ERROR})
MAX_REASON: Final = 1000
DEFAULT_SUFFIX: Final = "-dead"


def default_topic(topic: str) -> str:
    """The dead letter topic of `topic`, where nobody names one."""
    return topic + DEFAULT_SUFFIX


def written(reason: str, origin: str, attempts: int, now: datetime, error: str = "") -> dict[str, str | int]:
    """The attributes to add to an event: `origin` is made by the function of that name.

    `attempts` is the number of times that the process was given the event; `error` is the type of what was
    raised, where something was. A reason is cut to 1,000 characters, and what cannot be printed is a space in
    it: an attribute may not hold it.
    """
    return {
        REASON: _printable(reason)[:MAX_REASON],
        ORIGIN: origin,
        ATTEMPTS: attempts,
        TIME: format_time(now),
        **({ERROR: _printable(error)[:MAX_REASON]} if error else {}),
    }


def without(members: Mapping[str, object]) -> dict[str, object]:
    """The event that a dead letter is of: its `members` without what the attributes here say."""
    return {name: value for name, value in members.items() if name not in OURS}


def origin(app_id: str, pubsub: str, topic: str, route: str) -> str:
    """Where a dead letter comes from, as a URI reference: `//app-id/pubsub/topic#/route`."""
    path = "/".join(quote(part, safe="") for part in (app_id, pubsub, topic))
    return f"//{path}#{quote(route, safe='/')}"


@dataclass(frozen=True, slots=True)
class DeadLetterOrigin:
    """The handler that failed, and the topic that it was given the event from; each empty if not known."""

    app_id: str = ""
    pubsub: str = ""
    topic: str = ""
    route: str = ""

    @classmethod
    def read(cls, text: str) -> DeadLetterOrigin:
        """What `origin` has written. Of anything else nothing is known: anybody may write the attribute."""
        try:
            parts = urlsplit(text)
        except ValueError:  # not each text is a URI: `//[`
            return cls()
        names = [unquote(part) for part in parts.path.split("/")[1:]]
        if not parts.netloc or len(names) != 2:
            return cls()
        return cls(unquote(parts.netloc), names[0], names[1], unquote(parts.fragment))


@dataclass(frozen=True, slots=True)
class DeadLetterAttributes:
    """As they were found. `attempts` is None where it is no whole number; `time` is RFC 3339.

    `error` is the type of what was raised, empty where nothing was.
    """

    reason: str
    origin: str
    attempts: int | None
    time: str
    error: str = ""

    @classmethod
    def read(cls, members: Mapping[str, object]) -> DeadLetterAttributes | None:
        """Those among the `members` of an envelope; None where it gives no reason."""
        if REASON not in members:
            return None
        attempts = members.get(ATTEMPTS)
        return cls(
            reason=str(members[REASON]),
            origin=str(members.get(ORIGIN, "")),
            attempts=attempts if type(attempts) is int else None,
            time=str(members.get(TIME, "")),
            error=str(members.get(ERROR) or ""),
        )

    @property
    def topic(self) -> str:
        """The topic that the event came from, empty where the origin names none."""
        try:
            path = urlsplit(self.origin).path
        except ValueError:  # anybody may write the attribute, and not each text is a URI: `//[`
            return ""
        return unquote(path.rpartition("/")[2])


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
