"""Each invariant can fall: the checker is fed with records that are forged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from chaos.evidence import Committed, Growth, OnBroker, Stopped
from chaos.forged import APPLIED, COMMITTED, DEAD, GOOD, ORDERS, REPLAYED
from chaos.invariants import GROWTH_BYTES, GROWTH_DESCRIPTORS, Counts, counts, verdicts

STRAY = OnBroker("rolled back", "k", "h", 0, 9)
FORGED: Mapping[str, tuple[int, Mapping[str, Any]]] = {
    "an event is not on the broker": (1, {"orders": [each for each in ORDERS if each.event_id != "b"]}),
    "an event on the broker was not handled": (1, {"applied": APPLIED[:2], "balances": {"k": 12, "m": 13}}),
    "what was rolled back is on the wire": (2, {"orders": [*ORDERS, STRAY]}),
    "what was rolled back is a dead letter": (2, {"dead": [*DEAD, replace(STRAY, offset=3)]}),
    "something on the wire was staged by nobody": (2, {"attempted": {"a", "b", "p"}}),
    "an event is applied twice": (3, {"applied": [*APPLIED, replace(APPLIED[2], place=9)]}),
    "an event is applied again by a replay": (3, {"replayed": [*REPLAYED, APPLIED[0]]}),
    "a sum is too high": (3, {"balances": {"k": 12, "m": 25}}),
    "a sum is of nothing": (3, {"balances": {"k": 12, "m": 24, "other": 1}}),
    "an amount is another one": (3, {"applied": [replace(APPLIED[0], amount=6), *APPLIED[1:]]}),
    "a later event is on the broker first": (4, {"orders": [replace(ORDERS[2], offset=0), *ORDERS]}),
    "a later event is applied first": (
        4,
        {"applied": [replace(APPLIED[1], place=0), APPLIED[0], APPLIED[2]]},
    ),
    "a key is in two partitions": (5, {"orders": [*ORDERS, replace(ORDERS[1], partition=2)]}),
    "a payload on the broker is another one": (6, {"orders": [*ORDERS[:5], replace(ORDERS[5], payload="x")]}),
    "a payload of a dead letter is another one": (6, {"dead": [replace(DEAD[0], payload="x")]}),
    "a payload was applied that is another one": (
        6,
        {"applied": [replace(APPLIED[0], payload="x"), *APPLIED[1:]]},
    ),
    "poison is no dead letter": (7, {"dead": []}),
    "an event that is none is a dead letter": (7, {"dead": [*DEAD, replace(ORDERS[0], offset=3)]}),
    "a dead letter was not collected": (7, {"letters": []}),
    "a dead letter was collected twice": (7, {"letters": ["p", "p"]}),
    "a replay applied nothing": (7, {"replayed": [], "balances": {"k": 12, "m": 11}}),
    "a replay applied another event": (7, {"replayed": [*REPLAYED, APPLIED[2]]}),
    "an event waits in the outbox": (8, {"waiting": 1}),
    "an event is parked": (8, {"parked": 1}),
    "a lease is left": (8, {"orphan_leases": 1}),
    "it drains late": (9, {"drained_after": 30.5}),
    "it never drains": (9, {"drained_after": None}),
    "there are more duplicates than faults explain": (10, {"in_flight": 0}),
    "a stop made a duplicate": (11, {"rolled": {"a"}}),
    "a stop made a dead letter": (11, {"dead": [*DEAD, replace(ORDERS[3], offset=3)]}),
    "a stop took too long": (11, {"stopped": [Stopped("relay-1", 10.1)]}),
    "memory grows": (12, {"growths": [Growth("relay-1", 40.0, GROWTH_BYTES + 1, 0)]}),
    "file descriptors grow": (12, {"growths": [Growth("relay-1", 40.0, 0, GROWTH_DESCRIPTORS + 1)]}),
    "nobody has looked at memory": (12, {"growths": []}),
    "a token is in a log": (13, {"leaks": ["relay-1.log line 3: a token of the sidecar"]}),
}


def test_a_run_in_which_all_is_well_has_thirteen_that_hold() -> None:
    found = verdicts(GOOD)
    assert [each.number for each in found] == list(range(1, 14))
    assert [each for each in found if not each.holds] == []
    assert found[0].figures == ("committed 4; on the broker 6 records of 4 ids; applied 3; dead 1; lost 0")
    assert found[9].figures == "1 duplicates after 2 faults; bound 512"


@pytest.mark.parametrize(("number", "forged"), FORGED.values(), ids=FORGED)
def test_an_invariant_falls(number: int, forged: Mapping[str, Any]) -> None:
    found = verdicts(replace(GOOD, **forged))
    assert number in {each.number for each in found if not each.holds}


def test_each_invariant_was_seen_to_fall() -> None:
    assert {number for number, _ in FORGED.values()} == set(range(1, 14))


def test_of_many_that_speak_against_one_a_few_are_named_and_the_rest_are_counted() -> None:
    many = [Committed(f"lost-{number}", "k", 1, False, "h", 10 + number) for number in range(1_000)]
    (first, *_) = verdicts(replace(GOOD, committed=[*COMMITTED, *many]))
    assert len(first.problems) == 6
    assert first.problems[-1].endswith("and 995 more")


def test_a_run_is_counted() -> None:
    assert counts(GOOD) == Counts(2, 4, 6, 4, 1, 0, 0, 0)
    worse = replace(GOOD, applied=[APPLIED[1], APPLIED[1], replace(APPLIED[0], place=3)])
    assert counts(worse) == Counts(2, 4, 6, 3, 1, 1, 1, 1)
