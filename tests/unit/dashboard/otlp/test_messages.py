"""Requests of OTLP as values, in both encodings, and its responses."""

from __future__ import annotations

import base64
import json
import sys

import pytest
from google.protobuf.json_format import MessageToDict
from google.rpc.status_pb2 import Status as RpcStatus
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from outboard.dashboard.otlp.bodies import OtlpEncoding, OtlpRefused
from outboard.dashboard.otlp.messages import read_spans, spans_response, status_body
from outboard.errors import ExtraMissing
from support.spans import TRACE, proto_span, request

PROTOBUF, JSON = OtlpEncoding.PROTOBUF, OtlpEncoding.JSON
IDS = {"traceId", "spanId", "parentSpanId"}


def encoded(made: ExportTraceServiceRequest, encoding: OtlpEncoding) -> bytes:
    """As the specification has it: JSON with ids in hex, and kinds as numbers."""
    if encoding is PROTOBUF:
        return made.SerializeToString()
    return json.dumps(with_hex(MessageToDict(made, use_integers_for_enums=True))).encode()


def with_hex(value: object) -> object:
    if isinstance(value, dict):
        return {
            name: base64.b64decode(each).hex().upper() if name in IDS else with_hex(each)
            for name, each in value.items()
        }
    return [with_hex(each) for each in value] if isinstance(value, list) else value


def text(name: str, value: str) -> KeyValue:
    return KeyValue(key=name, value=AnyValue(string_value=value))


@pytest.mark.parametrize("encoding", OtlpEncoding)
def test_a_span_is_read_with_all_that_is_shown(encoding: OtlpEncoding) -> None:
    sent = proto_span(
        parent_span_id=b"\x02" * 8,
        status=Status(code=Status.STATUS_CODE_ERROR, message="no such order"),
        attributes=[
            text("messaging.message.id", "e1"),
            text("messaging.message.conversation_id", "c1"),
            KeyValue(key="n", value=AnyValue(int_value=3)),
            KeyValue(key="ok", value=AnyValue(bool_value=True)),
            KeyValue(key="share", value=AnyValue(double_value=0.5)),
            KeyValue(key="of", value=AnyValue(array_value=ArrayValue(values=[AnyValue(string_value="a")]))),
            KeyValue(key="none", value=AnyValue()),
        ],
        links=[Span.Link(trace_id=b"\x03" * 16, span_id=b"\x04" * 8)],
    )
    (found,), refused = read_spans(encoded(request(sent), encoding), encoding)
    assert refused == 0
    assert found.place == (TRACE, "01" * 8)
    assert (found.parent_id, found.service, found.name, found.kind) == (
        "02" * 8,
        "legacy",
        "POST /orders",
        "server",
    )
    assert (found.began, found.duration) == (1_000.0, 0.25)
    assert (found.failed, found.status) == (True, "no such order")
    assert (found.message_id, found.conversation_id) == ("e1", "c1")
    assert found.links == [("03" * 16, "04" * 8)]
    assert dict(found.attributes) == {
        "messaging.message.id": "e1",
        "messaging.message.conversation_id": "c1",
        "n": "3",
        "ok": "true",
        "share": "0.5",
        "of": '["a"]',
        "none": "null",
    }


def test_what_looks_like_a_secret_is_masked_before_it_is_kept() -> None:
    inner = KeyValueList(values=[text("client_secret", "s3"), text("id", "7")])
    sent = proto_span(
        attributes=[
            text("http.request.header.authorization", "Bearer abc"),
            text("db.password", "pw"),
            text("url.full", "http://me:pw@host/?access_token=abc&n=1"),
            KeyValue(key="body", value=AnyValue(kvlist_value=inner)),
        ],
        status=Status(message="cannot reach postgres://me:pw@host/db"),
    )
    (found,), _ = read_spans(request(sent).SerializeToString(), PROTOBUF)
    assert dict(found.attributes) == {
        "http.request.header.authorization": "***",
        "db.password": "***",
        "url.full": "http://me:***@host/?access_token=***&n=1",
        "body": '{"client_secret": "***", "id": "7"}',
    }
    assert found.status == "cannot reach postgres://me:***@host/db"


