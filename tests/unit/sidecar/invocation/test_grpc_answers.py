"""The answer of an app over gRPC, as a caller over HTTP gets it."""

from __future__ import annotations

import json

import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import error_details_pb2

from outboard.sidecar.invocation.peers.answers import grpc_answer
from outboard.sidecar.invocation.values import AnswerBody, GrpcAnswer

pytestmark = pytest.mark.anyio


async def test_what_went_well_is_the_body_with_its_type() -> None:
    answer = grpc_answer(GrpcAnswer(0, content_type="a/b"), [("x", "1")], AnswerBody.of(b"body"))
    assert (answer.status, answer.headers) == (200, [("x", "1"), ("content-type", "a/b")])
    assert (await answer.whole()).data == b"body"


def test_a_message_is_of_the_type_of_all_messages() -> None:
    answer = grpc_answer(GrpcAnswer(0, content_type="a/b", type_url="t/x.Y"), [], AnswerBody.of(b""))
    assert answer.headers == [("content-type", "application/x-protobuf")]


async def test_an_error_is_told_in_json() -> None:
    packed = AnyMessage()
    packed.Pack(error_details_pb2.ErrorInfo(reason="R"))
    told = GrpcAnswer(5, "n\u00f6", [(packed.type_url, packed.value)])
    answer = grpc_answer(told, [("traceparent", "x"), ("content-type", "application/grpc")])
    assert (answer.status, answer.headers) == (404, [("content-type", "text/plain; charset=utf-8")])
    body = (await answer.whole()).data or b""
    assert json.loads(body) == {"code": 5, "message": "n\u00f6", "details": [
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "R"}
    ]}  # fmt: skip


async def test_details_of_an_unknown_type_are_no_json() -> None:
    answer = grpc_answer(GrpcAnswer(5, "no", [("t/unknown.Kind", b"")]), [])
    body = (await answer.whole()).data or b""
    assert (answer.status, json.loads(body)["errorCode"]) == (500, "ERR_MALFORMED_RESPONSE")
