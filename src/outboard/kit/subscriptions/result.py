"""What became of one event, and what the sidecar is told. Pure.

Source: Dapr, "Pub/sub API reference", "Provide a route for Dapr to deliver topic events".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias

from pydantic_core import from_json

from outboard.errors import Drop
from outboard.wire.dapr import DeliveryStatus

__all__ = [
    "APPLIED_BEFORE",
    "DUPLICATE",
    "ENDED",
    "HANDLED",
    "HELD_BACK",
    "SUCCEEDED",
    "Duplicate",
    "Ending",
    "Exhausted",
    "Handled",
    "HandlerRun",
    "Outcome",
    "Poison",
    "Redeliver",
    "Settled",
    "TakeApart",
    "detail_in",
    "outcome_of",
    "outcomes_of",
    "passed_by",
]


@dataclass(frozen=True, slots=True)
class HandlerRun:
    """What could be seen of a handler and its dependencies, from the first to the end of the last.

    `error` came out of them. Otherwise `http_status` was answered (by an exception handler perhaps), and
    `returned` says whether the handler came to its end, with `result`. `detail` is what the answer gave for a
    reason, as FastAPI does for an HTTPException.
    """

    error: Exception | None = None
    http_status: int | None = None
    returned: bool = False
    result: object = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Handled:
    """The event was handled."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The event was applied before, so that its handler did not run."""


@dataclass(frozen=True, slots=True)
class Redeliver:
    """The event is to be delivered again. `error` is what was raised, if that is the reason."""

    reason: str
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Poison:
    """The event can never be handled. `attempts` is how many there were, where that is counted for good.

    `error` is the type of what was raised, empty where nothing was.
    """

    reason: str
    attempts: int = 0
    error: str = ""


class Exhausted(Drop):
    """An event has failed as often as it may: `attempts` times, in all processes.

    `error` is the type of what was raised the last time, empty where nothing was.
    """

    def __init__(self, reason: str, attempts: int, error: str = "") -> None:
        super().__init__(reason)
        self.attempts = attempts
        self.error = error


@dataclass(frozen=True, slots=True)
class TakeApart:
    """One event of a batch can never be handled, and nobody said which."""

    reason: str


class Ending(StrEnum):
    """How one delivery of an event ended. After RETRY, HELD_BACK and HELD the event is to come again."""

    SUCCESS = "success"
    DUPLICATE = "duplicate"
    """It was applied before."""
    RETRY = "retry"
    HELD_BACK = "held-back"
    """Not given to the handler: an earlier event of its key is to come again before it."""
    HELD = "held"
    """It can never be handled, and there is nowhere to put it."""
    PASSED_BY = "passed-by"
    """Not given to the handler: it is replayed for another app, which failed at it."""
    DROP = "drop"
    DEAD_LETTER = "dead-letter"


class Settled(NamedTuple):
    """What the sidecar is told of one event; `reason` is why, for a person, where it was not handled."""

    status: DeliveryStatus
    ending: Ending
    reason: str = ""


Outcome: TypeAlias = Handled | Duplicate | Redeliver | Poison

ENDED: Final = HandlerRun(http_status=200, returned=True)
"""A handler that came to its end without a word, as most do."""
HANDLED: Final = Handled()
APPLIED_BEFORE: Final = Duplicate()
"""What stands for the result of a handler that did not run."""
SUCCEEDED: Final = Settled(DeliveryStatus.SUCCESS, Ending.SUCCESS)
DUPLICATE: Final = Settled(DeliveryStatus.SUCCESS, Ending.DUPLICATE, "it was applied before")
HELD_BACK: Final = Settled(
    DeliveryStatus.RETRY, Ending.HELD_BACK, "an earlier event of its key is to come again before it"
)


def passed_by(app_id: str) -> Settled:
    """Of an event that is replayed for `app_id` alone."""
    return Settled(DeliveryStatus.SUCCESS, Ending.PASSED_BY, f"it is replayed for '{app_id}' alone")


def outcome_of(run: HandlerRun) -> Outcome:
    """Success is only what nothing speaks against: an event is rather delivered twice than lost."""
    if run is ENDED:
        return HANDLED
    drop = _drop_in(run.error)
    if drop is not None:
        return _poison(drop)
    return _failure(run) or _of_result(run.result)


def outcomes_of(run: HandlerRun, count: int) -> Sequence[Outcome] | Redeliver | TakeApart:
    """What became of a batch of `count` events: of each, or of all if they are to be delivered again.

    A handler of batches may return a status for all, or a sequence with one for each. Drop is of one event.
    """
    if run is ENDED:
        return [HANDLED] * count
    drop = _drop_in(run.error)
    if drop is not None:
        return [_poison(drop)] if count == 1 else TakeApart(drop.reason)
    failure = _failure(run)
    if failure is not None:
        return failure
    if not isinstance(run.result, Sequence) or isinstance(run.result, str | bytes):
        of_all = _of_result(run.result)
        return of_all if isinstance(of_all, Redeliver) else [of_all] * count
    if len(run.result) != count:
        return Redeliver(f"the handler returned {len(run.result)} statuses for {count} events")
    return [_of_result(result) for result in run.result]


def _poison(drop: Drop) -> Poison:
    if isinstance(drop, Exhausted):
        return Poison(drop.reason, drop.attempts, drop.error)
    return Poison(drop.reason, error=type(drop).__name__)


def _failure(run: HandlerRun) -> Redeliver | None:
    if run.error is not None:
        return Redeliver(f"{type(run.error).__name__} was raised", run.error)
    if run.http_status is None or not 200 <= run.http_status < 300:
        return Redeliver(_answered(run.http_status, run.detail))
    return None if run.returned else Redeliver("an exception handler answered for it")


def detail_in(body: bytes) -> str:
    """The `detail` of an answer of FastAPI's; empty where it has none. What came in is left out of it."""
    try:
        answer = from_json(body)
    except ValueError:
        return ""
    detail = answer.get("detail") if isinstance(answer, dict) else None
    if isinstance(detail, list):  # of a RequestValidationError
        return "; ".join(_problem(each) for each in detail if isinstance(each, dict))
    return "" if detail is None else str(detail)


def _problem(error: Mapping[str, object]) -> str:
    place = error.get("loc")
    where = ".".join(map(str, place)) if isinstance(place, list) else "?"
    return f"{where}: {error.get('msg')}"


def _answered(http_status: int | None, detail: str) -> str:
    hint = (
        " (a parameter of the handler, or of a dependency, is missing or not valid)"
        if http_status == 422
        else ""
    )
    said = f": {detail}" if detail else ""
    return f"HTTP {http_status or 'nothing'} was answered for it{hint}{said}"


def _drop_in(error: Exception | None) -> Drop | None:
    """A Drop that was raised, alone or out of a task group in which nothing else failed."""
    while isinstance(error, ExceptionGroup) and error.split(Drop)[1] is None:
        error = error.exceptions[0]
    return error if isinstance(error, Drop) else None


def _of_result(result: object) -> Outcome:
    if isinstance(result, Duplicate):
        return result
    status = result.get("status") if isinstance(result, Mapping) else result
    if not isinstance(status, str) or status in ("", DeliveryStatus.SUCCESS):
        return HANDLED
    if status == DeliveryStatus.DROP:
        return Poison("the handler returned DROP")
    if status == DeliveryStatus.RETRY:
        return Redeliver("the handler returned RETRY")
    return Redeliver(f"the handler returned {status!r}, which is no status of Dapr's")
