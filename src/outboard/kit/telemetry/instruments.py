"""What is measured: the four metrics of the conventions for messaging, and the kit's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from opentelemetry.metrics import Counter, Histogram, Meter
from opentelemetry.metrics import _Gauge as Gauge

from outboard.kit.telemetry.attributes import Attributes
from outboard.kit.telemetry.conventions import (
    ATTEMPT_BOUNDARIES,
    ATTEMPTS,
    CONSUMED_MESSAGES,
    DESTINATION_NAME,
    DURATION_BOUNDARIES,
    ERROR_TYPE,
    HANDLER,
    OPERATION_DURATION,
    OUTBOX_DELAYED,
    OUTBOX_EXPIRED,
    OUTBOX_OLDEST,
    OUTBOX_PARKED,
    OUTBOX_WAITING,
    OUTCOME,
    OUTCOMES,
    PROCESS_DURATION,
    PUBSUB_NAME,
    SENT_MESSAGES,
)

__all__ = ["Instruments"]


@dataclass(frozen=True, slots=True)
class Instruments:
    """One set for each meter."""

    sent_messages: Counter
    operation_duration: Histogram
    consumed_messages: Counter
    process_duration: Histogram
    outcomes: Counter
    attempts: Histogram
    outbox_waiting: Gauge
    outbox_parked: Gauge
    outbox_delayed: Gauge
    outbox_oldest: Gauge
    outbox_expired: Counter

    @classmethod
    def of(cls, meter: Meter) -> Instruments:
        """Make them. A meter gives the same one for the same name again."""
        seconds = DURATION_BOUNDARIES
        return cls(
            meter.create_counter(
                SENT_MESSAGES, "{message}", "Number of messages that were sent to the broker."
            ),
            meter.create_histogram(
                OPERATION_DURATION,
                "s",
                "Duration of a request with messages to the sidecar.",
                explicit_bucket_boundaries_advisory=seconds,
            ),
            meter.create_counter(
                CONSUMED_MESSAGES, "{message}", "Number of messages that a handler was given."
            ),
            meter.create_histogram(
                PROCESS_DURATION,
                "s",
                "Duration of a run of a handler.",
                explicit_bucket_boundaries_advisory=seconds,
            ),
            meter.create_counter(
                OUTCOMES, "{event}", "Number of deliveries of an event, by what became of it."
            ),
            meter.create_histogram(
                ATTEMPTS,
                "{attempt}",
                "Number of deliveries to this process that an event took until it was settled.",
                explicit_bucket_boundaries_advisory=ATTEMPT_BOUNDARIES,
            ),
            meter.create_gauge(
                OUTBOX_WAITING, "{event}", "Number of events in the outbox that wait to be published."
            ),
            meter.create_gauge(OUTBOX_PARKED, "{event}", "Number of events in the outbox that were refused."),
            meter.create_gauge(
                OUTBOX_DELAYED, "{event}", "Number of events in the outbox that are not due yet."
            ),
            meter.create_gauge(
                OUTBOX_OLDEST, "s", "Time since the first event that waits in the outbox was staged, or due."
            ),
            meter.create_counter(
                OUTBOX_EXPIRED, "{event}", "Number of events that the outbox has not sent by their time."
            ),
        )

    def sent(self, attributes: Attributes, seconds: float, errors: Sequence[str]) -> None:
        """A request came to its end. `errors` has, of each event, what was wrong, or is empty."""
        failed = next((error for error in errors if error), "")
        self.operation_duration.record(seconds, {**attributes, ERROR_TYPE: failed} if failed else attributes)
        for error in set(errors):
            count = errors.count(error)
            self.sent_messages.add(count, {**attributes, ERROR_TYPE: error} if error else attributes)

    def processed(self, attributes: Attributes, seconds: float, count: int) -> None:
        """A run of a handler, with so many events, came to its end."""
        self.process_duration.record(seconds, attributes)
        self.consumed_messages.add(count, attributes)

    def settled(self, pubsub: str, topic: str, handler: str, outcome: str, attempts: int) -> None:
        """What became of an event. `attempts` 0: it is to come again."""
        attributes = {DESTINATION_NAME: topic, PUBSUB_NAME: pubsub, HANDLER: handler}
        self.outcomes.add(1, {**attributes, OUTCOME: outcome})
        if attempts:
            self.attempts.record(attempts, attributes)

    def outbox_holds(self, waiting: int, parked: int, delayed: int, oldest_age: float) -> None:
        """How many events an outbox has, and for how many seconds the first has waited."""
        self.outbox_waiting.set(waiting)
        self.outbox_parked.set(parked)
        self.outbox_delayed.set(delayed)
        self.outbox_oldest.set(oldest_age)

    def outbox_expired_of(self, pubsub: str, topic: str, count: int) -> None:
        """So many events of a topic were not sent by their time."""
        self.outbox_expired.add(count, {DESTINATION_NAME: topic, PUBSUB_NAME: pubsub})
