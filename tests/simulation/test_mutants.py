"""The patches of the mutants fit the code that is shipped; whether a run sees them is tried by hand."""

import pytest

from simulation.mutants import MUTANTS, Mutant, Replacement, changed_sources


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_fits_what_is_shipped(mutant: Mutant) -> None:
    assert changed_sources(mutant.name, mutant.replacements)


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
