"""What to do with an event after the app's answer. Pure.

Source: Dapr pub/sub API, "Expected HTTP Response"; daprd 1.18.
"""

from __future__ import annotations

from enum import Enum, auto

from outboard.sidecar.channel.answers import Answer
from outboard.sidecar.resiliency.failure import Failure
from outboard.wire.dapr import DeliveryStatus

__all__ = ["NotDelivered", "Step", "last_step"]


class NotDelivered(Failure):
    """The app did not take an event, or a batch of them."""

    def __init__(self, detail: str, code: int | None = None) -> None:
        super().__init__(detail)
        self.code = code


class Step(Enum):
    ACKNOWLEDGE = auto()
    DEAD_LETTER = auto()
    """Publish to the dead letter topic, then acknowledge."""
    NOT_ACKNOWLEDGED = auto()
    """The broker decides."""


def last_step(answer: Answer, has_dead_letter: bool) -> Step:
    """What to do after `answer`, when there is no other attempt."""
    if answer.outcome is DeliveryStatus.SUCCESS:
        return Step.ACKNOWLEDGE
    if answer.outcome is DeliveryStatus.DROP:
        return Step.DEAD_LETTER if has_dead_letter and answer.dead_letter else Step.ACKNOWLEDGE
    return Step.DEAD_LETTER if has_dead_letter else Step.NOT_ACKNOWLEDGED
