"""What follows from the outcome of an event: the answer to the sidecar, its log line, its dead letter."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple, TypeAlias

from outboard.clock import Clock
from outboard.errors import EventTooLarge, OutboardError
from outboard.hops.journal import Journal
from outboard.hops.record import EventIdentity, HopKind
from outboard.kit.client.port import Publication
from outboard.kit.subscriptions.dead_letter import Envelope, cut_down, dead_letter
from outboard.kit.subscriptions.declaration import DeadLetterPolicy, Declaration, DropPolicy
from outboard.kit.subscriptions.masking import masking_of, told_error
from outboard.kit.subscriptions.received import ReceivedEvent
from outboard.kit.subscriptions.result import (
    DUPLICATE,
    SUCCEEDED,
    Duplicate,
    Ending,
    Handled,
    Outcome,
    Poison,
    Redeliver,
    Settled,
)
from outboard.kit.telemetry.messaging import Messaging
from outboard.kit.topics.connections import Connections
from outboard.wire.dapr import PARTITION_KEY, DeliveryStatus
from outboard.wire.deadletters import origin
from outboard.wire.delivery import is_told
from outboard.wire.sensitive import Masking

__all__ = ["Attempts", "DeadLetterSettings", "DeliveryKey", "HandlerFailure", "HandlerFailures", "Settler"]

CAPACITY: Final = 10_000

DeliveryKey: TypeAlias = tuple[str, str, str]
"""Handler, and the source and id of the event."""


class HandlerFailure(NamedTuple):
    """An exception of the handler at `place`, for which its event is to come again; attempts count from 1."""

    place: str
    pubsub: str
    topic: str
    event: EventIdentity
    attempt: int
    error: Exception


HandlerFailures: TypeAlias = list[Callable[[HandlerFailure], None]]
"""Who is told of each; nobody but a test."""


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

    def so_far(self, key: DeliveryKey) -> int:
        """How many there were."""
        return self._counts.get(key, 0)

    def forget(self, key: DeliveryKey) -> None:
        """The event is settled."""
        self._counts.pop(key, None)


log: Final = logging.getLogger("outboard.subscriptions")

NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class DeadLetterSettings:
    """What every handler of a board needs to settle poison. `timeout` is in seconds."""

    connections: Connections
    attempts: Attempts
    app_id: str
    timeout: float
    clock: Clock
    journal: Journal
    telemetry: Messaging
    failures: HandlerFailures = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Settler:
    """Settles the events of one handler."""

    declaration: Declaration
    dead_letters: DeadLetterSettings

    def attempt(self, received: ReceivedEvent) -> int:
        """The number of the attempt that comes now, as far as this process knows."""
        attempts = self.dead_letters.attempts
        return attempts.so_far(self._key(received)) + 1 if attempts else 1

    def attempts(self, received_events: Sequence[ReceivedEvent]) -> Sequence[int]:
        """That of each."""
        if not self.dead_letters.attempts:
            return [1] * len(received_events)
        return [self.attempt(received) for received in received_events]

    async def settle(self, found: Outcome, received: ReceivedEvent, route: str) -> Settled:
        """Return what to tell the sidecar of one event. `route` is the path that it was delivered to."""
        if isinstance(found, Handled):
            return self.handled(received)
        if isinstance(found, Duplicate):
            self.handled(received)
            return DUPLICATE
        attempts = self.dead_letters.attempts
        count = attempts.count(self._key(received))
        if isinstance(found, Redeliver):
            return self._retry(found, received, count)
        settled = await self._settle_poison(found, received, count, route)
        if settled.status is not DeliveryStatus.RETRY:
            attempts.forget(self._key(received))
        return settled

    def handled(self, received: ReceivedEvent) -> Settled:
        """Return what to tell the sidecar of an event that was handled."""
        if self.dead_letters.attempts:
            self.dead_letters.attempts.forget(self._key(received))
        return SUCCEEDED

    def masking(self, received_events: Sequence[ReceivedEvent]) -> Masking:
        """What is not to be told of the events: an exception, or who dropped them, may have quoted it."""
        return masking_of(self.declaration.codec, received_events)

    def retry_all(self, found: Redeliver, received_events: Sequence[ReceivedEvent]) -> Settled:
        """What to tell the sidecar of each event of a batch that is to come again.

        Each counts an attempt, and one line of the log tells of all.
        """
        counts = [self.dead_letters.attempts.count(self._key(received)) for received in received_events]
        for received, count in zip(received_events, counts, strict=True):
            self._tell_failure(found, received, count)
        level, masking = _level(max(counts)), self.masking(received_events)
        quoted, error = told_error(found.error, masking)
        names = ", ".join(repr(received.identity()[1]) for received in received_events[:NAMED])
        log.log(
            level,
            "a batch of %d events (%s%s) of topic '%s' for %s was answered RETRY: %s (attempt %d here)%s",
            len(received_events),
            names,
            ", ..." if len(received_events) > NAMED else "",
            self.declaration.topic,
            self.declaration.place,
            masking.masked(found.reason),
            max(counts),
            quoted,
            exc_info=error,
        )
        return _retry_for(found)

    def _tell_failure(self, found: Redeliver, received: ReceivedEvent, attempt: int) -> None:
        if found.error is None or not self.dead_letters.failures:
            return
        to, event = self.declaration, received.event_identity()
        failure = HandlerFailure(to.place, to.pubsub, to.topic, event, attempt, found.error)
        for told in self.dead_letters.failures:
            told(failure)

    def _retry(self, found: Redeliver, received: ReceivedEvent, attempts: int) -> Settled:
        self._tell_failure(found, received, attempts)
        masking = self.masking((received,))
        quoted, error = told_error(found.error, masking)
        log.log(
            _level(attempts),
            "event %s was answered RETRY: %s (attempt %d here)%s",
            self._name(received),
            masking.masked(found.reason),
            attempts,
            quoted,
            exc_info=error,
        )
        return _retry_for(found)

    async def _settle_poison(
        self, found: Poison, received: ReceivedEvent, attempts: int, route: str
    ) -> Settled:
        policy = self.declaration.poison
        if isinstance(policy, DeadLetterPolicy):
            letter = replace(found, attempts=found.attempts or attempts)
            return await self._dead_letter(policy.topic, letter, received, route)
        if isinstance(policy, DropPolicy):
            log.warning("event %s is dropped: %s", self._name(received), self._told(found.reason, received))
            return Settled(DeliveryStatus.DROP, Ending.DROP, found.reason)
        return self._hold(found.reason, received, attempts)

    def _hold(self, reason: str, received: ReceivedEvent, attempts: int) -> Settled:
        """One ERROR line for each event, however often it comes back."""
        log.log(
            logging.ERROR if attempts == 1 else logging.DEBUG,
            "event %s is held, and what comes behind it may wait: %s. There is no dead letter topic for it. "
            "Name one (dead_letter=...), or let it be dropped (on_invalid='drop')",
            self._name(received),
            self._told(reason, received),
        )
        return Settled(DeliveryStatus.RETRY, Ending.HELD, f"{reason} (there is no dead letter topic for it)")

    async def _dead_letter(self, topic: str, found: Poison, received: ReceivedEvent, route: str) -> Settled:
        reason, shown = found.reason, self._told(found.reason, received)
        try:
            letter = self._publication(topic, found, received.envelope(), route)
            await self._publish(letter, lambda: self._cut(topic, found, received, route))
        except OutboardError as error:
            log.error(  # noqa: TRY400 - the message says it all
                "event %s is held, for its dead letter could not be published to '%s': %s (it is poison: %s)",
                self._name(received),
                topic,
                error,
                shown,
            )
            told = f"{reason} (its dead letter could not be published to '{topic}': {error})"
            return Settled(DeliveryStatus.RETRY, Ending.HELD, told)
        log.warning("event %s went to dead letter topic '%s': %s", self._name(received), topic, shown)
        if self.dead_letters.journal.recorder is not None:
            event, pubsub = received.event_identity(), self.declaration.pubsub
            self.dead_letters.journal(HopKind.DEAD_LETTERED, pubsub, topic, event, detail=shown)
        return Settled(
            DeliveryStatus.SUCCESS, Ending.DEAD_LETTER, f"{reason} (its dead letter is in '{topic}')"
        )

    async def _publish(self, letter: Publication, cut: Callable[[], Publication]) -> None:
        """Raises OutboardError. What is too large for the sidecar or the broker would be held for ever."""
        try:
            await self._send(letter)
        except OutboardError as error:
            if not _is_too_large(error):
                raise
            await self._send(cut())

    async def _send(self, letter: Publication) -> None:
        """Raises OutboardError."""
        dead_letters = self.dead_letters
        sidecar = dead_letters.connections.sidecar("publishing a dead letter")
        sending = dead_letters.telemetry.sending(letter.pubsub, letter.topic, (letter,))
        try:
            await sidecar.publish(letter, dead_letters.timeout)
        except BaseException as error:
            sending.answered((error,))
            raise
        sending.answered((None,))

    def _cut(self, topic: str, found: Poison, received: ReceivedEvent, route: str) -> Publication:
        body = received.body()
        log.error(
            "event %s has %d bytes: its dead letter would be too large, and has the first of them only",
            self._name(received),
            len(body),
        )
        return self._publication(topic, found, cut_down(received.envelope(), body), route)

    def _publication(self, topic: str, found: Poison, envelope: Envelope, route: str) -> Publication:
        pubsub, dead_letters = self.declaration.pubsub, self.dead_letters
        body = dead_letter(
            envelope,
            reason=found.reason,
            origin=origin(dead_letters.app_id, pubsub, self.declaration.topic, route),
            attempts=found.attempts,
            now=dead_letters.clock.now(),
            error=found.error,
        )
        metadata = {PARTITION_KEY: envelope.key} if envelope.key else {}
        return Publication(pubsub, topic, body, metadata, envelope.trace_headers)

    def _told(self, reason: str, received: ReceivedEvent) -> str:
        return self.masking((received,)).masked(reason)

    def _key(self, received: ReceivedEvent) -> DeliveryKey:
        return self.declaration.place, *received.identity()

    def _name(self, received: ReceivedEvent) -> str:
        return f"{received.identity()[1]!r} of topic '{self.declaration.topic}' for {self.declaration.place}"


def _retry_for(found: Redeliver) -> Settled:
    said = "" if found.error is None else str(found.error)
    return Settled(DeliveryStatus.RETRY, Ending.RETRY, f"{found.reason}: {said}" if said else found.reason)


def _is_too_large(error: OutboardError) -> bool:
    """What the sidecar and the brokers say of it has no code of its own."""
    return isinstance(error, EventTooLarge) or "too large" in str(error).lower()


def _level(attempts: int) -> int:
    return logging.ERROR if is_told(attempts) else logging.DEBUG
