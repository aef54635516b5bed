"""Which events a person wants to see, as the query of an address has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Final
from urllib.parse import urlencode

from outboard.dashboard.views.rows import EventRow, RowState

__all__ = ["EventFilter", "WantedOutcome"]

LONGEST: Final = 500


class WantedOutcome(StrEnum):
    """`TROUBLED`: any step did not go well, even if a later one did."""

    ANY = ""
    WELL = "well"
    FAILED = "failed"
    WAITING = "waiting"
    TROUBLED = "troubled"


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Empty is anything. `text` may stand anywhere in the ids, the names, the data, or what became of it."""

    topic: str = ""
    app: str = ""
    outcome: WantedOutcome = WantedOutcome.ANY
    key: str = ""
    correlation: str = ""
    text: str = ""
    paused: bool = False

    @classmethod
    def of(cls, query: Mapping[str, str]) -> EventFilter:
        """From an address; what it does not know counts as not said."""
        said = {
            name: query.get(name, "").strip()[:LONGEST] for name in ("topic", "app", "key", "correlation")
        }
        try:
            outcome = WantedOutcome(query.get("outcome", ""))
        except ValueError:
            outcome = WantedOutcome.ANY
        text = query.get("text", "").strip()[:LONGEST]
        return cls(**said, outcome=outcome, text=text, paused=bool(query.get("paused")))

    @property
    def query(self) -> str:
        """The query of an address that says the same, with its question mark; empty where nothing is said."""
        said = {name: value for name, value in asdict(self).items() if value}
        if "paused" in said:
            said["paused"] = "1"
        return f"?{urlencode(said)}" if said else ""

    def but(self, *, paused: bool) -> EventFilter:
        """The same, paused or not."""
        return replace(self, paused=paused)

    @property
    def narrows(self) -> bool:
        """Whether anything is asked for."""
        return replace(self, paused=False) != EventFilter()

    def takes(self, row: EventRow) -> bool:
        """Whether `row` is among them."""
        return (
            (not self.topic or self.topic in row.topics)
            and (not self.app or self.app in row.apps)
            and (not self.key or self.key == row.key)
            and (not self.correlation or self.correlation == row.correlation_id)
            and self._takes_outcome(row)
            and (not self.text or self.text.casefold() in row.haystack)
        )

    def _takes_outcome(self, row: EventRow) -> bool:
        match self.outcome:
            case WantedOutcome.WELL:
                return row.state is RowState.WELL
            case WantedOutcome.FAILED:
                return row.state is RowState.FAILED
            case WantedOutcome.WAITING:
                return row.state is RowState.WAITING
            case WantedOutcome.TROUBLED:
                return row.troubled
            case _:
                return True
