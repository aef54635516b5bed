"""Spans and metrics of one board, by the semantic conventions.

    span     kind      is of                                          has for a parent    links to
    publish  PRODUCER  an event that leaves alone                     the current span
             CLIENT    the same, where its author gave it its trace   nothing             that
    create   PRODUCER  one that leaves with others, or is staged      the current span
    send     CLIENT    a request with several, or with a staged one   nothing             what made each
    process  CONSUMER  a run of a handler                             the request's span  what made each

An event carries the context of the span that made it, so `process` can be its child instead: a setting. Where
no provider is set nothing is made, and an event costs a look at a field.

Source: OpenTelemetry, "Semantic conventions for messaging spans", and "... for messaging client metrics".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import perf_counter
from types import TracebackType
from typing import Any, Final, NamedTuple, Protocol

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from outboard.kit.causation import current_trace
from outboard.kit.telemetry import providers
from outboard.kit.telemetry.attributes import (
    Attributes,
    error_type,
    of_destination,
    of_message,
    of_operation,
    of_server,
    of_size,
)
from outboard.kit.telemetry.conventions import ERROR_TYPE, MESSAGE_COUNT
from outboard.kit.telemetry.creation import Creation
from outboard.kit.telemetry.instruments import Instruments
from outboard.wire.events import Event
from outboard.wire.tracing import TraceContext

__all__ = ["Messaging", "Processed", "Processing", "Sending", "SentEvent"]

PUBLISH: Final = "publish"
CREATE: Final = "create"
SEND: Final = "send"
PROCESS: Final = "process"


class _CreationSpan(Creation):
    def __init__(self, span: Span, topic: str) -> None:
        super().__init__(_trace_context(span.get_span_context()))
        self._span = span
        self._topic = topic
        self._scope = trace.use_span(span, record_exception=False, set_status_on_exception=False)

    def made(self, event: Event[Any]) -> None:
        self.attributes = of_message(event)
        self._span.set_attributes(self.attributes)

    def written(self, body: bytes) -> None:
        self._span.set_attributes(of_size(body))

    def shares(self) -> None:
        self._span.update_name(f"{CREATE} {self._topic}")
        self._span.set_attributes(of_operation(CREATE, CREATE))

    def __enter__(self) -> Creation:
        self._scope.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._scope.__exit__(None, None, None)
        if error is not None:
            _failed(self._span, error)
        self._span.end()


class Sending:
    """One request to the sidecar. This one is not looked at."""

    def answered(self, outcomes: Sequence[object]) -> None:
        """What became of each of its events: None, or what was wrong."""


class _SendingSpan(Sending):
    def __init__(self, span: Span | None, instruments: Instruments | None, attributes: Attributes) -> None:
        self._span = span
        self._instruments = instruments
        self._attributes = attributes
        self._began = perf_counter()

    def answered(self, outcomes: Sequence[object]) -> None:
        failed = [each for each in outcomes if each is not None]
        if self._span is not None:
            if failed:
                first = failed[0]
                self._span.set_attributes(_error(first))
                self._span.set_status(Status(StatusCode.ERROR, str(first)))
            self._span.end()
        if self._instruments is not None:
            kinds = ["" if each is None else str(_error(each)[ERROR_TYPE]) for each in outcomes]
            self._instruments.sent(self._attributes, perf_counter() - self._began, kinds)


class Processing:
    """One run of a handler, between its begin and its end."""

    def __init__(
        self, span: Span | None, instruments: Instruments | None, attributes: Attributes, count: int
    ) -> None:
        self._span = span
        self._instruments = instruments
        self._attributes = attributes
        self._count = count
        self._began = perf_counter()

    def ended(self, error: BaseException | None, status: int | None) -> None:
        """What came out of it: an `error`, or an HTTP status."""
        found: Attributes = {}
        if error is not None:
            found = error_type(error)
        elif status is not None and status >= 400:
            found = {ERROR_TYPE: str(status)}
        if self._span is not None:
            if error is not None:
                _failed(self._span, error)
            elif found:
                self._span.set_attributes(found)
                self._span.set_status(Status(StatusCode.ERROR, f"answered {status}"))
            self._span.end()
        if self._instruments is not None:
            self._instruments.processed(
                {**self._attributes, **found}, perf_counter() - self._began, self._count
            )


class Processed(NamedTuple):
    """An event that has arrived: the trace context of what made it, and the attributes of a link to that."""

    made_by: TraceContext | None
    attributes: Attributes


class SentEvent(Protocol):
    """An event on its way out, with its `traceparent` among its `headers`."""

    @property
    def creation(self) -> Creation | None: ...

    @property
    def headers(self) -> Mapping[str, str]: ...


NO_CREATION: Final = Creation()
NO_SENDING: Final = Sending()


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
        return (
            NO_CREATION if self._tracer is None else self._creation(pubsub, topic, PUBLISH, SEND, extensions)
        )

    def staging(self, pubsub: str, topic: str, extensions: object) -> Creation:
        """An event that is to leave later; `extensions` as of `publishing`."""
        if self._tracer is None:
            return NO_CREATION
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
                links=_links([_shared(event) for event in events]),
                attributes={**attributes, **count},
            )
        return _SendingSpan(span, self._instruments, attributes)

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
            links=_links(events),
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
            f"{name} {topic}", context=_around(), kind=SpanKind.PRODUCER, attributes=attributes
        )
        return _CreationSpan(span, topic)

    def _parent(self, events: Sequence[Processed]) -> Context | None:
        """The request's span; where there is none, or it is asked for, that which made the only event."""
        made = events[0].made_by if len(events) == 1 else None
        if made is None or (trace.get_current_span().get_span_context().is_valid and not self._continues):
            return None
        return trace.set_span_in_context(trace.NonRecordingSpan(_span_context(made)))


def _around() -> Context | None:
    """The span of what is handled; where nobody has begun one, its place in the trace that it brings."""
    if trace.get_current_span().get_span_context().is_valid:
        return None
    found = current_trace()
    return found and trace.set_span_in_context(trace.NonRecordingSpan(_span_context(found)))


def _shared(event: SentEvent) -> Processed:
    if event.creation is not None:
        event.creation.shares()
    made_by = TraceContext.parse(event.headers.get("traceparent"), event.headers.get("tracestate"))
    return Processed(made_by, event.creation.attributes if event.creation else {})


def _links(events: Iterable[Processed]) -> list[Link]:
    return [Link(_span_context(each.made_by), each.attributes) for each in events if each.made_by is not None]


def _span_context(found: TraceContext) -> SpanContext:
    return SpanContext(
        int(found.trace_id, 16),
        int(found.span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(int(found.flags, 16)),
        trace_state=TraceState.from_header([found.tracestate]) if found.tracestate else None,
    )


def _trace_context(context: SpanContext) -> TraceContext:
    return TraceContext(
        trace.format_trace_id(context.trace_id),
        trace.format_span_id(context.span_id),
        f"{context.trace_flags:02x}",
        context.trace_state.to_header(),
    )


def _failed(span: Span, error: BaseException) -> None:
    span.record_exception(error)
    span.set_attributes(error_type(error))
    span.set_status(Status(StatusCode.ERROR, str(error)))


def _error(found: object) -> Attributes:
    return error_type(found) if isinstance(found, BaseException) else {ERROR_TYPE: type(found).__name__}
