"""What a run of a handler means for its transaction, and for the event. Pure.

the run                     the transaction  the claim of each event
was handled                 is committed     stays
of a batch: some to come    is committed     stays of those that were handled, and is
  again or dropped                             given back of the others
to come again               is rolled back   goes with it; an attempt is counted
can never be handled        is rolled back   goes with it
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from outboard.kit.subscriptions.result import (
    Duplicate,
    Exhausted,
    Handled,
    HandlerRun,
    Redeliver,
    TakeApart,
    outcome_of,
    outcomes_of,
)

__all__ = ["RETURNED_RETRY", "TransactionEnd", "exhausted", "raised", "transaction_end"]

RETURNED_RETRY: Final = "the handler returned RETRY"
LONGEST_SAID: Final = 500


@dataclass(frozen=True, slots=True)
class TransactionEnd:
    """Of each event whether it was applied. `is_failure` where an attempt is to be counted."""

    applied: Sequence[bool]
    is_failure: bool = False

    @property
    def commits(self) -> bool:
        """Whether the transaction is committed."""
        return any(self.applied)


def transaction_end(http_status: int, result: object, count: int, *, is_batch: bool) -> TransactionEnd:
    """What follows from what a handler of `count` events has answered and returned."""
    run = HandlerRun(http_status=http_status, returned=True, result=result)
    found = outcomes_of(run, count) if is_batch else [outcome_of(run)]
    if isinstance(found, Redeliver | TakeApart):
        return TransactionEnd([False] * count, is_failure=True)
    return TransactionEnd(
        [isinstance(each, Handled | Duplicate) for each in found],
        any(isinstance(each, Redeliver) for each in found),
    )


def raised(error: Exception, said: str) -> str:
    """What a dead letter says of `error`, which a handler raised: of `said` the first line."""
    line = said.strip().partition("\n")[0]
    return f"{type(error).__name__} was raised" + (f": {line[:LONGEST_SAID]}" if line else "")


def exhausted(reason: str, attempts: int, most: int, error: Exception | None) -> Exhausted:
    """To be raised at the last attempt: the event is a dead letter then."""
    told = f"{reason}, at attempt {attempts}, the last of {most}"
    return Exhausted(told, attempts, type(error).__name__ if error else "")
