"""An error of gRPC that a component answers, as the errors that the sidecar knows.

Source: Dapr, "Pluggable components", about errors; daprd 1.18 for what it reads in the details of a status.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

import grpc.aio
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2

from outboard.sidecar.components.port import ComponentError, EtagInvalidError, EtagMismatchError
from outboard.sidecar.components.remote_state import OwnAnswerError, StatusError

__all__ = ["failure_of", "own_answer", "row_mismatch", "written_failure"]

DetailT = TypeVar("DetailT", bound=Message)

DETAILS: Final = "grpc-status-details-bin"
INVALID_ARGUMENT: Final = 3
FAILED_PRECONDITION: Final = 9
INTERNAL: Final = 13
MISMATCH: Final = "possible etag mismatch. error from state store"
INVALID: Final = "invalid etag value"


class AnsweredError(StatusError):
    """As it was answered: with the details of its status."""

    def __init__(self, number: int, message: str, details: Sequence[AnyMessage] = ()) -> None:
        super().__init__(number, message)
        self.code = number
        self.details = details


def failure_of(error: grpc.aio.AioRpcError) -> AnsweredError:
    """The text is Go's, since it stands in daprd's messages."""
    number: int = error.code().value[0]
    return AnsweredError(number, error.details() or "", _details(error))


def own_answer(error: ComponentError) -> ComponentError:
    """`error`, or what the component says by it of the app's answer. No policy's `matching` looks at it."""
    error.code = None
    info = _only_detail(error, error_details_pb2.ErrorInfo())
    if not isinstance(error, AnsweredError) or info is None or info.metadata.get("kit_error") != "true":
        return error
    status = info.metadata.get("http_code", "")
    if not (status.isascii() and status.isdecimal()):
        return error
    return OwnAnswerError(
        error.number,
        error.message,
        http_status=int(status),
        tag=info.metadata.get("tag", ""),
        reason=info.reason,
        domain=info.domain,
    )


def written_failure(error: ComponentError) -> ComponentError:
    """As `own_answer`, of a write: it may be about the ETag."""
    answer = own_answer(error)
    bad = _only_detail(answer, error_details_pb2.BadRequest())
    if not isinstance(answer, AnsweredError) or bad is None or len(bad.field_violations) != 1:
        return answer
    (violation,) = bad.field_violations
    if violation.field != "etag":
        return answer
    if answer.number == FAILED_PRECONDITION:
        return EtagMismatchError(f"{MISMATCH}: {violation.description}")
    if answer.number == INVALID_ARGUMENT:
        return EtagInvalidError(f"{INVALID}: {violation.description}")
    return answer


def row_mismatch(error: ComponentError) -> ComponentError:
    """As `written_failure`, of several deletions: some keys may not have been there."""
    answer = written_failure(error)
    info = _only_detail(answer, error_details_pb2.ErrorInfo())
    if not isinstance(answer, AnsweredError) or info is None or answer.number != INTERNAL:
        return answer
    expected, affected = info.metadata.get("expected", ""), info.metadata.get("affected", "")
    if not (expected.isdecimal() and affected.isdecimal()):
        return answer
    return ComponentError(f"delete affected only {int(affected)} rows, expected {int(expected)}")


def _details(error: grpc.aio.AioRpcError) -> Sequence[AnyMessage]:
    for name, value in error.trailing_metadata() or ():
        if name == DETAILS and isinstance(value, bytes):
            try:
                return tuple(status_pb2.Status.FromString(value).details)
            except DecodeError:
                return ()
    return ()


def _only_detail(error: ComponentError, kind: DetailT) -> DetailT | None:
    """The detail of `error`, where it has one, which is of this kind."""
    if not isinstance(error, AnsweredError) or len(error.details) != 1:
        return None
    return kind if error.details[0].Unpack(kind) else None
