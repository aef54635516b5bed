"""Back-pressure: publishers are let in while there is room, in the order in which they came."""

from __future__ import annotations

from asyncio import Future, get_running_loop
from collections import OrderedDict
from collections.abc import Callable

from outboard.kit.topics.entry import Entry

__all__ = ["Gate"]


class Gate:
    """`has_room(n)` tells whether there is room for one more, besides `n` that were let in and are coming."""

    def __init__(self, has_room: Callable[[int], bool]) -> None:
        self._has_room = has_room
        self._queue: OrderedDict[Future[None], None] = OrderedDict()
        self._coming = 0

    @property
    def is_open(self) -> bool:
        """Whether a publisher may go in at once, ahead of nobody."""
        return not self._queue and not self._coming and self._has_room(0)

    async def enter(self, entry: Entry) -> None:
        """Return when it is the turn of `entry`; raise what its future is settled with before that.

        What comes in must do so without another await, and then `let_in` whoever is next.
        """
        turn = entry.future
        self._queue[turn] = None
        try:
            await turn
        except BaseException:
            if turn in self._queue:
                del self._queue[turn]
            elif _was_let_in(turn):  # and cancelled before it could come
                self._coming -= 1
                self.let_in()
            raise
        self._coming -= 1
        entry.future = get_running_loop().create_future()

    def let_in(self) -> None:
        """Call it whenever there is room again."""
        while self._queue and self._has_room(self._coming):
            turn, _ = self._queue.popitem(last=False)
            if not turn.done():
                turn.set_result(None)
                self._coming += 1


def _was_let_in(turn: Future[None]) -> bool:
    return turn.done() and not turn.cancelled() and turn.exception() is None
