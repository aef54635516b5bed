"""Requests and responses of OTLP for traces. The only module that knows their library, which is an extra.

Source: OpenTelemetry, "OTLP Specification 1.9": responses, partial success, and how its JSON is not
Protobuf's, with ids in hex.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from outboard.dashboard.otlp.bodies import OtlpEncoding, OtlpRefused
from outboard.dashboard.otlp.span import ReceivedSpan, SpanPlace, cut, shown_attributes
from outboard.errors import ExtraMissing

if TYPE_CHECKING:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

__all__ = ["SpansRead", "read_spans", "spans_response", "status_body"]

KINDS: Final = ("", "internal", "server", "client", "producer", "consumer")
ERROR: Final = 2
BILLION: Final = 10**9
MOST_LINKS: Final = 32
DEEPEST: Final = 8
"""Of values in values: what is deeper is left out."""
TRACE_ID, SPAN_ID = 16, 8
HEX_IDS: Final = frozenset({"traceId", "spanId", "parentSpanId"})


class SpansRead(NamedTuple):
    """`refused` is how many others have no valid ids."""

    spans: list[ReceivedSpan]
    refused: int


def read_spans(body: bytes, encoding: OtlpEncoding) -> SpansRead:
    """The spans of an ExportTraceServiceRequest. Raises OtlpRefused; ExtraMissing without the library."""
    request = _request(body, encoding)
    spans: list[ReceivedSpan] = []
    refused = 0
    for resource in request.resource_spans:
        service = _values(resource.resource.attributes).get("service.name", "")
        for scope in resource.scope_spans:
            for span in scope.spans:
                if _is_valid(span):
                    spans.append(_received(span, cut(str(service), 200)))
                else:
                    refused += 1
    return SpansRead(spans, refused)


def spans_response(encoding: OtlpEncoding, refused: int) -> bytes:
    """An ExportTraceServiceResponse; with `refused` spans, of a success in part."""
    told = f"{refused} spans have no valid trace id or span id." if refused else ""
    if encoding is OtlpEncoding.JSON:
        partial = {"partialSuccess": {"rejectedSpans": str(refused), "errorMessage": told}}
        return json.dumps(partial if refused else {}).encode()
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
        ExportTracePartialSuccess,
        ExportTraceServiceResponse,
    )

    part = ExportTracePartialSuccess(rejected_spans=refused, error_message=told) if refused else None
    return ExportTraceServiceResponse(partial_success=part).SerializeToString()


def status_body(encoding: OtlpEncoding, told: str) -> bytes:
    """A Status, as each answer has one that refuses. Raises ExtraMissing."""
    if encoding is OtlpEncoding.JSON:
        return json.dumps({"message": told}).encode()
    try:
        from google.rpc.status_pb2 import Status
    except ImportError as error:
        raise _missing() from error
    return Status(message=told).SerializeToString()


def _missing() -> ExtraMissing:
    return ExtraMissing("taking in spans by OTLP", "opentelemetry-proto", "otel")


def _request(body: bytes, encoding: OtlpEncoding) -> ExportTraceServiceRequest:
    try:
        from google.protobuf.json_format import ParseDict, ParseError
        from google.protobuf.message import DecodeError
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
    except ImportError as error:
        raise _missing() from error
    try:
        if encoding is OtlpEncoding.PROTOBUF:
            return ExportTraceServiceRequest.FromString(body)
        written = json.loads(body.decode("utf-8"))
        if not isinstance(written, dict):
            raise OtlpRefused(400, "The body is no JSON object, and so no ExportTraceServiceRequest.")
        return ParseDict(_with_ids(written), ExportTraceServiceRequest(), ignore_unknown_fields=True)
    except (DecodeError, ParseError, ValueError, TypeError, AttributeError, RecursionError) as error:
        said = cut(str(error), 200)
        raise OtlpRefused(400, f"The body is no ExportTraceServiceRequest: {said}") from error


def _with_ids(value: Mapping[str, object]) -> dict[str, object]:
    """JSON of OTLP as that of Protobuf, which has bytes in base64. Raises ValueError for what is no hex."""
    return {name: _id(each) if name in HEX_IDS else _inside(each) for name, each in value.items()}


def _inside(value: object) -> object:
    if isinstance(value, dict):
        return _with_ids(value)
    return [_inside(each) for each in value] if isinstance(value, list) else value


def _id(value: object) -> object:
    return base64.b64encode(bytes.fromhex(value)).decode() if isinstance(value, str) else value


def _is_valid(span: Span) -> bool:
    sizes = len(span.trace_id) == TRACE_ID and len(span.span_id) == SPAN_ID
    return sizes and any(span.trace_id) and any(span.span_id)


def _received(span: Span, service: str) -> ReceivedSpan:
    values = _values(span.attributes)
    began = span.start_time_unix_nano
    return ReceivedSpan(
        span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex(), service, cut(span.name, 200),
        KINDS[span.kind] if 0 <= span.kind < len(KINDS) else "", began / BILLION,
        max(span.end_time_unix_nano - began, 0) / BILLION, span.status.code == ERROR,
        _status(span.status.message), shown_attributes(values), list(_links(span)),
        _text(values.get("messaging.message.id")), _text(values.get("messaging.message.conversation_id")),
    )  # fmt: skip


def _status(message: str) -> str:
    """Masked as an attribute is."""
    return shown_attributes({"status": message})[0][1]


def _links(span: Span) -> Iterator[SpanPlace]:
    for link in span.links[:MOST_LINKS]:
        yield link.trace_id.hex(), link.span_id.hex()


def _text(value: object) -> str:
    return cut(str(value), 200) if value is not None else ""


def _values(pairs: object, depth: int = 0) -> dict[str, object]:
    """Attributes as values of JSON. `pairs` are a repeated KeyValue."""
    found: dict[str, object] = {}
    each: KeyValue
    for each in pairs:  # type: ignore[attr-defined]
        found[each.key] = _value(each.value, depth)
    return found


def _value(value: AnyValue, depth: int) -> object:
    kind = value.WhichOneof("value")
    match kind:
        case None:
            return None
        case "array_value" | "kvlist_value" if depth >= DEEPEST:
            return "…"
        case "array_value":
            return [_value(each, depth + 1) for each in value.array_value.values]
        case "kvlist_value":
            return _values(value.kvlist_value.values, depth + 1)
        case "bytes_value":
            return f"{len(value.bytes_value)} bytes"
        case _:
            return getattr(value, kind)
