"""Faults carried out: each gives back how it ends."""

from __future__ import annotations

import asyncio
import os
import random
import resource
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

import psutil

from chaos.databases import Undo, frozen
from chaos.programs import Program
from chaos.schedule import Fault, FaultKind
from chaos.system import RELAYS, System
from support.servers import Server

__all__ = ["CAN_FILL", "Doing"]

CAN_FILL: Final = hasattr(psutil.Process, "rlimit")
"""Whether the limit of a running process can be set: on Linux."""

FULL_BYTES: Final = 4_096
"""Of a file; what would be written behind it is refused, as by a disk that is full."""
ATTEMPTS: Final = 10
ANSWERS: Final = 5
"""Of a proxy, how many are lost at once."""
HEALED_WITHIN: Final = 30.0
ALL_RELAYS: Final = sum(RELAYS.values())
MET: Final[Mapping[str, int]] = {
    **RELAYS,
    "a relay": 2,  # it, and the one that has its partitions meanwhile
    "a worker of ledger-1": 1,
    "sidecar-0": 2,
    "sidecar-1": RELAYS["ledger-1"],
    "publishing": 2,
    "broker": ALL_RELAYS,
    "database": ALL_RELAYS,
}
"""How many relays a fault meets: each may publish once more what it has in flight."""


class Doing:
    """On a `system`. `choose` takes one of several."""

    def __init__(self, system: System, random_: random.Random) -> None:
        self._system = system
        self._random = random_
        self._does: Mapping[FaultKind, Callable[[str], Undo]] = {
            FaultKind.KILL: self._kill,
            FaultKind.FREEZE: self._freeze,
            FaultKind.STOP: self._stop,
            FaultKind.CUT: self._cut,
            FaultKind.TERMINATE: self._terminate,
            FaultKind.FULL: self._fill,
        }

    def begin(self, fault: Fault) -> Undo:
        """Let it happen; what is given ends it."""
        return self._does[fault.kind](fault.victim)

    def met(self, fault: Fault) -> int:
        """How many relays may publish something once more because of it."""
        return MET.get(fault.victim, 0)

    def heal(self) -> int:
        """From now on no answer is lost; how many were still to be: a proxy loses the next ones, whenever."""

        async def healed() -> int:
            return sum(proxy.heal() for proxy in (*self._system.publishing, *self._system.delivery))

        return asyncio.run_coroutine_threadsafe(healed(), self._system.loop).result(HEALED_WITHIN)

    def tend(self) -> list[str]:
        """Start what has ended by itself, as a supervisor would; the names."""
        system = self._system
        ended = [each for name, each in system.programs.items() if name not in system.down and not each.runs]
        restarted = [each for each in ended if not (each.name in system.writers and each.exit_code == 0)]
        for program in restarted:
            program.start()
        names = [program.name for program in restarted]
        for name, server in (("database", system.database.server), ("broker", system.broker.server)):
            if server is not None and name not in system.down and not server.running:
                server.start()
                names.append(name)
        return names

    def _kill(self, victim: str) -> Undo:
        server = self._server(victim)
        if server is not None:
            server.kill()
            self._system.down.add(victim)

            def start() -> None:
                self._system.down.discard(victim)
                server.start()

            return start
        if victim == "a worker of ledger-1":
            self._kill_worker()
            return _nothing
        return self._down([program.name for program in self._programs(victim)], Program.kill)

    def _kill_worker(self) -> None:
        with suppress(psutil.NoSuchProcess, IndexError):
            found = self._system.programs["ledger-1"].processes()[1:]
            self._random.choice([each for each in found if "spawn_main" in " ".join(each.cmdline())]).kill()

    def _stop(self, victim: str) -> Undo:
        def stop(program: Program) -> None:
            program.ask_to_stop()
            if program.wait(10.0) is None:
                program.kill()

        return self._down([victim], stop)

    def _down(self, names: Sequence[str], end: Callable[[Program], None]) -> Undo:
        system = self._system
        system.down |= set(names)
        for name in names:
            end(system.programs[name])

        def start() -> None:
            system.down.difference_update(names)
            for name in names:
                system.programs[name].start()

        return start

    def _freeze(self, victim: str) -> Undo:
        if victim == "database":
            return self._system.database.freeze()
        if victim == "broker":
            return self._system.broker.freeze()
        (program,) = self._programs(victim)
        for _ in range(ATTEMPTS):
            undo = frozen(program.processes()[:1])
            if self._unlocked():
                return undo
            undo()
        return frozen(program.processes()[:1])

    def _unlocked(self) -> bool:
        """Frozen while it writes, a program would keep a file of SQLite locked for all: so SQLite works."""
        return all(_is_unlocked(file) for file in self._system.folder.glob("*.db"))

    def _cut(self, victim: str) -> Undo:
        proxies = self._system.publishing if victim == "publishing" else self._system.delivery
        for proxy in proxies:
            self._system.loop.call_soon_threadsafe(proxy.cut, ANSWERS)
        return _nothing

    def _terminate(self, _: str) -> Undo:
        self._system.database.terminate_sessions()
        return _nothing

    def _fill(self, victim: str) -> Undo:
        server = self._server(victim)
        if server is not None:
            first = psutil.Process(server.pid)
            found = [first, *first.children(recursive=True)]
        else:
            found = [each for program in self._programs(victim) for each in program.processes()]
        _limit(found, FULL_BYTES)
        return lambda: _limit(found, resource.RLIM_INFINITY)

    def _programs(self, victim: str) -> list[Program]:
        system = self._system
        names = {
            "a writer": [self._random.choice(system.writers)],
            "a relay": [self._random.choice(["relay-1", "relay-2"])],
            "broker": system.sidecars,
            "database": system.clients_of_the_database,
        }.get(victim, [victim])
        return [system.programs[name] for name in names]

    def _server(self, victim: str) -> Server | None:
        return {"database": self._system.database.server, "broker": self._system.broker.server}.get(victim)


def _is_unlocked(file: Path) -> bool:
    with closing(sqlite3.connect(file, timeout=1, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        connection.execute("ROLLBACK")
        return True


def _limit(processes: Iterable[psutil.Process], size: int) -> None:
    """Let `processes` write to files up to `size`."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            owner = process.uids().real
            if owner == os.getuid():
                _limit_one(process, size)
            else:
                _as(owner, process.gids().real, lambda: _limit_one(process, size))  # noqa: B023


def _limit_one(process: psutil.Process, size: int) -> None:
    with suppress(psutil.NoSuchProcess):
        _, hard = process.rlimit(psutil.RLIMIT_FSIZE)
        process.rlimit(psutil.RLIMIT_FSIZE, (size, hard))


def _as(user: int, group: int, do: Callable[[], None]) -> None:
    """Do it as another user: not even root may do this for others everywhere. Raises RuntimeError."""
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(group, group, group)
            os.setresuid(user, user, user)
            do()
        except BaseException:  # whatever it is, the copy of this process ends here
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1] != 0:
        raise RuntimeError(f"the disk cannot be made full for the processes of user {user}")


def _nothing() -> None:
    """It has ended by itself."""
