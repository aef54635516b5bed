"""What happened to the events of a test, and waiting for it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from outboard.hops.deliveries import payload_id, told
from outboard.hops.record import Hop, HopKind
from outboard.hops.takers import Taker, untaken
from outboard.testing.patience import patiently
from outboard.wire.dapr import DeliveryStatus

__all__ = ["HopRecording", "NotSeen"]

SETTLED: Final = (DeliveryStatus.SUCCESS, DeliveryStatus.DROP)
ENDS: Final = frozenset({HopKind.DEAD_LETTERED, HopKind.DROPPED, HopKind.LOST})


class NotSeen(AssertionError):
    """What a test waited for did not happen. The message tells what did."""


class HopRecording:
    """Takes the hops of all sidecars of a test, in their order.

    What they mean is found out when somebody asks, which in most tests is long after the last of them.
    """

    def __init__(self) -> None:
        self.wants_envelopes = True
        self.hops: list[Hop] = []
        self._changed = asyncio.Event()
        self._counted = 0
        self._open: Counter[tuple[str, str]] = Counter()
        self._takers: dict[tuple[str, str], list[str]] = {}
        self._ever: set[Taker] = set()

    @property
    def records_all(self) -> bool:
        """As `Recorder`; a test asks no broker where an event lies."""
        return False

    @property
    def may_wait(self) -> bool:
        """As `Recorder`: a test looks at once."""
        return False

    def chosen(
        self, kind: HopKind, pubsub: str, topic: str, event_ids: Sequence[str], attempt: int = 0,
        outcome: str = "",
    ) -> Sequence[int]:  # fmt: skip
        """As `Recorder`: a test sees all."""
        return range(len(event_ids))

    def wants_data(self, event_id: str) -> bool:
        """As `Recorder`: the envelope has it."""
        return False

    def __call__(self, hop: Hop) -> None:
        self.hops.append(hop)
        self._changed.set()

    def expect(self, app_id: str, topics: Iterable[tuple[str, str]]) -> None:
        """From now on `app_id` is to settle each event of `topics` (pub/sub and topic)."""
        self._count()
        for topic in topics:
            self._takers.setdefault(topic, []).append(app_id)
            self._ever.add(Taker(app_id, *topic))

    def forget(self, app_id: str) -> None:
        """`app_id` takes no more events."""
        self._count()
        for takers in self._takers.values():
            while app_id in takers:
                takers.remove(app_id)
        self._open = Counter({key: count for key, count in self._open.items() if key[0] != app_id})

    @property
    def unsettled(self) -> list[tuple[str, str]]:
        """The app and the event of each delivery that has not come to its end."""
        self._count()
        return [key for key, count in self._open.items() if count > 0]

    def untaken(self, hops: Sequence[Hop]) -> list[str]:
        """A line for each topic of `hops` that no app has ever taken, with the one that was meant."""
        return untaken(hops, self._ever)

    async def wait(self, seen: Callable[[], bool], timeout: float, what: str) -> None:
        """Return when `seen`. Raises NotSeen after `timeout` seconds."""
        try:
            async with patiently(timeout):
                while not seen():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            happened = "\n".join([told(self.hops), *self.untaken(self.hops)])
            raise NotSeen(f"{what} within {timeout:g} s. What happened:\n{happened}") from None

    def _count(self) -> None:
        """Take in the hops since the last time, by the takers that there were."""
        for hop in self.hops[self._counted :]:
            self._count_one(hop)
        self._counted = len(self.hops)

    def _count_one(self, hop: Hop) -> None:
        name = payload_id(hop.payload)
        if hop.kind is HopKind.STORED:
            self._open.update((app_id, name) for app_id in self._takers.get((hop.pubsub, hop.topic), ()))
        elif hop.kind in ENDS or (hop.kind is HopKind.DELIVERED and hop.outcome in SETTLED):
            self._open[(hop.app_id, name)] -= 1
