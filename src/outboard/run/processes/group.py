"""All the processes that one program has started, those that left its group included."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import psutil

from outboard.host.processes import is_running

if sys.platform == "win32":
    import subprocess

    from outboard.run.processes.windows import Job as Session

    CREATION_FLAGS: Final = subprocess.CREATE_NEW_PROCESS_GROUP
else:
    from outboard.run.processes.posix import Session

    CREATION_FLAGS: Final = 0

__all__ = ["CREATION_FLAGS", "ProcessGroup"]


class ProcessGroup:
    """The process `leader`, started in a session (Windows: process group) of its own, and its descendants."""

    def __init__(self, leader: int) -> None:
        self._leader = leader
        self._session = Session(leader)

    def members(self) -> list[psutil.Process]:
        """The leader and its descendants that can be found now, also those that left the group."""
        try:
            leader = psutil.Process(self._leader)
            return [leader, *leader.children(recursive=True)]
        except psutil.Error:
            return []

    def is_alive(self, members: Sequence[psutil.Process]) -> bool:
        """Whether anything of the group, or of `members`, still runs."""
        return any(is_running(member) for member in members) or self._session.is_alive()

    def ask_to_stop(self, members: Sequence[psutil.Process]) -> None:
        self._session.ask_to_stop(members)

    def kill(self, members: Sequence[psutil.Process]) -> None:
        """End by force whatever is left."""
        self._session.kill()
        for member in members:
            with suppress(psutil.Error):  # gone already; psutil never mistakes a reused number for it
                member.kill()

    def close(self) -> None:
        self._session.close()
