"""Processes of this machine: running, or ended."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from outboard.host import processes
from outboard.host.processes import ProcessIdentity, has_ended, is_running, process_identity

ELSEWHERE = ProcessIdentity("elsewhere", 1, 0.0)
GONE = 2**22 + 1
LINUX = pytest.mark.skipif(not psutil.LINUX, reason="Linux has namespaces of processes, and /proc")


def test_this_process_runs() -> None:
    assert is_running(psutil.Process())


def test_one_that_has_ended_does_not_also_before_its_parent_has_noticed() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    process = psutil.Process(child.pid)
    assert child.stdout is not None
    child.stdout.read()  # until it ends
    psutil.wait_procs([process], timeout=60)
    assert not is_running(process)
    child.communicate()
    assert not is_running(process)


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
    assert not has_ended(replace(ELSEWHERE, process=GONE), process_identity())


def test_a_process_that_is_nowhere_has_ended() -> None:
    assert has_ended(replace(process_identity(), process=GONE), process_identity())
    assert not has_ended(replace(process_identity(), process=0), process_identity()), (
        "which is no number of a process"
    )


@LINUX
def test_of_a_container_with_the_same_name_nothing_is_known(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its processes have numbers of its own: those of others say nothing of them."""
    here = process_identity()
    namespace = tmp_path / "pid"
    namespace.symlink_to("pid:[1]")
    monkeypatch.setattr(processes, "PROCESS_NAMESPACE", namespace)
    assert not has_ended(replace(process_identity(), process=GONE), here)
    monkeypatch.setattr(processes, "PROCESS_NAMESPACE", tmp_path / "missing")
    assert not has_ended(replace(process_identity(), process=GONE), process_identity()), (
        "where it cannot be told, nothing is"
    )


@LINUX
def test_of_the_time_before_the_machine_was_started_nothing_is_known(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It may be another machine that has the same name."""
    here = process_identity()
    (tmp_path / "boot").write_text("another\n")
    monkeypatch.setattr(processes, "BOOT_ID", tmp_path / "boot")
    assert not has_ended(replace(process_identity(), process=GONE), here)


@pytest.mark.skipif(os.name != "posix", reason="Windows hides no processes")
def test_a_process_that_is_only_hidden_has_not_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    here = process_identity()

    def hidden(number: int) -> None:
        raise psutil.NoSuchProcess(number)

    monkeypatch.setattr(processes, "_process", hidden)
    assert not has_ended(here, here)
