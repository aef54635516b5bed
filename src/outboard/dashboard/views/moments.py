"""Times as a person reads them, in the zone of this machine, and as a machine does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

__all__ = ["Day", "Moment", "day", "moment"]


class Moment(NamedTuple):
    """`clock` is the time of day with milliseconds, `iso` all of it, `seconds` since 1970."""

    seconds: float
    clock: str
    iso: str


class Day(NamedTuple):
    """`clock` is the day and the time of day, `iso` all of it."""

    clock: str
    iso: str


def moment(seconds: float) -> Moment:
    """Of seconds since 1970; what no calendar has is the beginning of 1970."""
    at = _local(seconds)
    return Moment(seconds, at.strftime("%H:%M:%S.%f")[:-3], at.isoformat(timespec="milliseconds"))


def day(seconds: float) -> Day:
    """The same for what may be days old."""
    at = _local(seconds)
    return Day(at.strftime("%Y-%m-%d %H:%M:%S"), at.isoformat(timespec="milliseconds"))


def _local(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC).astimezone()
    except (OverflowError, ValueError, OSError):
        return datetime.fromtimestamp(0, UTC)
