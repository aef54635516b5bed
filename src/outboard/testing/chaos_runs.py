"""A test run again and again under chaos, until it is known whose fault it is that it fails.

    run       chaos for                       where it fails
    plain     nothing                         the test fails by itself, and that is what is told
    chaos     all deliveries                  something is not idempotent, or needs an order
    narrowed  those to one handler each       that handler; then one delivery to it each: that event

Source: pytest, `runtestprotocol`, which plugins that run tests again call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from outboard.testing.chaos import Chaos, ChaosStep

__all__ = ["Culprit", "culprit_of", "told_culprit"]

MOST_RUNS: Final = 40


@dataclass(frozen=True, slots=True)
class Culprit:
    """The handler for whose deliveries alone a test fails, and the delivery that is enough, if one is."""

    handler: str
    step: ChaosStep | None


def culprit_of(seed: int, steps: Sequence[ChaosStep], fails: Callable[[Chaos], bool]) -> Culprit | None:
    """The last handler of `steps` for which alone the test `fails`; None where it takes several.

    The last, because what comes to the first again may only come to others again: theirs is the fault then.
    """
    for handler in reversed(list(dict.fromkeys(step.handler for step in steps))):
        only = frozenset({handler})
        if not fails(Chaos(seed, only)):
            continue
        mine = [step for step in steps if step.handler == handler][:MOST_RUNS]
        enough = (step for step in mine if fails(Chaos(seed, only, frozenset({step.number}))))
        return Culprit(handler, next(enough, None))
    return None


def told_culprit(culprit: Culprit | None, seed: int, node_id: str) -> str:
    """For a person: whose fault it is, by which event, and how to see it again."""
    again = f'Repeat it: python -m pytest "{node_id}" --outboard-chaos={seed}'
    if culprit is None:
        return (
            "The test passes, and fails where events come again and in another order across keys; no single "
            f"handler is the cause.\n{again}"
        )
    what = f"{culprit.handler} is not idempotent: the test passes, and fails where "
    if culprit.step is None:
        return f"{what}its events come again.\n{again}"
    step = culprit.step
    return f"{what}an event comes to it again.\nDelivery {step.number}, {step.kind}: {step.event}\n{again}"
