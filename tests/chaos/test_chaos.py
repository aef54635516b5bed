"""The proof with real processes, in small: 15 kills and 2,500 events for each combination of engines.

A machine that runs tests does other things, too: so the bounds of the ninth and the eleventh invariant are
four and three times those of the proof. No other one depends on time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from chaos.schedule import possible_faults, schedule

ROOT = Path(__file__).resolve().parents[2]
LOST_ANSWERS = "delivery"
DRAIN_SECONDS, STOP_SECONDS = 120, 30
COMBINATIONS = [
    pytest.param("sqlite", "sqlite", id="SQLite and pubsub.sqlite"),
    pytest.param(
        "postgresql", "sqlite", id="PostgreSQL and pubsub.sqlite", marks=pytest.mark.engine("postgresql")
    ),
    pytest.param(
        "sqlite", "kafka", id="SQLite and Kafka on daprd", marks=pytest.mark.engine("kafka", "daprd")
    ),
    pytest.param(
        "postgresql",
        "kafka",
        id="PostgreSQL and Kafka on daprd",
        marks=pytest.mark.engine("postgresql", "kafka", "daprd"),
    ),
]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="its faults are signals that Windows does not have"),
]


def chaos(folder: Path, *options: str) -> tuple[int, dict[str, Any], str]:
    """The exit code of a run, its report, and what it told meanwhile."""
    command = [sys.executable, "-m", "chaos", "--folder", str(folder), "--output", "json", *options]
    bounds = ["--drain-seconds", str(DRAIN_SECONDS), "--stop-seconds", str(STOP_SECONDS)]
    path = os.pathsep.join([str(ROOT / "tests"), str(ROOT)])
    done = subprocess.run(
        [*command, *bounds],
        env={**os.environ, "PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.stdout, done.stderr
    (report,) = json.loads(done.stdout)
    return done.returncode, report, done.stderr


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("database", "broker"), COMBINATIONS)
def test_15_kills_lose_nothing_of_2500_events(tmp_path: Path, database: str, broker: str) -> None:
    options = ("--database", database, "--broker", broker, "--seed", str(len(database + broker)))
    code, report, told = chaos(tmp_path, *options)
    fallen = [each for each in report["invariants"] if not each["holds"]]
    assert (code, fallen) == (0, []), f"{report}\n{told}"
    assert len(report["invariants"]) == 13


@pytest.mark.timeout(600)
def test_a_service_without_the_inbox_is_found(tmp_path: Path) -> None:
    possible = possible_faults("sqlite", "sqlite")
    found = (
        seed for seed in count() if LOST_ANSWERS in {each.victim for each in schedule(5, seed, possible)}
    )
    small = ("--kills", "5", "--events", "400", "--keys", "40", "--seed", str(next(found)))
    code, report, told = chaos(tmp_path, *small, "--mutant", "no-inbox")
    assert code == 1, told
    assert 3 in {each["number"] for each in report["invariants"] if not each["holds"]}
