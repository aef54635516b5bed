"""A run of a handler has a span, which links to what made its events, and is measured."""

from __future__ import annotations

from outboard.kit.subscriptions.chain import CallHandler, Middleware
from outboard.kit.subscriptions.declaration import Declaration
from outboard.kit.subscriptions.endpoint import HandlerCall
from outboard.kit.subscriptions.masking import masking_of
from outboard.kit.subscriptions.received import ReceivedEvent
from outboard.kit.subscriptions.result import HandlerRun
from outboard.kit.telemetry.attributes import Attributes, of_group, of_message, of_position
from outboard.kit.telemetry.contexts import Processed
from outboard.kit.telemetry.messaging import Messaging
from outboard.wire.events import Event

__all__ = ["traced"]


def traced(telemetry: Messaging) -> Middleware:
    """A `Middleware`, for the telemetry of one board."""

    def around(call_next: CallHandler, declaration: Declaration) -> CallHandler:
        common: Attributes = {**of_group(telemetry.group)}

        async def with_span(call: HandlerCall) -> HandlerRun:
            if not telemetry.is_active:
                return await call_next(call)
            events = [_processed(received) for received in call.received]
            with telemetry.processing(declaration.pubsub, declaration.topic, events, common) as processing:
                run = await call_next(call)
                masked = str if run.error is None else masking_of(declaration.codec, call.received).masked
                processing.ended(run.error, run.http_status, masked)
                return run

        return with_span

    return around


def _processed(received: ReceivedEvent) -> Processed:
    reading = received.reading
    of_event = of_message(reading) if isinstance(reading, Event) else {}
    return Processed(received.trace(), {**of_event, **of_position(received.headers())})
