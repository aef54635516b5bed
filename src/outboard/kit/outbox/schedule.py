"""When a staged event may leave, until when, and which others it stands for. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from outboard.kit.arguments import check_instance, shown
from outboard.kit.names import check_text

__all__ = ["AT_ONCE", "LONGEST_DEDUPE_KEY", "Expiry", "Schedule", "check_dedupe_key"]

Expiry: TypeAlias = timedelta | datetime
"""How long from the commit, or a moment with a time zone."""

MILLISECOND: Final = timedelta(milliseconds=1)
LONGEST_DEDUPE_KEY: Final = 250
"""Characters: with the names beside it, what an index of PostgreSQL can hold."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """`after` and `within` count from the flush, `at` and `until` from 1970; all are milliseconds.

    `dedupe_key` is None where the event stands for itself alone.
    """

    after: int | None = None
    at: int | None = None
    within: int | None = None
    until: int | None = None
    dedupe_key: str | None = None

    @classmethod
    def of(
        cls,
        after: timedelta | None = None,
        at: datetime | None = None,
        expires: Expiry | None = None,
        dedupe_key: str | None = None,
    ) -> Schedule:
        """What `Topic.stage` is told. Raises TypeError, ValueError, InvalidName."""
        if after is None and at is None and expires is None and dedupe_key is None:
            return AT_ONCE
        check_instance("after", after, timedelta, "a timedelta")
        check_instance("at", at, datetime, "a datetime")
        check_instance("expires", expires, (timedelta, datetime), "a timedelta or a datetime")
        if after is not None and at is not None:
            raise ValueError("after and at both say when an event is due: give one of them")
        if after is not None and after < timedelta(0):
            raise ValueError(f"after is a time from now on, not {after!r}")
        if dedupe_key is not None:
            check_dedupe_key(dedupe_key)
        within = expires if isinstance(expires, timedelta) else None
        until = expires if isinstance(expires, datetime) else None
        due_in, due_at = _span(after), _moment("at", at)
        expires_in, expires_at = _span(within), _moment("expires", until)
        if expires_in is not None and expires_in <= (due_in or 0):
            raise ValueError(f"expires has to be later than the event is due, not {expires!r}")
        if expires_at is not None and due_at is not None and expires_at <= due_at:
            raise ValueError(f"expires has to be later than the event is due, not {expires!r}")
        return cls(due_in, due_at, expires_in, expires_at, dedupe_key)

    @property
    def is_relative(self) -> bool:
        """Whether the time has to be known."""
        return self.after is not None or self.within is not None or self.dedupe_key is not None

    def due_at(self, now: int) -> int:
        """Since 1970; 0 for one that may leave with those beside it."""
        if self.after is not None:
            return now + self.after
        if self.at is not None:
            return max(self.at, 1)
        return 0 if self.dedupe_key is None else now

    def expires_at(self, now: int) -> int | None:
        """Since 1970; None for never."""
        return self.until if self.within is None else now + self.within


AT_ONCE: Final = Schedule()
"""As soon as it is committed, whenever that can be."""


def check_dedupe_key(key: str) -> None:
    """Raises InvalidName, ValueError for what is empty or too long."""
    check_text("dedupe key", key)
    if not 0 < len(key) <= LONGEST_DEDUPE_KEY:
        raise ValueError(f"dedupe_key has 1 to {LONGEST_DEDUPE_KEY} characters, not {len(key)}: {shown(key)}")


def _span(time: timedelta | None) -> int | None:
    return None if time is None else time // MILLISECOND


def _moment(name: str, time: datetime | None) -> int | None:
    if time is None:
        return None
    if time.tzinfo is None:
        raise ValueError(f"{name} needs a time zone, such as datetime.now(UTC), not {time!r}")
    return int(time.timestamp() * 1000)
