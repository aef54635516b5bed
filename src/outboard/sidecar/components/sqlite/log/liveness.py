"""Which members of a group have died.

A member whose process has ended is dead at once: so a sidecar that was killed and started anew goes on
without waiting for its own lease. One that runs without beating, or whose process cannot be seen from here
(another container), is dead when its heartbeats have not moved for the time of a session, by the observer's
own clock: clocks that are set, or differ, do not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from outboard.host.processes import ProcessIdentity

__all__ = ["Member", "Observer"]


class Member(NamedTuple):
    """A member's row: its heartbeats so far, and where it runs."""

    id: int
    beats: int
    identity: ProcessIdentity


class Observer:
    """Remembers when each member's heartbeats last moved. `now` gives seconds that never go back: the
    machine's, since leases are real.
    """

    def __init__(
        self, session_timeout: float, now: Callable[[], float], ended: Callable[[ProcessIdentity], bool]
    ) -> None:
        self._session_timeout = session_timeout
        self.now = now
        self._ended = ended
        self._moved: dict[int, tuple[int, float]] = {}

    def dead(self, members: Sequence[Member]) -> set[int]:
        """The ids of those that are gone, among all `members` there are now."""
        now = self.now()
        self._moved = {member.id: self._last_move(member, now) for member in members}
        silent = {id for id, (_, moved) in self._moved.items() if now - moved > self._session_timeout}
        return silent | {member.id for member in members if self._ended(member.identity)}

    def _last_move(self, member: Member, now: float) -> tuple[int, float]:
        """The beats of `member`, and when they were first seen to be so many."""
        beats, moved = self._moved.get(member.id, (-1, now))
        return (beats, moved) if beats == member.beats else (member.beats, now)
