"""What a relay has sent, and the database does not know yet. No I/O."""

from __future__ import annotations

from typing import Final, NamedTuple

from outboard.kit.outbox.port import Postponed, Refused, Settlement, StoredEvent

__all__ = ["PAGE_SECONDS", "UNSETTLED_EVENTS", "Ledger", "Page"]

UNSETTLED_EVENTS: Final = 256
"""So many events can come twice when a relay is killed."""
PAGE_EVENTS: Final = 64
PAGE_SECONDS: Final = 0.02


class Page(NamedTuple):
    """What is written down in one transaction, and the lanes that go on after it."""

    settlement: Settlement
    lanes: set[int]


class Ledger:
    """An event is under way from `sent` to the one call that says how it ended; then it waits to be written.

    How many there are is counted from what is here: no way to an end can forget to give a place back.
    """

    def __init__(self) -> None:
        self._under_way = 0
        self._page = Page(Settlement(), set())
        self._noted = 0
        """How many events are in the page: it is asked several times for each of them."""
        self._writing = 0

    @property
    def is_full(self) -> bool:
        """Whether no more may be sent before something is written down."""
        return self._under_way + self._noted + self._writing >= UNSETTLED_EVENTS

    @property
    def has_more(self) -> bool:
        """Whether something is to be written."""
        return self._noted > 0

    def is_due(self, waited: float) -> bool:
        """Whether to write now, so many seconds after the last time.

        At once where nothing is under way that could be written with it, a lane waits for it, or it is much.
        A transaction for each event of a busy lane would take more time than its publish.
        """
        page = self._page
        return (
            not self._under_way
            or bool(page.lanes)
            or self._noted >= PAGE_EVENTS
            or (waited >= PAGE_SECONDS and self._noted > 0)
        )

    def sent(self) -> None:
        """One more is under way."""
        self._under_way += 1

    def delivered(self, event: StoredEvent) -> None:
        """The broker has it: it is to be deleted, and its lane goes on meanwhile."""
        self._under_way -= 1
        self._noted += 1
        self._page.settlement.delivered.append(event.sequence)

    def refused(self, event: StoredEvent, reason: str) -> None:
        """It is to be parked; its lane waits until that is written."""
        self._stopped(event)
        self._noted += 1
        self._page.settlement.refused.append(Refused(event.sequence, reason, event.attempts))

    def postponed(self, event: StoredEvent, seconds: float, reason: str) -> None:
        """It is to be put off; its lane waits until that is written."""
        self._stopped(event)
        self._noted += 1
        self._page.settlement.postponed.append(Postponed(event.sequence, seconds, reason))

    def unanswered(self, event: StoredEvent) -> None:
        """Nothing is to be written of it; its lane is fetched again after the next page."""
        self._stopped(event)

    def turn(self) -> Page:
        """Take what is to be written; `written` or `not_written` is to follow."""
        page, self._page = self._page, Page(Settlement(), set())
        self._writing, self._noted = self._noted, 0
        return page

    def written(self) -> None:
        """What was taken is in the database."""
        self._writing = 0

    def not_written(self, page: Page) -> None:
        """It is still to be written, before what has come meanwhile."""
        self._noted, self._writing = self._noted + self._writing, 0
        self._page = Page(page.settlement.before(self._page.settlement), page.lanes | self._page.lanes)

    def _stopped(self, event: StoredEvent) -> None:
        self._under_way -= 1
        self._page.lanes.add(event.lane)
