"""Mistakes in the code are seen: each mutant is caught by seeds that the code which is shipped passes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulation.mutants import DESIGNED, MUTANTS, Mutant, Replacement, changed_sources
from simulation.seeds import FEW

TESTS = Path(__file__).parents[1]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_is_caught(mutant: Mutant) -> None:
    """In a Python process of its own: it is made of the modules as they are imported."""
    assert mutant.seeds <= FEW, "the tests of seeds run as many with the code itself"
    command = [sys.executable, "-m", "simulation", "--mutant", mutant.name, "--seeds", str(mutant.seeds)]
    command += ["--only", mutant.only, *(f"--with={part}" for part in mutant.parts)]
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 1, f"not caught within {mutant.seeds} seeds: {done.stdout}"
    assert f"  {mutant.breaks}:" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_fits_what_is_shipped(mutant: Mutant) -> None:
    assert changed_sources(mutant.name, mutant.replacements)


def test_a_mutant_that_fits_no_more_says_so() -> None:
    changed = Replacement("outboard.kit.outbox.lease", "what nobody has written", "")
    with pytest.raises(LookupError, match="does not have this once"):
        changed_sources("old", [changed])


def test_there_are_the_twelve_of_the_design() -> None:
    assert [mutant.name for mutant in DESIGNED] == [
        "cursor-polling", "row-locks", "delete-before-acknowledgement", "check-then-insert",
        "marker-in-a-separate-transaction", "acknowledgement-before-commit", "new-id-per-attempt",
        "bulk-with-the-same-key", "marker-before-handler", "unfenced-park", "404-on-error",
        "finite-sidecar-retry",
    ]  # fmt: skip
