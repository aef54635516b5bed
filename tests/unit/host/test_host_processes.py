"""Processes of this machine: running, or ended."""

from __future__ import annotations

import subprocess
import sys

import psutil

from outboard.host.processes import is_running


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
