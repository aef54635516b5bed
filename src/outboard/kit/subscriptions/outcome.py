"""What became of one event, and what the sidecar is told. Pure.

Source: Dapr, "Pub/sub API reference", "Provide a route for Dapr to deliver topic events".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from outboard.errors import Drop
from outboard.wire.dapr import DeliveryStatus

__all__ = ["Handled", "Poison", "Retry", "Run", "Verdict", "verdict"]


@dataclass(frozen=True, slots=True)
class Run:
    """What could be seen of a handler and its dependencies, from the first to the end of the last.

    `error` came out of them. Otherwise `http_status` was answered (by an exception handler perhaps), and
    `returned` says whether the handler came to its end, with `result`.
    """

    error: Exception | None = None
    http_status: int | None = None
    returned: bool = False
    result: object = None


@dataclass(frozen=True, slots=True)
class Handled:
    """The event was handled."""


@dataclass(frozen=True, slots=True)
class Retry:
    """The event is to be delivered again. `error` is what was raised, if that is the reason."""

    reason: str
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Poison:
    """The event can never be handled."""

    reason: str


Verdict: TypeAlias = Handled | Retry | Poison


def verdict(run: Run) -> Verdict:
    """Success is only what nothing speaks against: an event is rather delivered twice than lost."""
    drop = _drop_in(run.error)
    if drop is not None:
        return Poison(drop.reason)
    if run.error is not None:
        return Retry(f"{type(run.error).__name__} was raised", run.error)
    if run.http_status is None or not 200 <= run.http_status < 300:
        return Retry(_answered(run.http_status))
    if not run.returned:
        return Retry("an exception handler answered for it")
    return _of_result(run.result)


def _answered(http_status: int | None) -> str:
    hint = (
        " (a parameter of the handler, or of a dependency, is missing or not valid)"
        if http_status == 422
        else ""
    )
    return f"HTTP {http_status or 'nothing'} was answered for it{hint}"


def _drop_in(error: Exception | None) -> Drop | None:
    """A Drop that was raised, alone or out of a task group in which nothing else failed."""
    while isinstance(error, ExceptionGroup) and error.split(Drop)[1] is None:
        error = error.exceptions[0]
    return error if isinstance(error, Drop) else None


def _of_result(result: object) -> Verdict:
    status = result.get("status") if isinstance(result, Mapping) else result
    if not isinstance(status, str) or status in ("", DeliveryStatus.SUCCESS):
        return Handled()
    if status == DeliveryStatus.DROP:
        return Poison("the handler returned DROP")
    if status == DeliveryStatus.RETRY:
        return Retry("the handler returned RETRY")
    return Retry(f"the handler returned {status!r}, which is no status of Dapr's")
