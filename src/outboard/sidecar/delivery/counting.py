"""What is counted of the deliveries of a subscription, as daprd does: each attempt, and ends without one.

    what happens                                       process_status  status
    the app answers, by `status` in the body or else   that            that
    the app answers DROP in the body                   drop            success
    no rule matches                                    drop            success
    expired                                            drop            drop
    given up, or unreadable, and dead-lettered         drop            drop
    given up, or unreadable, and not acknowledged      retry           retry

Source: daprd 1.18.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Iterable
from typing import Final

from outboard.sidecar.channel.answers import Answer
from outboard.sidecar.components.port import NotAcknowledged
from outboard.sidecar.delivery.inbound import Skipped
from outboard.sidecar.metrics.meters import Meters
from outboard.wire.dapr import DeliveryStatus

__all__ = ["BatchTally", "DeliveryCounts"]

SUCCESS: Final = "success"
DROP: Final = "drop"
RETRY: Final = "retry"


class DeliveryCounts:
    """Counts for one subscription to `topic`."""

    def __init__(self, meters: Meters, pubsub: str, topic: str) -> None:
        self._meters = meters
        self._pubsub = pubsub
        self._topic = topic

    def answered(self, answer: Answer, seconds: float) -> None:
        """Count one attempt."""
        if answer.outcome is DeliveryStatus.SUCCESS:
            self._count(SUCCESS, SUCCESS, seconds)
        elif answer.outcome is DeliveryStatus.RETRY:
            self._count(RETRY, RETRY, seconds)
        else:
            self._count(DROP, SUCCESS if answer.code is None else DROP, seconds)

    def skipped(self, skipped: Skipped) -> None:
        """Count what the app does not get."""
        self._count(DROP, SUCCESS if skipped.unrouted else DROP)

    async def ended(self, ending: Awaitable[None]) -> None:
        """Await, and count, the end of what cannot be delivered (any more). Raises NotAcknowledged."""
        try:
            await ending
        except NotAcknowledged:
            self._count(RETRY, RETRY)
            raise
        self._count(DROP, DROP)

    def batch(self, tally: BatchTally) -> None:
        """Count a batch that came to its end."""
        self._meters.delivered_in_bulk(self._pubsub, self._topic, tally.statuses, tally.seconds)

    def _count(self, process_status: str, status: str, seconds: float | None = None) -> None:
        self._meters.delivered(self._pubsub, self._topic, process_status, status, seconds)


class BatchTally:
    """The events of one batch by status, once for each attempt, and how long the last attempt took."""

    def __init__(self) -> None:
        self.statuses: Counter[str] = Counter()
        self.seconds: float | None = None

    def answered(self, answers: Iterable[Answer], seconds: float) -> None:
        """What the app said of each event of an attempt."""
        self.seconds = seconds
        self.statuses.update([str(answer.outcome) for answer in answers])

    def dropped(self) -> None:
        """An event that the app does not get."""
        self.statuses[str(DeliveryStatus.DROP)] += 1

    def dead_lettered(self) -> None:
        """An event that was given up: daprd takes one of its retries back."""
        self.dropped()
        self.statuses[str(DeliveryStatus.RETRY)] -= 1
