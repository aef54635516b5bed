"""Times as a person reads them, in the zone of this machine, and as a machine does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

__all__ = ["Moment", "moment"]


class Moment(NamedTuple):
    """`clock` is the time of day with milliseconds, `iso` all of it, `seconds` since 1970."""

    seconds: float
    clock: str
    iso: str


def moment(seconds: float) -> Moment:
    """Of seconds since 1970; what no calendar has is the beginning of 1970."""
    try:
        at = datetime.fromtimestamp(seconds, UTC).astimezone()
    except (OverflowError, ValueError, OSError):
        at = datetime.fromtimestamp(0, UTC)
    return Moment(seconds, at.strftime("%H:%M:%S.%f")[:-3], at.isoformat(timespec="milliseconds"))
