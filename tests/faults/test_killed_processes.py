"""SIGKILL while events flow through `pubsub.sqlite`: nothing acknowledged is lost, order per key holds."""

from __future__ import annotations

from itertools import cycle, islice
from pathlib import Path

import psutil
import pytest

from faults.killed_system import system

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
    keys, numbers = 50, 60
    pair = ("first", "second")
    with system(tmp_path, keys, numbers, pair, heartbeatInterval="300ms", sessionTimeout="1500ms") as running:
        running.wait_for(keys * numbers // 3)
        stopped = psutil.Process(running.programs["first's sidecar"].pid)
        stopped.suspend()
        try:
            running.wait_for_all(keys * numbers)
        finally:
            stopped.resume()
        running.programs["first's sidecar"].wait_for("joins anew")
        told = running.told()

    assert running.first_occurrences() == {key: list(range(numbers)) for key in range(keys)}
    assert running.received.count() - keys * numbers <= IN_FLIGHT
    assert "Traceback" not in told
