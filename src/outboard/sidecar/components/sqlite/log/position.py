"""How far a group has come in a partition, with what it has settled behind an event that is not. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

__all__ = ["SETTLED", "Hold", "Position", "offsets_as_text", "offsets_from_text"]

MOST_UNSETTLED: Final = 1_000
"""Offsets that are remembered of one partition: what lies behind the last of them comes again."""

# Of an event `e` and a row `p` of the table of positions; see `Position`. The commas keep 12 from being found
# in 112.
SETTLED: Final = (
    "(e.offset <= max(p.committed, ifnull(p.skip, 0)) OR (e.offset <= p.reached AND "
    "instr(',' || p.unsettled || ',', ',' || e.offset || ',') = 0))"
)


class Hold(NamedTuple):
    """Why a partition stands still: its first event failed so often, the first time at `since`.

    `since` is in milliseconds since 1970, `reason` is of the last failure. One that did not fail yet is under
    way since then.
    """

    attempts: int
    since: int
    reason: str


class Position(NamedTuple):
    """All events up to offset `committed` are settled, and those up to `reached` that are not `unsettled`.

    `unsettled` is in ascending order, and empty where nothing behind `committed` is known of.
    """

    committed: int
    unsettled: tuple[int, ...] = ()
    reached: int = 0
    hold: Hold | None = None

    @property
    def is_plain(self) -> bool:
        """Whether `committed` says it all."""
        return not self.unsettled

    @classmethod
    def behind(cls, unsettled: Iterable[int], reached: int) -> Position:
        """Of all events up to `reached` only these, in ascending order, are not settled."""
        left = tuple(unsettled)
        if not left:
            return cls(reached)
        if len(left) > MOST_UNSETTLED:
            left, reached = left[:MOST_UNSETTLED], left[MOST_UNSETTLED] - 1
        return cls(left[0] - 1, left, max(reached, left[-1]))

    def passed(self, offset: int) -> Position:
        """The same once all events up to `offset` are settled."""
        if offset <= self.committed:
            return self
        return Position.behind((each for each in self.unsettled if each > offset), max(offset, self.reached))


def offsets_as_text(offsets: Iterable[int]) -> str:
    """As the table has them."""
    return ",".join(map(str, offsets))


def offsets_from_text(text: str) -> tuple[int, ...]:
    """What `offsets_as_text` has made."""
    return tuple(int(part) for part in text.split(",") if part)
