"""What the parts of an inbox say to each other, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from outboard.clock import Clock

__all__ = ["EventName", "Owner"]


class EventName(NamedTuple):
    """By which a consumer knows an event: CloudEvents, "source" and "id".

    `replay` is the id of the replay that brought it, empty for the first time: an event is applied once
    whatever brings it, but each replay has attempts of its own.
    """

    source: str
    id: str
    replay: str = ""


@dataclass(frozen=True, slots=True)
class Owner:
    """The board whose events an inbox keeps."""

    app_id: str
    clock: Clock
