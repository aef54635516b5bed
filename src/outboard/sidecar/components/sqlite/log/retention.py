"""Old events are deleted, whether or not they were consumed, as in Kafka; what was not is told.

The pages that become free are used again, so the file does not grow beyond its bound.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from outboard.sidecar.components.sqlite.log import positions
from outboard.sidecar.components.sqlite.log.position import SETTLED

__all__ = ["LostEvents", "RetentionLimits", "Swept", "sweep"]

EVENTS_AT_ONCE: Final = 500
"""So that nobody who publishes waits long for the deleting of others."""


@dataclass(frozen=True, slots=True)
class RetentionLimits:
    """What may be kept: `age` in milliseconds, `size` of the file in bytes; 0 is without bound."""

    age: int
    size: int


class LostEvents(NamedTuple):
    """So many events of `topic` were deleted before `group` had consumed them."""

    group: str
    topic: str
    events: int


@dataclass(frozen=True, slots=True)
class Swept:
    """What one step has deleted. `more`: another step is due."""

    events: int
    lost: Sequence[LostEvents]
    more: bool


OLDEST: Final = "SELECT offset, published, length(data) AS size FROM events ORDER BY offset LIMIT ?"
LARGEST_PART: Final = (
    "SELECT max(offset) FROM (SELECT offset, sum(size) OVER (ORDER BY offset) - size AS before "
    f"FROM ({OLDEST})) WHERE before < ?"
)
"""The last of the oldest events that together are of a size, or a little more."""
OLD_PART: Final = (
    "SELECT max(offset) FROM (SELECT offset, max(published) OVER (ORDER BY offset) AS latest "
    f"FROM ({OLDEST})) WHERE latest < ?"
)
"""The last of the oldest events that are all older than a time."""
GROUPS_LAST: Final = 7 * 24 * 3600 * 1000
"""Milliseconds for which a group is known at least that is not there."""
NOTHING: Final = Swept(0, (), False)


def sweep(connection: sqlite3.Connection, limits: RetentionLimits, now: int) -> Swept:
    """One step of deleting what is beyond `limits`; `now` is in milliseconds since 1970."""
    last = _last_too_much(connection, limits, now)
    if last is None:
        return NOTHING
    if limits.age:
        positions.forget(connection, now - max(limits.age, GROUPS_LAST))
    lost = _unconsumed(connection, last)
    deleted = connection.execute("DELETE FROM events WHERE offset <= ?", (last,)).rowcount
    return Swept(deleted, lost, _last_too_much(connection, limits, now) is not None)


def _last_too_much(connection: sqlite3.Connection, limits: RetentionLimits, now: int) -> int | None:
    """The last offset to delete in the next step; None where all is within the limits."""
    excess = _used(connection) - limits.size if limits.size else 0
    if excess > 0:
        found = connection.execute(LARGEST_PART, (EVENTS_AT_ONCE, excess))
    elif limits.age:
        found = connection.execute(OLD_PART, (EVENTS_AT_ONCE, now - limits.age))
    else:
        return None
    (last,) = found.fetchone()
    return None if last is None else int(last)


def _used(connection: sqlite3.Connection) -> int:
    def asked(pragma: str) -> int:
        (value,) = connection.execute(f"PRAGMA {pragma}").fetchone()
        return int(value)

    return (asked("page_count") - asked("freelist_count")) * asked("page_size")


def _unconsumed(connection: sqlite3.Connection, last: int) -> list[LostEvents]:
    rows = connection.execute(
        "SELECT p.consumer_group, t.name, count(*) FROM events AS e "
        "JOIN topics AS t ON t.id = e.topic "
        "JOIN positions AS p ON p.topic = e.topic AND p.partition = e.partition "
        f"WHERE e.offset <= ? AND e.offset > p.committed AND NOT {SETTLED} GROUP BY p.consumer_group, t.name",
        (last,),
    )
    return [LostEvents(*row) for row in rows]
