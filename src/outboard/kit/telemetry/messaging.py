"""Spans and metrics of one board, by the semantic conventions.

    span     kind      is of                                          has for a parent    links to
    publish  PRODUCER  an event that leaves alone                     the current span
             CLIENT    the same, where its author gave it its trace   nothing             that
    create   PRODUCER  one that leaves with others, or is staged      the current span
    send     CLIENT    a request with several, or with a staged one   nothing             what made each
             CLIENT    one with a dead letter                         the request's span  what made the event
    process  CONSUMER  a run of a handler                             the request's span  what made each

An event carries the context of the span that made it, so `process` can be its child instead: a setting. Where
no provider is set nothing is made, and an event costs a look at a field.

Source: OpenTelemetry, "Semantic conventions for messaging spans", and "... for messaging client metrics".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind

from outboard.kit.telemetry import providers
from outboard.kit.telemetry.attributes import Attributes, of_destination, of_operation, of_server
from outboard.kit.telemetry.contexts import (
    Processed,
    SentEvent,
    around,
    has_span,
    links_to,
    shared,
    within,
)
from outboard.kit.telemetry.conventions import MESSAGE_COUNT
from outboard.kit.telemetry.creation import NO_CREATION, NO_SENDING, Creation, Sending
from outboard.kit.telemetry.instruments import Instruments
from outboard.kit.telemetry.spans import CREATE, CreationSpan, Processing, SendingSpan

__all__ = ["Messaging"]

PUBLISH: Final = "publish"
SEND: Final = "send"
PROCESS: Final = "process"


class Messaging:
    """What is told of one board. `endpoint` is the sidecar's; `group` its consumer group, where it is known.

    With `continues`, the span of a handler's run is a child of the one that made its event.
    """

    def __init__(self, endpoint: str, *, group: str = "", continues: bool = False) -> None:
        self.group: Final = group
        self._server = of_server(endpoint)
        self._continues = continues
        self._tracer: trace.Tracer | None = None
        self._instruments: Instruments | None = None
        self.is_active = False

    @property
    def instruments(self) -> Instruments | None:
        """What measurements go to; None where there is no provider for them."""
        return self._instruments

    def look(self) -> None:
        """See which providers the app has set: to be called when a connection begins."""
        self._tracer = providers.tracer()
        meter = providers.meter()
        self._instruments = None if meter is None else Instruments.of(meter)
        self.is_active = self._tracer is not None or meter is not None

    def publishing(self, pubsub: str, topic: str, extensions: object) -> Creation:
        """An event that is to leave now; `extensions` are those that its author gives it."""
        return self._creation(pubsub, topic, PUBLISH, SEND, extensions)

    def staging(self, pubsub: str, topic: str, extensions: object) -> Creation:
        """An event that is to leave later; `extensions` as of `publishing`."""
        return self._creation(pubsub, topic, CREATE, CREATE, extensions)

    def sending(self, pubsub: str, topic: str, events: Sequence[SentEvent]) -> Sending:
        """A request with events."""
        if not self.is_active:
            return NO_SENDING
        first = events[0].creation
        name = PUBLISH if len(events) == 1 and first is not None else SEND
        attributes = {**of_destination(pubsub, topic), **of_operation(name, SEND), **self._server}
        span = None
        if self._tracer is not None and (len(events) > 1 or first is None or first.trace is None):
            count: Attributes = {MESSAGE_COUNT: len(events)} if len(events) > 1 else {}
            span = self._tracer.start_span(
                f"{name} {topic}",
                kind=SpanKind.CLIENT,
                links=links_to([shared(event) for event in events]),
                attributes={**attributes, **count},
            )
        return SendingSpan(span, self._instruments, attributes)

    @contextmanager
    def processing(
        self, pubsub: str, topic: str, events: Sequence[Processed], common: Attributes
    ) -> Iterator[Processing]:
        """A run of a handler for `events`; `common` are attributes of any."""
        attributes = {**of_destination(pubsub, topic), **of_operation(PROCESS, PROCESS), **common}
        if self._tracer is None:
            yield Processing(None, self._instruments, attributes, len(events))
            return
        many: Attributes = {MESSAGE_COUNT: len(events)} if len(events) > 1 else events[0].attributes
        span = self._tracer.start_span(
            f"{PROCESS} {topic}",
            context=self._parent(events),
            kind=SpanKind.CONSUMER,
            links=links_to(events),
            attributes={**attributes, **many, **self._server},
        )
        with trace.use_span(span, record_exception=False, set_status_on_exception=False):
            yield Processing(span, self._instruments, attributes, len(events))

    def _creation(self, pubsub: str, topic: str, name: str, type: str, extensions: object) -> Creation:
        """None of an event that has a trace of its author's: that stands for what made it."""
        if self._tracer is None or (isinstance(extensions, Mapping) and extensions.get("traceparent")):
            return NO_CREATION
        attributes = {**of_destination(pubsub, topic), **of_operation(name, type), **self._server}
        span = self._tracer.start_span(
            f"{name} {topic}", context=around(), kind=SpanKind.PRODUCER, attributes=attributes
        )
        return CreationSpan(span, topic)

    def _parent(self, events: Sequence[Processed]) -> Context | None:
        """The request's span; where there is none, or it is asked for, that which made the only event."""
        made = events[0].made_by if len(events) == 1 else None
        return None if made is None or (has_span() and not self._continues) else within(made)
