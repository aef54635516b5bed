from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import psutil
import pytest

from outboard.sidecar.components.sqlite.log.liveness import (
    Member,
    Observer,
    ProcessIdentity,
    has_ended,
    process_identity,
)

ELSEWHERE = ProcessIdentity("elsewhere", 1, 0.0)


class Time:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def test_who_beats_lives_and_who_is_silent_for_a_session_is_dead() -> None:
    time = Time()
    observer = Observer(10, time, lambda home: False)
    beats = 0
    for _ in range(5):
        assert observer.dead([Member(1, beats, ELSEWHERE), Member(2, 0, ELSEWHERE)]) == set()
        time.seconds, beats = time.seconds + 2.5, beats + 1

    assert observer.dead([Member(1, beats, ELSEWHERE), Member(2, 0, ELSEWHERE)]) == {2}


def test_time_counts_from_when_a_member_was_first_seen() -> None:
    time = Time()
    observer = Observer(10, time, lambda home: False)
    time.seconds += 1000

    assert observer.dead([Member(1, 77, ELSEWHERE)]) == set()


def test_whose_process_has_ended_is_dead_at_once() -> None:
    observer = Observer(10, Time(), lambda home: home.process == 5)

    assert observer.dead(
        [Member(1, 0, ProcessIdentity("h", 5, 0.0)), Member(2, 0, ProcessIdentity("h", 6, 0.0))]
    ) == {1}


def test_this_process_has_not_ended() -> None:
    assert process_identity().process == os.getpid()
    assert not has_ended(process_identity(), process_identity())


def test_a_process_that_is_gone_has_ended_also_before_its_parent_has_noticed() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    there = process_identity(child.pid)
    psutil.wait_procs([psutil.Process(child.pid)], timeout=60)
    zombie = has_ended(there, process_identity())
    child.wait()

    assert zombie
    assert has_ended(there, process_identity())


@pytest.mark.skipif(not psutil.LINUX, reason="elsewhere the start of a process is kept as a time of day")
def test_a_clock_that_is_set_ends_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    before, booted, started = process_identity(), psutil.boot_time(), psutil.Process.create_time
    monkeypatch.setattr(psutil, "boot_time", lambda: booted + 3600)
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: started(self) + 3600)

    assert not has_ended(before, process_identity())


def test_another_process_with_the_same_number_is_not_it() -> None:
    assert has_ended(replace(process_identity(), started=process_identity().started - 60), process_identity())


def test_of_another_host_nothing_is_known() -> None:
    assert not has_ended(replace(ELSEWHERE, process=2**22 + 1), process_identity())
