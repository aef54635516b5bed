"""Spans from their begin to their end, and what is measured of them."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from time import perf_counter
from types import TracebackType
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.trace import Span, Status, StatusCode

from outboard.kit.telemetry.attributes import Attributes, error_type, of_message, of_operation, of_size
from outboard.kit.telemetry.contexts import trace_context_of
from outboard.kit.telemetry.conventions import ERROR_TYPE, EXCEPTION_MESSAGE, EXCEPTION_STACKTRACE
from outboard.kit.telemetry.creation import Creation, Sending
from outboard.kit.telemetry.instruments import Instruments
from outboard.wire.events import Event

__all__ = ["CREATE", "CreationSpan", "Processing", "SendingSpan"]

CREATE: Final = "create"


class CreationSpan(Creation):
    """An event that has a span, from when it is made until its publish ends."""

    def __init__(self, span: Span, topic: str) -> None:
        super().__init__(trace_context_of(span.get_span_context()))
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
            _failed(self._span, error, str)
        self._span.end()


class SendingSpan(Sending):
    """One that has a span, or is measured, or both."""

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

    def ended(self, error: BaseException | None, status: int | None, masked: Callable[[str], str]) -> None:
        """What came out of it: an `error`, or an HTTP status.

        `masked` gives a text without what is sensitive in the events, which an exception may quote.
        """
        found: Attributes = {}
        if error is not None:
            found = error_type(error)
        elif status is not None and status >= 400:
            found = {ERROR_TYPE: str(status)}
        if self._span is not None:
            if error is not None:
                _failed(self._span, error, masked)
            elif found:
                self._span.set_attributes(found)
                self._span.set_status(Status(StatusCode.ERROR, f"answered {status}"))
            self._span.end()
        if self._instruments is not None:
            self._instruments.processed(
                {**self._attributes, **found}, perf_counter() - self._began, self._count
            )


def _failed(span: Span, error: BaseException, masked: Callable[[str], str]) -> None:
    message = masked(str(error))
    stacktrace = masked("".join(traceback.format_exception(error)))
    span.record_exception(error, {EXCEPTION_MESSAGE: message, EXCEPTION_STACKTRACE: stacktrace})
    span.set_attributes(error_type(error))
    span.set_status(Status(StatusCode.ERROR, message))


def _error(found: object) -> Attributes:
    return error_type(found) if isinstance(found, BaseException) else {ERROR_TYPE: type(found).__name__}
