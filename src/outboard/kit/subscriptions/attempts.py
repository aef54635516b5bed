"""Counts the deliveries of events that could not be handled yet."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, TypeAlias

__all__ = ["Attempts", "DeliveryKey"]

CAPACITY: Final = 10_000

DeliveryKey: TypeAlias = tuple[str, str, str]
"""Handler, and the source and id of the event."""


class Attempts:
    """How often this process was given an event without handling it. Forgets the longest unseen ones first.

    daprd does not tell an app the number of the attempt, so this is what one process can know.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._counts: OrderedDict[DeliveryKey, int] = OrderedDict()

    def __bool__(self) -> bool:
        """Whether any event is being counted."""
        return bool(self._counts)

    def count(self, key: DeliveryKey) -> int:
        """Count one more, and return how many there were, this one included."""
        count = self._counts.pop(key, 0) + 1
        self._counts[key] = count
        if len(self._counts) > self._capacity:
            self._counts.popitem(last=False)
        return count

    def forget(self, key: DeliveryKey) -> None:
        """The event is settled."""
        self._counts.pop(key, None)
