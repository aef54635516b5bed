"""What happened to the events of a test, and waiting for it."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import unquote, urlsplit

from outboard.hops.record import Hop, HopKind
from outboard.wire.dapr import DeliveryStatus
from outboard.wire.subscriptions import Json

__all__ = ["DeadLetter", "Delivery", "HopRecording", "NotSeen", "event_id"]

REASON: Final = "deadletterreason"
SETTLED: Final = (DeliveryStatus.SUCCESS, DeliveryStatus.DROP)


class NotSeen(AssertionError):
    """What a test waited for did not happen. The message tells what did."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One time that an app was given an event.

    `outcome` is SUCCESS, RETRY or DROP; `attempt` counts from 1.
    """

    app_id: str
    event_id: str
    attempt: int
    outcome: str
    detail: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event on a dead letter topic. `origin` is empty where the sidecar, not the kit, put it there."""

    event_id: str
    reason: str
    origin: str
    attempts: int
    data: Json
    payload: bytes


class HopRecording:
    """Takes the hops of all sidecars of a test, in their order.

    What they mean is found out when somebody asks, which in most tests is long after the last of them.
    """

    def __init__(self) -> None:
        self.hops: list[Hop] = []
        self._changed = asyncio.Event()
        self._counted = 0
        self._open: Counter[tuple[str, str]] = Counter()
        self._takers: dict[tuple[str, str], list[str]] = {}

    def __call__(self, hop: Hop) -> None:
        self.hops.append(hop)
        self._changed.set()

    def expect(self, app_id: str, topics: Iterable[tuple[str, str]]) -> None:
        """From now on `app_id` is to settle each event of `topics` (pub/sub and topic)."""
        self._count()
        for topic in topics:
            self._takers.setdefault(topic, []).append(app_id)

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

    async def wait(self, seen: Callable[[], bool], timeout: float, what: str) -> None:
        """Return when `seen`. Raises NotSeen after `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                while not seen():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise NotSeen(f"{what} within {timeout:g} s. What happened:\n{story(self.hops)}") from None

    def of(self, pubsub: str, topic: str, kind: HopKind) -> list[Hop]:
        return [hop for hop in self.hops if (hop.kind, hop.pubsub, hop.topic) == (kind, pubsub, topic)]

    def deliveries(self, pubsub: str, topic: str) -> list[Delivery]:
        return [
            Delivery(hop.app_id, event_id(hop.payload), hop.attempt, hop.outcome, hop.detail)
            for hop in self.of(pubsub, topic, HopKind.DELIVERED)
        ]

    def dead_letters(self, pubsub: str, topic: str) -> list[DeadLetter]:
        """What came from `topic` and was put on a dead letter topic, by the kit or by the sidecar."""
        return [_dead_letter(hop) for hop in self.hops if hop.pubsub == pubsub and self._origin(hop) == topic]

    def _origin(self, hop: Hop) -> str | None:
        origin = _dead_letter_origin(hop)
        if origin != "":
            return origin
        # A message that the sidecar put there is unchanged, and need not say where it came from.
        same = (each for each in self.hops if each.kind is HopKind.PUBLISHED and each.payload == hop.payload)
        return next((each.topic for each in same), "")

    def _count(self) -> None:
        """Take in the hops since the last time, by the takers that there were."""
        for hop in self.hops[self._counted :]:
            self._count_one(hop)
        self._counted = len(self.hops)

    def _count_one(self, hop: Hop) -> None:
        name = event_id(hop.payload)
        if hop.kind is HopKind.PUBLISHED:
            self._open.update((app_id, name) for app_id in self._takers.get((hop.pubsub, hop.topic), ()))
        elif hop.kind is not HopKind.DELIVERED or hop.outcome in SETTLED:
            self._open[(hop.app_id, name)] -= 1


def members(payload: bytes) -> dict[str, Json]:
    """The members of an envelope; empty where the payload is not one."""
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


@lru_cache(maxsize=10_000)  # each hop of an event asks again
def event_id(payload: bytes) -> str:
    """The id of the event in `payload`, empty where it has none."""
    return str(members(payload).get("id", ""))


def story(hops: Sequence[Hop], most: int = 30) -> str:
    """The last hops, a line each, for the person whose test failed."""
    if not hops:
        return "  nothing: no event was published."
    cut = [f"  ({len(hops) - most} earlier hops)"] if len(hops) > most else []
    return "\n".join([*cut, *(_line(hop) for hop in hops[-most:])])


def _line(hop: Hop) -> str:
    outcome = f" {hop.outcome}" if hop.outcome else ""
    attempt = f" (attempt {hop.attempt})" if hop.attempt else ""
    detail = f": {hop.detail}" if hop.detail else ""
    where = f"{hop.pubsub}/{hop.topic}"
    return f"  {hop.app_id}: {event_id(hop.payload)} of {where} {hop.kind}{outcome}{attempt}{detail}"


def _dead_letter_origin(hop: Hop) -> str | None:
    """The topic that a dead letter says it comes from, empty where it does not; None for any other hop."""
    if hop.kind is HopKind.DEAD_LETTERED:
        return str(members(hop.payload).get("topic", ""))
    if hop.kind is HopKind.PUBLISHED and REASON in members(hop.payload):
        origin = urlsplit(str(members(hop.payload).get("deadletterorigin", "")))
        return unquote(origin.path.rpartition("/")[2])
    return None


def _dead_letter(hop: Hop) -> DeadLetter:
    envelope = members(hop.payload)
    attempts = envelope.get("deadletterattempts")
    return DeadLetter(
        event_id=event_id(hop.payload),
        reason=str(envelope.get(REASON, hop.detail)),
        origin=str(envelope.get("deadletterorigin", "")),
        attempts=attempts if isinstance(attempts, int) else hop.attempt,
        data=envelope.get("data"),
        payload=hop.payload,
    )
