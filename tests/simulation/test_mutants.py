"""Each mutant of shipped code is caught, within a bounded number of seeds."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from simulation.mutants import MUTANTS, Mutant, Replacement, changed_sources

TESTS = Path(__file__).parents[1]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_simulation_catches(mutant: Mutant, capsys: pytest.CaptureFixture[str]) -> None:
    command = [sys.executable, "-m", "simulation", "--mutant", mutant.name, "--seeds", str(mutant.seeds)]
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    found = re.search(r"violations after (\d+) seeds", done.stdout)
    assert done.returncode == 1 and found is not None, f"{done.stdout}\n{done.stderr}"
    with capsys.disabled():
        sys.stdout.write(f" [{mutant.name}: {found[1]} seeds] ")


def test_a_mutant_that_fits_no_more_says_so() -> None:
    changed = Replacement("outboard.kit.outbox.lease", "what nobody has written", "")
    with pytest.raises(LookupError, match="does not have this once"):
        changed_sources("old", [changed])


def test_there_are_the_twelve_of_the_design() -> None:
    assert [mutant.name for mutant in MUTANTS] == [
        "cursor-polling", "row-locks", "delete-before-acknowledgement", "check-then-insert",
        "marker-in-a-separate-transaction", "acknowledgement-before-commit", "new-id-per-attempt",
        "bulk-with-the-same-key", "marker-before-handler", "unfenced-park", "404-on-error",
        "finite-sidecar-retry",
    ]  # fmt: skip
