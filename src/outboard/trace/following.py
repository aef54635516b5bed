"""Hops as they come: what the kit of an app and its sidecar both record of a step is told once. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from outboard.hops.record import Hop
from outboard.hops.story import StoryStep, joined_step, says_the_same

__all__ = ["LiveSteps"]

KIT: Final = "kit"
MOST_REMEMBERED: Final = 1_000
"""Of so many events it is known what was told: the other record of a step comes within a second."""

_Where: TypeAlias = tuple[str, str, str, str]


@dataclass(slots=True)
class LiveSteps:
    """Remembers of each event the hops that were told and that nobody else has recorded yet."""

    _told: OrderedDict[_Where, list[Hop]] = field(default_factory=OrderedDict)

    def of(self, hops: Iterable[Hop]) -> list[StoryStep]:
        """What `hops` add to what was told before, in their order.

        | the other record of the step | is |
        |---|---|
        | comes with the first one | one step with it |
        | comes later, and knows the place on the broker, which the first one did not | told |
        | comes later, and does not | left out |
        """
        steps: list[StoryStep] = []
        places: dict[int, int] = {}
        for hop in hops:
            first = self._first_of_the_same(hop)
            if first is not None and id(first) in places:
                kit, sidecar = (first, hop) if first.part == KIT else (hop, first)
                steps[places[id(first)]] = joined_step(kit, sidecar)
            elif first is None or (hop.offset and not first.offset):
                places[id(hop)] = len(steps)
                steps.append(StoryStep(hop))
        return steps

    def _first_of_the_same(self, hop: Hop) -> Hop | None:
        """The hop that was told of the same step, which is forgotten; else None, and `hop` is remembered."""
        if not hop.event.event_id:
            return None
        where = hop.app_id, hop.pubsub, hop.topic, hop.event.event_id
        told = self._told.setdefault(where, [])
        first = next((each for each in told if _are_of_one_step(each, hop)), None)
        if first is None:
            told.append(hop)
        else:
            told.remove(first)
        if not told:
            del self._told[where]
        elif len(self._told) > MOST_REMEMBERED:
            self._told.popitem(last=False)
        return first


def _are_of_one_step(first: Hop, second: Hop) -> bool:
    if first.part == second.part:
        return False
    return says_the_same(first, second) if first.part == KIT else says_the_same(second, first)
