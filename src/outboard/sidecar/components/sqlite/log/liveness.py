"""Which members of a group have died.

A member whose process has ended is dead at once: so a sidecar that was killed and started anew goes on
without waiting for its own lease. One that runs without beating, or whose process cannot be seen from here
(another container), is dead when its heartbeats have not moved for the time of a session, by the observer's
own clock: clocks that are set, or differ, do not matter.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import psutil

__all__ = ["Member", "Observer", "ProcessIdentity", "has_ended", "process_identity"]

SAME_START: Final = 2.0
"""Seconds by which two readings of when a process started may differ."""


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process, as others can find it: `started` is in seconds, by what the host reckons from."""

    host: str
    process: int
    started: float


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


def process_identity(process: int | None = None) -> ProcessIdentity:
    """This process, or that with the number `process` of this host."""
    number = os.getpid() if process is None else process
    return ProcessIdentity(socket.gethostname(), number, _process(number)[1])


def has_ended(other: ProcessIdentity, here: ProcessIdentity) -> bool:
    """Whether `other` is certainly gone. What runs on another host, or in a container, cannot be told."""
    if other.host != here.host:
        return False
    try:
        process, started = _process(other.process)
        if process.status() == psutil.STATUS_ZOMBIE:
            return True
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False
    return abs(started - other.started) > SAME_START


def _process(number: int) -> tuple[psutil.Process, float]:
    """A process, and when it started: in seconds since 1970, on Linux since the host was started.

    Linux knows the latter only. Reckoned from the clock, it would be another time once that clock is set.
    """
    booted = psutil.boot_time() if psutil.LINUX else 0.0  # first: psutil 6 keeps it for what follows
    process = psutil.Process(number)
    return process, process.create_time() - booted
