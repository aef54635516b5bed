"""One delivery: read the event, let its handler run, and tell the sidecar what became of it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from starlette.types import Message, Receive, Scope, Send

from outboard.clock import Clock
from outboard.errors import InvalidCloudEvent, InvalidEventData, OutboardError
from outboard.kit.client.port import Publication
from outboard.kit.connections import Connections
from outboard.kit.subscriptions.attempts import Attempts, DeliveryKey
from outboard.kit.subscriptions.dead_letter import Envelope, dead_letter, origin, read_envelope
from outboard.kit.subscriptions.declaration import DeadLetter, Declaration, Discard
from outboard.kit.subscriptions.endpoint import Delivery, delivery_scope
from outboard.kit.subscriptions.outcome import Handled, Poison, Retry, Run, Verdict, verdict
from outboard.kit.tracing import within
from outboard.wire.dapr import PARTITION_KEY, DeliveryStatus
from outboard.wire.events import Event
from outboard.wire.tracing import TraceContext

__all__ = ["Consumer", "DeadLetterOffice", "Serve"]

log: Final = logging.getLogger("outboard.subscriptions")

Serve: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
"""The route itself: its dependencies, the handler, and the exits of the dependencies."""


@dataclass(frozen=True, slots=True)
class DeadLetterOffice:
    """What every handler of a board needs to settle poison. `timeout` is in seconds."""

    connections: Connections
    attempts: Attempts
    app_id: str
    timeout: float
    clock: Clock


@dataclass(frozen=True, slots=True)
class Consumer:
    """Takes the deliveries of one declared handler."""

    declaration: Declaration
    office: DeadLetterOffice

    async def consume(
        self, scope: Scope, headers: Mapping[str, str], body: bytes, serve: Serve
    ) -> DeliveryStatus:
        """Return what to tell the sidecar. Raises nothing: an error of the handler is RETRY."""
        try:
            event = self.declaration.codec.decode(body, headers)
        except (InvalidCloudEvent, InvalidEventData) as error:
            found: Verdict = Poison(str(error))
        except Exception as error:  # a validator of the author's that fails in a way of its own
            found = Retry(f"{type(error).__name__} was raised while the event was read", error)
        else:
            with within(_trace(headers, event)):
                found = verdict(await _run(scope, body, event, serve))
            if isinstance(found, Handled):
                self.office.attempts.forget(self._key(event.source, event.id))
                return DeliveryStatus.SUCCESS
        return await self._settle(found, read_envelope(body, headers), scope["path"])

    async def _settle(self, found: Verdict, envelope: Envelope, route: str) -> DeliveryStatus:
        key = self._key(*envelope.identity)
        attempts = self.office.attempts.count(key)
        if isinstance(found, Retry):
            return self._retry(found, envelope, attempts)
        reason = found.reason if isinstance(found, Poison) else ""
        plan = self.declaration.poison
        if isinstance(plan, Discard):
            log.warning("event %s is dropped: %s", self._name(envelope), reason)
            status = DeliveryStatus.DROP
        elif isinstance(plan, DeadLetter):
            status = await self._dead_letter(plan.topic, reason, envelope, attempts, route)
        else:
            return self._hold(reason, envelope, attempts)
        if status is not DeliveryStatus.RETRY:
            self.office.attempts.forget(key)
        return status

    def _retry(self, found: Retry, envelope: Envelope, attempts: int) -> DeliveryStatus:
        log.error(
            "event %s was not handled and will be delivered again: %s (attempt %d here)",
            self._name(envelope),
            found.reason,
            attempts,
            exc_info=found.error,
        )
        return DeliveryStatus.RETRY

    def _hold(self, reason: str, envelope: Envelope, attempts: int) -> DeliveryStatus:
        """One ERROR line for each event, however often it comes back."""
        log.log(
            logging.ERROR if attempts == 1 else logging.DEBUG,
            "event %s is held, and what comes behind it may wait: %s. There is no dead letter topic for it. "
            "Name one (dead_letter=...), or let it be dropped (on_invalid='drop')",
            self._name(envelope),
            reason,
        )
        return DeliveryStatus.RETRY

    async def _dead_letter(
        self, topic: str, reason: str, envelope: Envelope, attempts: int, route: str
    ) -> DeliveryStatus:
        pubsub, office = self.declaration.pubsub, self.office
        body = dead_letter(
            envelope,
            reason=reason,
            origin=origin(office.app_id, pubsub, self.declaration.topic, route),
            attempts=attempts,
            now=office.clock.now(),
        )
        metadata = {PARTITION_KEY: envelope.key} if envelope.key else {}
        try:
            sidecar = office.connections.current("publishing a dead letter")
            publication = Publication(pubsub, topic, body, metadata, envelope.trace_headers)
            await sidecar.publish(publication, office.timeout)
        except OutboardError as error:
            log.error(  # noqa: TRY400 - the message says it all
                "event %s is held, for its dead letter could not be published to '%s': %s (it is poison: %s)",
                self._name(envelope),
                topic,
                error,
                reason,
            )
            return DeliveryStatus.RETRY
        log.warning("event %s went to dead letter topic '%s': %s", self._name(envelope), topic, reason)
        return DeliveryStatus.SUCCESS

    def _key(self, source: str, event_id: str) -> DeliveryKey:
        return self.declaration.place, source, event_id

    def _name(self, envelope: Envelope) -> str:
        return f"{envelope.identity[1]!r} of topic '{self.declaration.topic}' for {self.declaration.place}"


async def _run(scope: Scope, body: bytes, event: Event[object], serve: Serve) -> Run:
    delivery = Delivery(event)
    statuses: list[int] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    try:
        await serve(delivery_scope(scope, delivery), receive, send)
    except Exception as error:
        return Run(error=error)
    status = statuses[0] if statuses else None
    return Run(http_status=status, returned=delivery.returned, result=delivery.result)


def _trace(headers: Mapping[str, str], event: Event[object]) -> TraceContext | None:
    of_request = TraceContext.parse(headers.get("traceparent"), headers.get("tracestate"))
    if of_request is not None:
        return of_request
    extensions = event.extensions
    return TraceContext.parse(extensions.get("traceparent"), extensions.get("tracestate"))
