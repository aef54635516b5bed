"""What the end of a publish means for a stored event. Pure."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from outboard.errors import (
    EventTooLarge,
    OutboardError,
    PublishFailed,
    PublishForbidden,
    SidecarError,
)

__all__ = ["Verdict", "reason_of", "verdict_of"]

MAX_REASON: Final = 500
OWN_FAULT: Final = frozenset({400, 413})
NOT_READY: Final = frozenset({"ERR_PUBSUB_NOT_CONFIGURED"})
"""Codes of a 400 that blame the sidecar: daprd says so while it has loaded no component."""
TOO_LARGE: Final = ("too large", "too_large", "toolarge")
"""How brokers say it; daprd answers 500 then, and would do so each time."""


class Verdict(Enum):
    """DELIVERED: the broker has it. REFUSED: its own fault, so that it would be refused each time.

    FAILED: there was an answer, and it was no success. UNREACHABLE: nobody would have had an answer.
    """

    DELIVERED = auto()
    REFUSED = auto()
    FAILED = auto()
    UNREACHABLE = auto()


def verdict_of(error: SidecarError | None) -> Verdict:
    """None is a success. What is not known to be the event's own fault never parks it."""
    if error is None:
        return Verdict.DELIVERED
    if isinstance(error, (PublishForbidden, EventTooLarge)):
        return Verdict.REFUSED
    if isinstance(error, PublishFailed):
        return Verdict.REFUSED if _is_own_fault(error) else Verdict.FAILED
    return Verdict.UNREACHABLE


def reason_of(error: OutboardError) -> str:
    """What is written down of it, for the person who looks."""
    text = str(error).replace("\0", " ")  # which PostgreSQL takes in no text
    return text if len(text) <= MAX_REASON else text[: MAX_REASON - 1] + "…"


def _is_own_fault(error: PublishFailed) -> bool:
    if error.status in OWN_FAULT:
        return error.code not in NOT_READY
    return any(words in error.reason.lower() for words in TOO_LARGE)
