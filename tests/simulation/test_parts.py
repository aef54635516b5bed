"""What only some runs have: dead letters that are collected and replayed; engines that work in threads."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from simulation.letter_invariants import KeptLetter, LetterEvidence, PublishedAgain, violations_of_letters
from simulation.mutants import MUTANTS
from simulation.run import run
from simulation.world import RARE, STOPS, STOPS_BESIDE

SEEDS_OF_STOPS = 4
DATA = {"number": 1, "key": "amber", "kind": "poison"}


def seeds_of(part: str) -> range:
    """As many as a mutant of it may need: all of them are passed by the code that is shipped."""
    return range(max(mutant.seeds for mutant in MUTANTS if part in mutant.parts and not mutant.only))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", RARE)
def test_nothing_is_violated_with_a_part(part: str) -> None:
    for seed in seeds_of(part):
        outcome = run(seed, parts=(part,))
        replay = f"python3 dev.py simulate --seed {seed} --with {part} --trace"
        assert not outcome.violations, "\n".join([f"replay it with: {replay}", *outcome.violations])


@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", RARE)
def test_programs_that_are_asked_to_stop_publish_nothing_twice(part: str) -> None:
    faults = Counter[str]()
    for seed in range(SEEDS_OF_STOPS):
        outcome = run(seed, only=STOPS, parts=(part,))
        replay = f"python3 dev.py simulate --seed {seed} --only {STOPS} --with {part} --trace"
        assert not outcome.violations, "\n".join([f"replay it with: {replay}", *outcome.violations])
        faults.update(outcome.faults)
    assert set(faults) == {STOPS, STOPS_BESIDE}


def replayed() -> LetterEvidence:
    """One letter, which was kept, published again and handled."""
    return LetterEvidence(
        staged={"a": ("amber", DATA)},
        dead=Counter({("ledger", "a"): 1}),
        kept=[KeptLetter("ledger", "a", "replayed", 1)],
        published=[PublishedAgain("a", "amber", DATA, "ledger", True)],
        groups=[("ledger", 1)],
        only_stops=True,
    )


def test_all_is_well_with_one_letter() -> None:
    assert violations_of_letters(replayed()) == []


def kept(
    app_id: str = "ledger", event_id: str = "a", state: str = "replayed", failures: int = 1
) -> KeptLetter:
    return KeptLetter(app_id, event_id, state, failures)


def again(key: str = "amber", number: int = 1, to: str = "ledger", is_owned: bool = True) -> PublishedAgain:
    return PublishedAgain("a", key, {**DATA, "number": number}, to, is_owned)


FORGED: Mapping[str, tuple[int, Mapping[str, Any]]] = {
    "kept twice": (18, {"kept": [kept(), kept()]}),
    "not kept": (18, {"kept": []}),
    "kept of nothing": (18, {"kept": [kept(), kept(event_id="b")]}),
    "still waiting": (18, {"kept": [kept(state="waiting")]}),
    "counted wrongly": (18, {"kept": [kept(failures=2)]}),
    "of another key": (19, {"published": [again(key="birch")]}),
    "of other data": (19, {"published": [again(number=2)]}),
    "for another app": (20, {"published": [again(to="mailer")]}),
    "handled by another app": (20, {"misdirected": ["a, replayed for ledger, was handled by mailer"]}),
    "taken again": (21, {"again": ["letter 1, which was replayed, was taken once more"]}),
    "published by a stranger": (21, {"published": [again(is_owned=False)]}),
    "published twice": (21, {"published": [again(), again()]}),
    "grouped wrongly": (22, {"groups": [("ledger", 1), ("ledger", 1)]}),
}
"""What was not so, and the number of the invariant that tells of it."""


@pytest.mark.parametrize("forged", FORGED)
def test_each_violation_is_seen(forged: str) -> None:
    number, changes = FORGED[forged]
    found = violations_of_letters(replace(replayed(), **changes))
    assert f"{number}" in {each.partition(":")[0] for each in found}, found
