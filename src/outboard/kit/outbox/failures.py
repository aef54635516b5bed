"""What a failed publish means for a stored event, and how long to wait after it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final, TypeAlias

from outboard.errors import (
    EventTooLarge,
    OutboardError,
    PublishFailed,
    PublishForbidden,
    SidecarError,
)

__all__ = ["CLOSED", "Breaker", "Breakers", "PublishOutcome", "Redact", "backoff", "outcome_of", "reason_of"]

Redact: TypeAlias = Callable[[str], str]
"""From what is said of a failure to what may be kept of it."""
CUT: Final = "…".encode()

MAX_REASON_BYTES: Final = 8 * 1024
OWN_FAULT: Final = frozenset({400, 413})
NOT_READY: Final = frozenset({"ERR_PUBSUB_NOT_CONFIGURED"})
"""Codes of a 400 that blame the sidecar: daprd says so while it has loaded no component."""
TOO_LARGE: Final = ("too large", "too_large", "toolarge")
"""How brokers say it; daprd answers 500 then, and would do so each time."""


class PublishOutcome(Enum):
    """DELIVERED: the broker has it. REFUSED: its own fault, so that it would be refused each time.

    FAILED: there was an answer, and it was no success. UNREACHABLE: nobody would have had an answer.
    """

    DELIVERED = auto()
    REFUSED = auto()
    FAILED = auto()
    UNREACHABLE = auto()


def outcome_of(error: SidecarError | None) -> PublishOutcome:
    """None is a success. What is not known to be the event's own fault never parks it."""
    if error is None:
        return PublishOutcome.DELIVERED
    if isinstance(error, (PublishForbidden, EventTooLarge)):
        return PublishOutcome.REFUSED
    if isinstance(error, PublishFailed):
        return PublishOutcome.REFUSED if _is_own_fault(error) else PublishOutcome.FAILED
    return PublishOutcome.UNREACHABLE


def reason_of(error: OutboardError, redact: Redact | None = None) -> str:
    """What is written down of it, for the person who looks: at most 8 KiB in UTF-8, after `redact`.

    What `redact` fails at is not written down.
    """
    text = str(error)
    if redact is not None:
        try:
            text = redact(text)
        except Exception as failure:
            text = f"(not kept: redact raised {type(failure).__name__})"
    text = text.replace("\0", " ")  # which PostgreSQL takes in no text
    written = text.encode("utf-8", "replace")
    if len(written) <= MAX_REASON_BYTES:
        return written.decode("utf-8")
    return written[: MAX_REASON_BYTES - len(CUT)].decode("utf-8", "ignore") + "…"


def _is_own_fault(error: PublishFailed) -> bool:
    if error.status in OWN_FAULT:
        return error.code not in NOT_READY
    return any(words in error.reason.lower() for words in TOO_LARGE)


FIRST_SECONDS: Final = 0.2
LONGEST_SECONDS: Final = 60.0
LONGEST_OPEN_SECONDS: Final = 10.0
THRESHOLD: Final = 3


def backoff(failures: int, randomness: float, longest: float = LONGEST_SECONDS) -> float:
    """Seconds to wait after so many failures in a row, which count from 1: exponential with full jitter.

    `randomness` is in [0, 1).
    """
    return min(FIRST_SECONDS * 2.0 ** min(failures - 1, 32), longest) * randomness


@dataclass(frozen=True, slots=True)
class Breaker:
    """Guards one pub/sub component. Open, it lets nothing pass; after that one event, to find out.

    `failures` are those in a row; `until` is when it was or will be open no more, by the monotonic clock in
    seconds, None while it is closed. `probing` is while that one event is under way.
    """

    failures: int = 0
    until: float | None = None
    probing: bool = False

    def is_open(self, now: float) -> bool:
        """Whether nothing may pass, whatever it is."""
        return self.until is not None and now < self.until

    def allows(self, now: float) -> bool:
        """Whether one more event may be sent."""
        return self.until is None or (now >= self.until and not self.probing)

    def admitted(self) -> Breaker:
        """After an event that was allowed has been sent."""
        return replace(self, probing=True) if self.until is not None else self

    def failed(self, now: float, randomness: float, *, outage: bool) -> Breaker:
        """After an event failed. An `outage`, where there was not even an answer, opens it at once."""
        if self.is_open(now):
            return self  # one that was sent before; they fail together and say the same
        failures = self.failures + 1
        if not outage and self.until is None and failures < THRESHOLD:
            return Breaker(failures)
        times = failures if outage else max(failures - THRESHOLD + 1, 1)
        return Breaker(failures, now + backoff(times, randomness, LONGEST_OPEN_SECONDS))


CLOSED: Final = Breaker()
"""Nothing is wrong, as far as anybody knows: this is also what a success leads to."""


class Breakers:
    """The breaker of each pub/sub component. Times are by the monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._breakers: dict[str, Breaker] = {}

    def open_ones(self, now: float) -> list[str]:
        """The components to which nothing may be sent."""
        return [pubsub for pubsub, breaker in self._breakers.items() if breaker.is_open(now)]

    def is_open(self, pubsub: str, now: float) -> bool:
        """As `Breaker.is_open`."""
        return self._breakers.get(pubsub, CLOSED).is_open(now)

    def allows(self, pubsub: str, now: float) -> bool:
        """As `Breaker.allows`."""
        return self._breakers.get(pubsub, CLOSED).allows(now)

    def admitted(self, pubsub: str) -> None:
        """After an event that was allowed has been sent."""
        if (breaker := self._breakers.get(pubsub)) is not None:
            self._breakers[pubsub] = breaker.admitted()

    def answered(self, pubsub: str) -> None:
        """The component takes events, or had its reason to refuse one of them."""
        self._breakers.pop(pubsub, None)

    def failed(self, pubsub: str, now: float, randomness: float, *, outage: bool) -> bool:
        """After an event failed, as `Breaker.failed`; whether that has opened a closed one."""
        before = self._breakers.get(pubsub, CLOSED)
        after = self._breakers[pubsub] = before.failed(now, randomness, outage=outage)
        return before.until is None and after.until is not None
