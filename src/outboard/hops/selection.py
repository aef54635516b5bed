"""Which of the recorded events somebody asks for. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from outboard.hops.record import Hop, is_unwell
from outboard.hops.story import EventStory

__all__ = ["Selection", "near"]

MOST_NEAR = 3


@dataclass(frozen=True, slots=True)
class Selection:
    """What is asked for; empty is anything. `since` is in seconds since 1970; with `failed` it is those of
    which any step did not go well.
    """

    event_id: str = ""
    topic: str = ""
    key: str = ""
    app_id: str = ""
    correlation_id: str = ""
    since: float = 0.0
    failed: bool = False

    def takes(self, story: EventStory) -> bool:
        """Whether `story` is among them."""
        event = story.event
        asked = (
            (self.event_id, event.event_id),
            (self.key, event.key),
            (self.correlation_id, event.correlation_id),
        )
        return (
            all(not wanted or wanted == found for wanted, found in asked)
            and (not self.failed or story.failed)
            and (not self.topic or any(passage.topic == self.topic for passage in story.passages))
            and (not self.app_id or any(step.hop.app_id == self.app_id for step in story.steps))
            and (not self.since or any(step.hop.at >= self.since for step in story.steps))
        )

    def takes_hop(self, hop: Hop) -> bool:
        """Whether a hop that is looked at alone, as it comes, is of what is asked for."""
        event, beginning = hop.event, hop.event.event_id[: len(self.event_id)]
        asked = (
            (self.event_id, beginning), (self.key, event.key), (self.topic, hop.topic),
            (self.correlation_id, event.correlation_id), (self.app_id, hop.app_id),
        )  # fmt: skip
        return (
            all(not wanted or wanted == found for wanted, found in asked)
            and hop.at >= self.since
            and (not self.failed or is_unwell(hop))
        )


def near(name: str, names: Sequence[str]) -> list[str]:
    """Those of `names` that begin or end with it, else those that look like it; three at most."""
    parts = [each for each in names if name and (each.startswith(name) or each.endswith(name))]
    return (parts or difflib.get_close_matches(name, names, n=MOST_NEAR, cutoff=0.6))[:MOST_NEAR]
