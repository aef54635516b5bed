"""Publishers that wait: whose turn it is to come in, and when their time is up."""

from __future__ import annotations

from asyncio import Future, get_running_loop
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol, TypeAlias

from outboard.clock import Clock
from outboard.kit.topics.queue import PendingEvent

__all__ = ["Admission", "CallLater", "Deadlines", "Timer"]


class Admission:
    """Back-pressure: publishers are let in while there is room, in the order in which they came.

    `has_room(n)` tells whether there is room for one more, besides `n` that were let in and are coming.
    """

    def __init__(self, has_room: Callable[[int], bool]) -> None:
        self._has_room = has_room
        self.waiting: OrderedDict[Future[bool], None] = OrderedDict()
        self._coming = 0

    @property
    def is_open(self) -> bool:
        """Whether a publisher may go in at once, ahead of nobody."""
        return not self.waiting and not self._coming and self._has_room(0)

    async def enter(self, event: PendingEvent) -> None:
        """Return when it is the turn of `event`; raise what its future is settled with before that.

        What comes in must do so without another await, and then `admit_next` whoever is next.
        """
        turn = event.future
        self.waiting[turn] = None
        try:
            await turn
        except BaseException:
            if turn in self.waiting:
                del self.waiting[turn]
            elif _was_let_in(turn):  # and cancelled before it could come
                self._coming -= 1
                self.admit_next()
            raise
        self._coming -= 1
        event.future = get_running_loop().create_future()

    def admit_next(self) -> None:
        """Call it whenever there is room again."""
        while self.waiting and self._has_room(self._coming):
            turn, _ = self.waiting.popitem(last=False)
            if not turn.done():
                turn.set_result(False)
                self._coming += 1


def _was_let_in(turn: Future[bool]) -> bool:
    return turn.done() and not turn.cancelled() and turn.exception() is None


class Timer(Protocol):
    def cancel(self) -> None: ...


CallLater: TypeAlias = Callable[[float, Callable[[], None]], Timer]
"""Call a function after so many seconds, as `loop.call_later` does."""


class Deadlines:
    """Calls `expire(now)` at the earliest deadline; what it returns is the next one, None where nobody waits.

    Deadlines that were met are not told to it: it finds out when it asks. So an event costs a comparison.
    """

    def __init__(self, clock: Clock, call_later: CallLater, expire: Callable[[float], float | None]) -> None:
        self._clock = clock
        self._call_later = call_later
        self._expire = expire
        self._timer: Timer | None = None
        self._at = 0.0

    def watch(self, deadline: float, now: float) -> None:
        """See to it that `expire` is called at `deadline` or before; `now` is by the same clock."""
        if self._timer is not None:
            if deadline >= self._at:
                return
            self._timer.cancel()
        self._at = deadline
        self._timer = self._call_later(max(deadline - now, 0.0), self._ring)

    def stop(self) -> None:
        """Call nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer = None
        now = self._clock.monotonic()
        following = self._expire(now)
        if following is not None:
            self.watch(following, now)
