"""SIGKILL while hops are recorded: what is older than the last second is there, and the rest can be read."""

from __future__ import annotations

import sys
from pathlib import Path

from outboard.hops.files.reader import read_record
from outboard.hops.files.recording import HOPS_FOLDER
from support.processes import eventually, running

PROGRAM = Path(__file__).with_name("hop_recorder.py")
LAST_SECOND = 1.0
BUSY = 1.0
"""Seconds that the thread may come late on a busy machine."""


def test_a_kill_loses_at_most_the_last_second(tmp_path: Path) -> None:
    folder = tmp_path / "hops"
    with running([sys.executable, str(PROGRAM)], tmp_path, **{HOPS_FOLDER: str(folder)}) as program:
        program.wait_for("400 ")
        eventually(lambda: read_record(folder).hops, lambda: program.output, program)
        program.kill()
        told = [line.split() for line in program.output.splitlines() if len(line.split()) == 2]
    record = read_record(folder)
    last = float(told[-1][1])
    recorded = {hop.event.event_id for hop in record.hops}
    older = {f"e{number}" for number, at in told if float(at) < last - LAST_SECOND - BUSY}
    assert older
    assert older <= recorded
    assert not record.problems
    assert not record.notes
