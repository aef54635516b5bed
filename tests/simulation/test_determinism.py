"""A seed decides everything: what it has shown once, it shows again, on every machine."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulation.run import run

TESTS = Path(__file__).parents[1]
SEEDS = (0, 8, 11)


@pytest.mark.timeout(300)
def test_a_seed_tells_the_same_story_each_time() -> None:
    first = [run(seed, keeps_story=True) for seed in SEEDS]
    again = [run(seed, keeps_story=True) for seed in reversed(SEEDS)][::-1]
    for one, two in zip(first, again, strict=True):
        assert one.story == two.story
    assert [outcome.digest for outcome in first] == [outcome.digest for outcome in again]
    assert len({outcome.digest for outcome in first}) == len(SEEDS)
    assert [run(seed).digest for seed in SEEDS] == [outcome.digest for outcome in first]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_seed_tells_the_same_story_in_another_process(seed: int) -> None:
    told = []
    for hash_seed in ("0", "4711"):
        command = [sys.executable, "-m", "simulation", "--seed", str(seed), "--output", "json"]
        environment = {**os.environ, "PYTHONPATH": str(TESTS), "PYTHONHASHSEED": hash_seed}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        told.append(json.loads(done.stdout)["digest"])
    assert told == [run(seed).digest] * 2
