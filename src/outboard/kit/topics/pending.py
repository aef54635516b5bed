"""Events whose publishers wait: how many may, whose turn it is, and when their time is up."""

from __future__ import annotations

from asyncio import Future, get_running_loop
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from outboard.clock import Clock
from outboard.kit.client.port import Publication
from outboard.wire.dapr import PARTITION_KEY, RAW_PAYLOAD

__all__ = ["Admission", "CallLater", "Deadlines", "Limits", "PendingEvent", "Timer"]

ENTRY_OVERHEAD: Final = 256
PAIR_OVERHEAD: Final = 8


@dataclass(frozen=True, slots=True)
class Limits:
    """How much leaves at once, and how much may wait. Bytes are those of requests, JSON around it included.

    At most `requests` are in flight. A batch of several events keeps to `batch_bytes`; a single event may be
    larger, and so may be what waits, by the last one that was let in.
    """

    requests: int = 2
    batch_events: int = 256
    batch_bytes: int = 2**20
    waiting_events: int = 1024
    waiting_bytes: int = 2**23


class PendingEvent:
    """One event on its way. Its publisher waits for `future`: whoever settles it looks whether it is done.

    `started` and `deadline` are by the monotonic clock, in seconds; `failure` is why an attempt came to
    nothing. `alone` is one whose metadata Dapr reads from a request only, never from an entry of a bulk one.
    """

    __slots__ = (
        "alone",
        "deadline",
        "failure",
        "future",
        "key",
        "publication",
        "sent",
        "size",
        "started",
        "waits",
    )

    publication: Publication

    def __init__(self, started: float, timeout: float, future: Future[None]) -> None:
        self.started = started
        self.deadline = started + timeout
        self.future = future
        self.failure = ""
        self.sent = False
        self.waits = False

    def load(self, publication: Publication) -> None:
        """Take what is to be sent."""
        metadata = publication.metadata
        self.publication = publication
        self.size = len(publication.body) + ENTRY_OVERHEAD
        self.key: str | None = None
        self.alone = False
        if metadata:
            self.key = metadata.get(PARTITION_KEY)
            self.alone = RAW_PAYLOAD in metadata
            for name, value in metadata.items():
                self.size += PAIR_OVERHEAD + 2 * (len(name) + len(value))


class Admission:
    """`has_room(n)` tells whether there is room for one more, besides `n` that were let in and are coming."""

    def __init__(self, has_room: Callable[[int], bool]) -> None:
        self._has_room = has_room
        self.waiting: OrderedDict[Future[None], None] = OrderedDict()
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
                turn.set_result(None)
                self._coming += 1


def _was_let_in(turn: Future[None]) -> bool:
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
