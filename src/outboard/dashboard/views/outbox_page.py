"""An outbox as a person sees it: what waits and since when, what is held up, who relays, what is parked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from outboard.dashboard.views.letter_query import LettersAsked
from outboard.dashboard.views.letters_page import LetterRow
from outboard.kit.outbox.port import Depth

__all__ = ["OutboxView", "RelayRow", "age", "outbox_view"]

WAITS_LONG: Final = 60.0
"""Seconds: what has waited longer is not on its way any more."""
MINUTE: Final = 60
HOUR: Final = 3600


class RelayRow(NamedTuple):
    """A relay that is alive: its process, and the number of its partitions."""

    process: str
    partitions: int


class OutboxView(NamedTuple):
    """`remarks` are sentences on what should not stay so. `parked` are the oldest, `asked` names them.

    `problem` says why it cannot be looked into, and is empty where it can.
    """

    id: str
    title: str
    shown: str
    table: str
    waiting: int
    delayed: int
    oldest: str
    held_lanes: int
    parked_count: int
    relays: Sequence[RelayRow]
    remarks: Sequence[str]
    parked: Sequence[LetterRow]
    asked: LettersAsked
    problem: str = ""


def outbox_view(
    of: tuple[str, str, str],
    table: str,
    depth: Depth,
    held_lanes: int,
    relays: Sequence[RelayRow],
    parked: Sequence[LetterRow],
) -> OutboxView:
    """`of` is the id of the database, its title, and how it is shown."""
    id, title, shown = of
    return OutboxView(
        id, title, shown, table, depth.waiting, depth.delayed,
        age(depth.oldest_age) if depth.waiting else "", held_lanes, depth.parked,
        relays, _remarks(depth, held_lanes, relays), parked,
        LettersAsked(database=id, ids=tuple(each.id for each in parked)),
    )  # fmt: skip


def age(seconds: float) -> str:
    """As a person says it, in two units at most."""
    whole = int(seconds)
    if whole < MINUTE:
        return f"{seconds:.1f} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE} s"
    return f"{whole // HOUR} h {whole % HOUR // MINUTE} min"


def _remarks(depth: Depth, held_lanes: int, relays: Sequence[RelayRow]) -> Sequence[str]:
    found = []
    if not relays:
        found.append("Nobody relays it: what waits goes out once an app with this outbox runs.")
    elif depth.oldest_age > WAITS_LONG:
        found.append("The oldest event has waited for long: see whether the broker takes events.")
    if held_lanes:
        keys = "1 key waits" if held_lanes == 1 else f"{held_lanes:,} keys wait"
        found.append(f"{keys} for an event that failed: later events of a key never overtake it.")
    return found
