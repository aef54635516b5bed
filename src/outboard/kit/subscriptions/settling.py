"""What follows from the verdict on an event: the answer to the sidecar, its log line, its dead letter."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from outboard.clock import Clock
from outboard.errors import OutboardError
from outboard.kit.client.port import Publication
from outboard.kit.subscriptions.arrival import Arrival
from outboard.kit.subscriptions.attempts import Attempts, DeliveryKey
from outboard.kit.subscriptions.dead_letter import Envelope, dead_letter, origin
from outboard.kit.subscriptions.declaration import DeadLetter, Declaration, Discard
from outboard.kit.subscriptions.outcome import Handled, Poison, Retry, Verdict
from outboard.kit.topics.connections import Connections
from outboard.wire.dapr import PARTITION_KEY, DeliveryStatus

__all__ = ["DeadLetterOffice", "Settler"]

log: Final = logging.getLogger("outboard.subscriptions")

NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class DeadLetterOffice:
    """What every handler of a board needs to settle poison. `timeout` is in seconds."""

    connections: Connections
    attempts: Attempts
    app_id: str
    timeout: float
    clock: Clock


@dataclass(frozen=True, slots=True)
class Settler:
    """Settles the events of one handler."""

    declaration: Declaration
    office: DeadLetterOffice

    async def settle(self, found: Verdict, arrival: Arrival, route: str) -> DeliveryStatus:
        """Return what to tell the sidecar of one event. `route` is the path that it was delivered to."""
        if isinstance(found, Handled):
            return self.handled(arrival)
        attempts = self.office.attempts
        count = attempts.count(self._key(arrival))
        if isinstance(found, Retry):
            return self._retry(found, arrival, count)
        status = await self._bury(found, arrival, count, route)
        if status is not DeliveryStatus.RETRY:
            attempts.forget(self._key(arrival))
        return status

    def handled(self, arrival: Arrival) -> DeliveryStatus:
        """Return what to tell the sidecar of an event that was handled."""
        if self.office.attempts:
            self.office.attempts.forget(self._key(arrival))
        return DeliveryStatus.SUCCESS

    def retry_all(self, found: Retry, arrivals: Sequence[Arrival]) -> None:
        """Note that a batch is to come again: each event counts an attempt, and one line tells of all."""
        counts = [self.office.attempts.count(self._key(arrival)) for arrival in arrivals]
        names = ", ".join(repr(arrival.identity()[1]) for arrival in arrivals[:NAMED])
        log.error(
            "a batch of %d events (%s%s) of topic '%s' for %s was not handled and will be delivered again: "
            "%s (attempt %d here)",
            len(arrivals),
            names,
            ", ..." if len(arrivals) > NAMED else "",
            self.declaration.topic,
            self.declaration.place,
            found.reason,
            max(counts),
            exc_info=found.error,
        )

    def _retry(self, found: Retry, arrival: Arrival, attempts: int) -> DeliveryStatus:
        log.error(
            "event %s was not handled and will be delivered again: %s (attempt %d here)",
            self._name(arrival),
            found.reason,
            attempts,
            exc_info=found.error,
        )
        return DeliveryStatus.RETRY

    async def _bury(self, found: Poison, arrival: Arrival, attempts: int, route: str) -> DeliveryStatus:
        plan = self.declaration.poison
        if isinstance(plan, DeadLetter):
            return await self._dead_letter(plan.topic, found.reason, arrival, attempts, route)
        if isinstance(plan, Discard):
            log.warning("event %s is dropped: %s", self._name(arrival), found.reason)
            return DeliveryStatus.DROP
        return self._hold(found.reason, arrival, attempts)

    def _hold(self, reason: str, arrival: Arrival, attempts: int) -> DeliveryStatus:
        """One ERROR line for each event, however often it comes back."""
        log.log(
            logging.ERROR if attempts == 1 else logging.DEBUG,
            "event %s is held, and what comes behind it may wait: %s. There is no dead letter topic for it. "
            "Name one (dead_letter=...), or let it be dropped (on_invalid='drop')",
            self._name(arrival),
            reason,
        )
        return DeliveryStatus.RETRY

    async def _dead_letter(
        self, topic: str, reason: str, arrival: Arrival, attempts: int, route: str
    ) -> DeliveryStatus:
        envelope = arrival.envelope()
        try:
            sidecar = self.office.connections.current("publishing a dead letter")
            letter = self._publication(topic, reason, envelope, attempts, route)
            await sidecar.publish(letter, self.office.timeout)
        except OutboardError as error:
            log.error(  # noqa: TRY400 - the message says it all
                "event %s is held, for its dead letter could not be published to '%s': %s (it is poison: %s)",
                self._name(arrival),
                topic,
                error,
                reason,
            )
            return DeliveryStatus.RETRY
        log.warning("event %s went to dead letter topic '%s': %s", self._name(arrival), topic, reason)
        return DeliveryStatus.SUCCESS

    def _publication(
        self, topic: str, reason: str, envelope: Envelope, attempts: int, route: str
    ) -> Publication:
        pubsub, office = self.declaration.pubsub, self.office
        body = dead_letter(
            envelope,
            reason=reason,
            origin=origin(office.app_id, pubsub, self.declaration.topic, route),
            attempts=attempts,
            now=office.clock.now(),
        )
        metadata = {PARTITION_KEY: envelope.key} if envelope.key else {}
        return Publication(pubsub, topic, body, metadata, envelope.trace_headers)

    def _key(self, arrival: Arrival) -> DeliveryKey:
        return self.declaration.place, *arrival.identity()

    def _name(self, arrival: Arrival) -> str:
        return f"{arrival.identity()[1]!r} of topic '{self.declaration.topic}' for {self.declaration.place}"
