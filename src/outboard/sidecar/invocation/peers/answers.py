"""The answer of an app that speaks gRPC, as callers over HTTP and over gRPC get it. Pure.

Source: Dapr, "Service invocation API reference"; daprd 1.18.
"""

from __future__ import annotations

import json
from typing import Final

from google.protobuf import json_format
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import error_details_pb2  # noqa: F401 - registers the types that details have

from outboard.sidecar.invocation.peers.status import by_number, http_status
from outboard.sidecar.invocation.values import AnswerBody, GrpcAnswer, Headers, InvocationAnswer

__all__ = ["grpc_answer"]

OK: Final = 0
PLAIN: Final = "text/plain; charset=utf-8"
PROTOBUF: Final = "application/x-protobuf"
CONTENT_TYPE: Final = "content-type"
NOT_TOLD: Final = frozenset({CONTENT_TYPE, "traceparent", "tracestate", "grpc-trace-bin"})


def grpc_answer(answer: GrpcAnswer, headers: Headers, body: AnswerBody | None = None) -> InvocationAnswer:
    """`body` is what was answered; of an error there is none, but what tells of it."""
    content_type = answer.content_type
    status, data = http_status(by_number(answer.number)), AnswerBody.of(b"") if body is None else body
    if answer.number != OK:
        status, text = _told(answer, status)
        data, content_type = AnswerBody.of(text.encode()).binding(data.aclose), PLAIN
    elif answer.type_url:
        content_type = PROTOBUF
    kept = [item for item in headers if item[0] not in NOT_TOLD]
    told = [(CONTENT_TYPE, content_type)] if content_type else []
    return InvocationAnswer(status, [*kept, *told], data, grpc=answer)


def _told(answer: GrpcAnswer, status: int) -> tuple[int, str]:
    """The status of HTTP, and the body; details of an unknown type cannot be written."""
    try:
        details = [_detail(kind, value) for kind, value in answer.details]
    except (TypeError, json_format.Error) as error:
        failed = {"errorCode": "ERR_MALFORMED_RESPONSE", "message": str(error)}
        return 500, json.dumps(failed, separators=(",", ":"))
    told = {"code": answer.number, "message": answer.message, "details": details}
    return status, json.dumps({name: value for name, value in told.items() if value}, ensure_ascii=False)


def _detail(kind: str, value: bytes) -> object:
    packed = AnyMessage(type_url=kind, value=value)
    return json_format.MessageToDict(packed)
