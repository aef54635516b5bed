"""One partition in the hands of a member: what was read of it, what is being handled. Pure.

    state    pending  taken  what ends it
    empty    none     none   `add`, `follow`: ready
    ready    some     none   `take`: busy
    busy     some     some   `settle`: ready or empty; held, where the first event failed
    held     some     none   its time has come: ready; `skip`, or `give_up` of the first: ready or empty

Any of them may be `leaving` as well: nothing more is taken then, and it is given up once it is not busy. And
any may be `fresh`: the log may have more than was read; what is appended then is not taken from memory, as it
does not follow what is here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import islice

from outboard.sidecar.components.sqlite.log.events import LogEvent, Wanted
from outboard.sidecar.components.sqlite.log.position import Position

__all__ = ["Partition"]


class Partition:
    """Events of one partition in their order, of which one run at a time is handled.

    `position` is what is settled of it, by others too. `capacity` bounds what is held in memory.
    """

    def __init__(self, number: int, position: Position, capacity: int) -> None:
        self.number = number
        self.fresh = True
        """There may be events in the log that were not read yet."""
        self.leaving = False
        """Another member is to have it: nothing more is taken."""
        self.held = False
        """The first event failed, and its time has not come yet."""
        self.queued = False
        """It waits to be taken from."""
        self.failures = 0
        """How often the first event has failed in a row."""
        self.first_failure = 0.0
        self.hold = position.hold
        """What there is to tell of the first event's failures."""
        self.taken_at = 0.0
        """When the events that are being handled were taken, in the machine's seconds."""
        self.is_long_under_way = False
        """They are being handled for so long that it was told."""
        self.given_up = 0
        """The offset of an event that is not tried again, whatever becomes of it."""
        self._settled = position
        self._capacity = capacity
        self._read = position.committed
        self._pending: deque[LogEvent] = deque()
        self._taken = 0

    @property
    def committed(self) -> int:
        """The offset up to which everything is settled."""
        return self._settled.committed

    @property
    def position(self) -> Position:
        """What is settled now, and what holds it."""
        return self._settled if self._settled.is_plain else self._settled._replace(hold=self.hold)

    @property
    def under_way(self) -> Position:
        """As `position`, with the events that are being handled among those that are not settled."""
        taken = [event.offset for event in islice(self._pending, self._taken)]
        later = (offset for offset in self._settled.unsettled if offset > taken[-1])
        return Position.behind((*taken, *later), max(taken[-1], self._settled.reached))

    @property
    def busy(self) -> bool:
        """Whether events of it are being handled."""
        return self._taken > 0

    @property
    def ready(self) -> bool:
        """Whether events can be taken."""
        return bool(self._pending) and not (self.busy or self.held or self.leaving)

    @property
    def wanted(self) -> Wanted | None:
        """What to read next; None while half of its room is filled."""
        if len(self._pending) > self._capacity // 2 or self.leaving:
            return None
        after = max(self._read, self._settled.committed)
        return Wanted(after, self._capacity - len(self._pending))

    @property
    def readable(self) -> bool:
        """Whether there may be events to read, and there is room for them."""
        return self.fresh and self.wanted is not None

    def add(self, events: Sequence[LogEvent], more: bool) -> None:
        """What was read as `wanted`, without what is settled; `more` if the log may have more by now."""
        self.fresh = more
        if events:
            self._pending.extend(self._unsettled_of(events))
            self._read = events[-1].offset

    def follow(self, event: LogEvent) -> bool:
        """Add the newest event of the log; where it cannot be added yet, it is to be read in its time.

        Whether it is the only one now.
        """
        pending = self._pending
        if self.fresh or event.offset <= self._read:  # there is a gap before it, or it was read already
            return False
        if self.leaving or len(pending) >= self._capacity:
            self.fresh = True  # from here on only the log knows what comes next
            return False
        pending.append(event)
        self._read = event.offset
        return len(pending) == 1

    def take(self, count: int) -> list[LogEvent]:
        """The first events, `count` at most, to be handled now."""
        taken = list(islice(self._pending, count))
        self._taken, self.is_long_under_way = len(taken), False
        return taken

    def settle(self, settled: Sequence[bool]) -> bool:
        """What became of the events taken: whether the first that is left has failed.

        Those that are not settled stay where they were, in front of the rest; those behind one of them that
        are settled do not come again.
        """
        taken = [self._pending.popleft() for _ in settled]
        failed = [event for event, done in zip(taken, settled, strict=True) if not done]
        self._pending.extendleft(reversed(failed))  # before what came meanwhile: they are older
        self._taken = 0
        if not failed or failed[0] is not taken[0]:
            self._first_is_another()
        last = taken[-1].offset
        if not failed and self._settled.is_plain:
            self._settled = Position(last)
        else:
            later = (offset for offset in self._settled.unsettled if offset > last)
            reached = max(last, self._settled.reached)
            self._settled = Position.behind((*(event.offset for event in failed), *later), reached)
        return bool(failed)

    def skip(self) -> LogEvent:
        """Give up the first event."""
        event = self._pending.popleft()
        self._first_is_another()
        self._settled = self._settled.passed(event.offset)
        return event

    def give_up(self, offset: int) -> bool:
        """Pass over the event at `offset`, the first, as a person wants it: whether that is done already.

        While it is being handled, it is to be given up if it fails.
        """
        self.given_up = offset
        if self.busy or not self._pending or self._pending[0].offset != offset:
            return False
        self.skip()
        self.held = False
        return True

    def _first_is_another(self) -> None:
        self.failures, self.hold = 0, None

    def _unsettled_of(self, events: Sequence[LogEvent]) -> Sequence[LogEvent]:
        known = self._settled
        reached = max(known.committed, known.reached)
        if events[0].offset > reached:
            return events
        unsettled = frozenset(known.unsettled)
        return [event for event in events if event.offset in unsettled or event.offset > reached]
