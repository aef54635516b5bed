"""A POSIX process group: that of a session which a program was started in."""

from __future__ import annotations

import sys

if sys.platform != "win32":
    import os
    import signal
    from collections.abc import Sequence
    from contextlib import suppress

    import psutil

    from outboard.host.processes import is_running

    __all__ = ["Session"]

    class Session:
        """The group whose leader is the process `leader`."""

        def __init__(self, leader: int) -> None:
            self._leader = leader

        def is_alive(self) -> bool:
            """Whether a process of the group still runs.

            Zombies that nobody collects keep a group in being, so its members are looked at one by one.
            """
            try:
                os.killpg(self._leader, 0)
            except ProcessLookupError:
                return False
            except PermissionError:
                pass  # what macOS says of a group of zombies
            return any(
                _group_of(process) == self._leader and is_running(process)
                for process in psutil.process_iter()
            )

        def ask_to_stop(self, members: Sequence[psutil.Process]) -> None:
            """SIGTERM to the group, and to those of `members` that have left for a group of their own."""
            self._signal(signal.SIGTERM)
            for member in members:
                if _group_of(member) != self._leader:
                    with suppress(psutil.Error):  # it has just ended
                        member.terminate()

        def kill(self) -> None:
            if self.is_alive():
                self._signal(signal.SIGKILL)

        def close(self) -> None:
            """Nothing is held."""

        def _signal(self, number: signal.Signals) -> None:
            with suppress(ProcessLookupError, PermissionError):  # it has just ended
                os.killpg(self._leader, number)

    def _group_of(process: psutil.Process) -> int | None:
        try:
            return os.getpgid(process.pid)
        except OSError:
            return None
