"""Hops that are left out, kept in brief for some seconds, in case their event does not go well.

Which events do not go well is known from the hops of this process, and told by the others of the folder.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, TypeAlias

from outboard.hops.files.failures import SharedFailures
from outboard.hops.record import EventIdentity, Hop, HopKind

__all__ = ["BriefHops", "HopsAside"]

MOST: Final = 50_000
"""Since a flush; of all of them twice as many."""
MANY: Final = 5_000
"""Of them in a second there are fewer; where there are more, the disk hangs."""
MOST_FAILING: Final = 20_000
SECONDS: Final = 5.0

BriefHops: TypeAlias = tuple[float, int | Sequence[int] | bytes, HopKind, str, str, int, str]
"""Hops of one event, or of several at one time: when (seconds since 1970), the `hash` of its id or those of
theirs, or random UUIDs, one in a line; what, pub/sub, topic, attempt, outcome.

Not the ids as they are: they would live on for seconds, and each new one would have to find memory that is in
no cache, which cost more than all else that is done for a hop that is left out. Of 100,000 hashes of 64 bits
none is by chance that of an event that failed.
"""
MEMBERS: Final = 7
Flat: TypeAlias = deque[Any]
"""The members of `BriefHops`, one behind the other: a tuple that is kept costs more to make than to fill, and
the garbage collector looks at each of them.
"""


class HopsAside:
    """`put` and `fails` are called by whoever records, the rest by who writes: another thread."""

    def __init__(self, app_id: str, failures: SharedFailures) -> None:
        self._app_id = app_id
        self._failures = failures
        self._flushes: deque[tuple[float, Flat]] = deque()
        self._since_flush: Flat = deque(maxlen=MOST * MEMBERS)
        self.failing: OrderedDict[str, None] = OrderedDict()
        """The ids of events that did not go well lately."""
        self._new: list[str] = []

    @property
    def put(self) -> Callable[[BriefHops], None]:
        """Keeps hops in brief. Ask again after each `forget`."""
        return self._since_flush.extend

    @property
    def is_behind(self) -> bool:
        """Whether so many came since a flush that each has to be small: hashes take 8 bytes, UUIDs 37."""
        return len(self._since_flush) > MANY * MEMBERS

    def fails(self, event_id: str) -> None:
        """From now on all hops of this event are kept, and those before are looked for."""
        if event_id not in self.failing:
            self._new.append(event_id)
            self._note(event_id)

    @property
    def any_kept(self) -> bool:
        """Whether there is anything that may still be asked for."""
        return bool(self._since_flush or self._flushes)

    def rescued(self) -> list[Hop]:
        """What was left out of events that have not gone well since, with as much as is known of it.

        Tells the other processes which events that are here. Raises OSError.
        """
        mine, self._new = self._new, []
        told = self._failures.heard() if self.any_kept else set()
        for event_id in told:
            self._note(event_id)
        found = list(self._found({*mine, *told})) if mine or told else []
        self._failures.tell(mine)
        return found

    def forget(self, now: float) -> None:
        """Let go of what is too old to be asked for, by the flush: `now`, in seconds, is that of one."""
        if self._since_flush:
            self._flushes.append((now, self._since_flush))
            self._since_flush = deque(maxlen=MOST * MEMBERS)
        count = sum(len(hops) for _, hops in self._flushes)
        while self._flushes and (self._flushes[0][0] < now - SECONDS or count > 2 * MOST * MEMBERS):
            count -= len(self._flushes.popleft()[1])

    def _note(self, event_id: str) -> None:
        self.failing[event_id] = None
        if len(self.failing) > MOST_FAILING:
            self.failing.popitem(last=False)

    def _found(self, names: set[str]) -> Iterable[Hop]:
        looked_for: dict[int | bytes, str] = {hash(name): name for name in names}
        looked_for |= {name.encode("utf-8", "replace"): name for name in names}
        for hops in [*(hops for _, hops in self._flushes), self._since_flush]:
            for at, told, kind, pubsub, topic, attempt, outcome in _brief(hops):
                for found in looked_for.keys() & _each(told):
                    ids = EventIdentity(looked_for[found])
                    yield Hop(kind, at, self._app_id, pubsub, topic, ids, attempt, outcome)


def _each(told: int | Sequence[int] | bytes) -> Iterable[int | bytes]:
    if isinstance(told, int):
        return (told,)
    return told.split(b"\n") if isinstance(told, bytes) else told


def _brief(hops: Flat) -> Iterator[BriefHops]:
    members = iter(list(hops))  # a copy: more may come meanwhile
    return zip(*[members] * MEMBERS, strict=True)