@pytest.mark.parametrize("encoding", OtlpEncoding)
def test_spans_without_valid_ids_are_refused_and_the_others_taken(encoding: OtlpEncoding) -> None:
    made = request(
        proto_span("good"),
        proto_span("short", span_id=b"\x01"),
        proto_span("zeros", span_id=bytes(8)),
        proto_span("no trace", trace_id=b""),
    )
    spans, refused = read_spans(encoded(made, encoding), encoding)
    assert ([span.name for span in spans], refused) == (["good"], 3)


def test_long_texts_and_many_attributes_are_cut() -> None:
    many = [text(f"a{n}", "x" * 5_000) for n in range(100)]
    (found,), _ = read_spans(request(proto_span("n" * 500, attributes=many)).SerializeToString(), PROTOBUF)
    assert len(found.name) == 201
    assert len(found.attributes) == 65
    assert found.attributes[-1] == ("…", "36 more")
    assert {len(value) for _, value in found.attributes[:-1]} == {1_001}


def test_a_value_of_any_depth_is_read() -> None:
    value = AnyValue(string_value="deep")
    for _ in range(30):
        value = AnyValue(array_value=ArrayValue(values=[value]))
    (found,), _ = read_spans(
        request(proto_span(attributes=[KeyValue(key="a", value=value)])).SerializeToString(), PROTOBUF
    )
    assert dict(found.attributes)["a"] == "[" * 8 + '"…"' + "]" * 8


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"\xff\xff", PROTOBUF),
        (b"\xff\xff", JSON),
        (b"{", JSON),
        (b"[]", JSON),
        (b"null", JSON),
        (b'{"resourceSpans": 3}', JSON),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "zz"}]}]}]}', JSON),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": 5}]}]}]}', JSON),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "\\ud800"}]}]}]}', JSON),
        (b"[" * 100_000, JSON),
        (b'{"a":' * 100_000, JSON),
    ],
)
def test_what_is_no_request_is_refused(body: bytes, encoding: OtlpEncoding) -> None:
    with pytest.raises(OtlpRefused) as refused:
        read_spans(body, encoding)
    assert refused.value.status == 400
    assert "ExportTraceServiceRequest" in str(refused.value)


def test_members_that_are_not_known_are_passed_over() -> None:
    written = {"resourceSpans": [{"entityRefs": 1, "scopeSpans": [{"spans": [
        {"traceId": TRACE, "spanId": "01" * 8, "name": "new", "kind": 77, "comes": {"later": [1]}}
    ]}]}]}  # fmt: skip
    (found,), refused = read_spans(json.dumps(written).encode(), JSON)
    assert (found.name, found.kind, refused) == ("new", "", 0)


def test_a_response_is_in_the_encoding_of_its_request_and_tells_of_what_was_refused() -> None:
    assert json.loads(spans_response(JSON, 0)) == {}
    assert ExportTraceServiceResponse.FromString(spans_response(PROTOBUF, 0)) == ExportTraceServiceResponse()
    partial = ExportTraceServiceResponse.FromString(spans_response(PROTOBUF, 2)).partial_success
    assert partial.rejected_spans == 2
    assert "2 spans" in partial.error_message
    told = json.loads(spans_response(JSON, 2))["partialSuccess"]
    assert told == {"rejectedSpans": "2", "errorMessage": partial.error_message}


def test_a_refusal_is_a_status() -> None:
    assert json.loads(status_body(JSON, "no")) == {"message": "no"}
    assert RpcStatus.FromString(status_body(PROTOBUF, "no")).message == "no"


@pytest.mark.parametrize("encoding", OtlpEncoding)
def test_without_the_library_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, encoding: OtlpEncoding
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.proto.collector.trace.v1.trace_service_pb2", None)
    with pytest.raises(ExtraMissing, match=r"pip install 'outboard\[otel\]'"):
        read_spans(b"", encoding)
