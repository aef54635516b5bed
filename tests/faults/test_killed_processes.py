"""SIGKILL while events flow through `pubsub.sqlite`: nothing acknowledged is lost, order per key holds."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from itertools import cycle, islice
from pathlib import Path

import psutil
import pytest

from faults.killed_system import system
from support.processes import eventually

VICTIMS = (
    ("consumer's sidecar",),
    ("publisher",),
    ("consumer", "consumer's sidecar"),  # else the consumer may yet handle what its sidecar has sent
    ("publisher's sidecar",),
    ("consumer",),
)
PUBLISHERS, PARTITIONS, BATCH = 64, 16, 100
MOMENT = 100
"""Events that are handled while an offset waits to be committed: 5 ms, and longer on a busy machine."""
IN_FLIGHT = PUBLISHERS + PARTITIONS + MOMENT
"""What one kill can double: what is on its way of each publisher, and of each partition."""
IN_FLIGHT_IN_BULK = PUBLISHERS + 2 * BATCH + MOMENT


def held_by(process: int, folder: Path) -> int:
    """How many partitions a member of the group in `process` holds."""
    held = "SELECT count(*) FROM positions JOIN members ON owner = id WHERE process = ?"
    with closing(sqlite3.connect(folder / "events.db", timeout=30)) as connection:
        count: int = connection.execute(held, [process]).fetchone()[0]
        return count


def suspend_between_writes(process: psutil.Process, folder: Path) -> None:
    """Stopped in the middle of a write, a process would keep the file locked for all: so SQLite works."""
    while True:
        process.suspend()
        with closing(sqlite3.connect(folder / "events.db", timeout=1, isolation_level=None)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                process.resume()
            else:
                connection.execute("ROLLBACK")
                return


@pytest.mark.timeout(600)
def test_30_kills_of_everybody(tmp_path: Path) -> None:
    keys, numbers, kills = 200, 100, 30
    events = keys * numbers
    with system(tmp_path, keys, numbers, bulk=True, backOffDuration="100ms") as running:
        for kill, victims in enumerate(islice(cycle(VICTIMS), kills), 1):
            running.wait_for(kill * events // (kills + 1))
            for victim in victims:
                running.kill(victim)
            for victim in victims:
                running.start(victim)
        running.wait_for_all(events)
        told = running.told()

    assert running.first_occurrences() == {key: list(range(numbers)) for key in range(keys)}
    duplicates = running.received.count() - events
    assert duplicates <= kills * IN_FLIGHT_IN_BULK, f"{duplicates} duplicates after {kills} kills"
    assert "Traceback" not in told


@pytest.mark.timeout(300)
def test_others_of_the_group_take_over_from_a_sidecar_that_was_killed(tmp_path: Path) -> None:
    keys, numbers = 50, 60
    with system(tmp_path, keys, numbers, ("first", "second"), heartbeatInterval="300ms") as running:
        running.wait_for(keys * numbers // 3)
        running.kill("first's sidecar")
        running.wait_for_all(keys * numbers)
        told = running.told()

    assert running.first_occurrences() == {key: list(range(numbers)) for key in range(keys)}
    assert running.received.count() - keys * numbers <= IN_FLIGHT
    assert "Traceback" not in told


@pytest.mark.timeout(300)
def test_a_sidecar_that_was_stopped_for_longer_than_its_session_does_no_harm(tmp_path: Path) -> None:
    keys, numbers = 50, 120
    pair = ("first", "second")
    with system(tmp_path, keys, numbers, pair, heartbeatInterval="300ms", sessionTimeout="1500ms") as running:
        running.wait_for(1)
        stopped = psutil.Process(running.programs["first's sidecar"].pid)
        eventually(lambda: held_by(stopped.pid, tmp_path), running.told)
        suspend_between_writes(stopped, tmp_path)
        try:
            running.wait_for_all(keys * numbers)
            eventually(lambda: not held_by(stopped.pid, tmp_path), running.told)
        finally:
            stopped.resume()
        running.programs["first's sidecar"].wait_for("joins anew")
        told = running.told()

    assert running.first_occurrences() == {key: list(range(numbers)) for key in range(keys)}
    assert running.received.count() - keys * numbers <= IN_FLIGHT
    assert "Traceback" not in told
