"""Hops that are left out, kept in brief for some seconds, in case their event does not go well.

Which events do not go well is known from the hops of this process, and told by the others of the folder.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from outboard.hops.files.failures import SharedFailures
from outboard.hops.record import EventIdentity, Hop, HopKind

__all__ = ["BriefHops", "HopsAside"]

MOST: Final = 50_000
MOST_FAILING: Final = 20_000
SECONDS: Final = 5.0

BriefHops: TypeAlias = tuple[float, Sequence[str], HopKind, float, str, str, int, str]
"""When they were put aside; and hops of several events at one time: their ids, what, when, pub/sub, topic,
attempt, outcome. Times are in seconds since 1970.
"""


class HopsAside:
    """`put` and `fails` are called by whoever records, the rest by who writes: another thread."""

    def __init__(self, app_id: str, failures: SharedFailures) -> None:
        self._app_id = app_id
        self._failures = failures
        self._hops: deque[BriefHops] = deque(maxlen=MOST)
        self.failing: OrderedDict[str, None] = OrderedDict()
        """The ids of events that did not go well lately."""
        self._new: list[str] = []
        self.put = self._hops.append
        """Keep hops in brief."""

    def fails(self, event_id: str) -> None:
        """From now on all hops of this event are kept, and those before are looked for."""
        if event_id not in self.failing:
            self._new.append(event_id)
            self._note(event_id)

    @property
    def any_kept(self) -> bool:
        """Whether there is anything that may still be asked for."""
        return bool(self._hops)

    def rescued(self) -> list[Hop]:
        """What was left out of events that have not gone well since, with as much as is known of it.

        Tells the other processes which events that are here. Raises OSError.
        """
        mine, self._new = self._new, []
        told = self._failures.heard() if self._hops else set()
        for event_id in told:
            self._note(event_id)
        found = list(self._found({*mine, *told})) if mine or told else []
        self._failures.tell(mine)
        return found

    def forget(self, now: float) -> None:
        """Let go of what is too old to be asked for."""
        while self._hops and self._hops[0][0] < now - SECONDS:
            self._hops.popleft()

    def _note(self, event_id: str) -> None:
        self.failing[event_id] = None
        if len(self.failing) > MOST_FAILING:
            self.failing.popitem(last=False)

    def _found(self, names: set[str]) -> Iterable[Hop]:
        for _, event_ids, kind, at, pubsub, topic, attempt, outcome in list(self._hops):
            for event_id in names.intersection(event_ids):
                ids = EventIdentity(event_id)
                yield Hop(kind, at, self._app_id, pubsub, topic, ids, attempt, outcome)
