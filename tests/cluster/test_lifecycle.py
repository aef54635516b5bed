"""A cluster ends without a trace, also when whoever started it is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engines.cluster.layout import Process, Record, Run
from engines.cluster.machine import CGROUPS
from engines.cluster.running import sweep
from support.processes import eventually

ROOT = Path(__file__).parents[2]
NAME = f"killed-{os.getpid()}"
STARTS = f"""
from pathlib import Path
from engines.cluster.running import running
with running(Path({str(ROOT)!r}), {NAME!r}, print, product=False):
    raise AssertionError("it is killed before")
"""


@pytest.mark.engine("cluster")
@pytest.mark.usefixtures("cluster")
def test_with_the_process_that_started_it_a_cluster_ends_and_is_swept_up() -> None:
    run = Run.named(ROOT, NAME)
    with subprocess.Popen([sys.executable, "-c", STARTS], cwd=ROOT, stdout=subprocess.PIPE) as starting:
        eventually(lambda: Record.read(run.record), lambda: "it does not start")
        record = Record.read(run.record)
        assert record is not None
        assert any(group.is_dir() for group in CGROUPS.glob(f"*/{run.cgroup}"))
        os.kill(starting.pid, signal.SIGKILL)
    eventually(lambda: not record.process.lives, lambda: "it does not end")
    sweep(ROOT, print)
    assert not run.folder.exists()
    assert not list(CGROUPS.glob(f"*/{run.cgroup}"))


def test_a_process_with_the_number_of_one_that_ended_is_another_one() -> None:
    own = Process.of(os.getpid())
    assert own is not None
    assert own.lives
    assert not Process(own.pid, str(int(own.started) + 1)).lives


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    record = Record(Process(12, "34"), 6443, "/kubernetes")
    record.write(tmp_path / "run.json")
    assert Record.read(tmp_path / "run.json") == record
    assert Record.read(tmp_path / "none.json") is None
    assert json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))["port"] == 6443
