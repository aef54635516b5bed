"""An error of a use case as a gRPC status: a code and a message, and for some `google.rpc` details. Pure.

Source: Dapr, "Error codes reference", "Handling richer errors"; daprd 1.18.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc import StatusCode

from outboard.sidecar.errors import ApiError, BadRequest, Detail, ErrorInfo, Help, ResourceInfo
from outboard.sidecar.invocation.peers.status import by_number
from outboard.sidecar.state.errors import AnsweredByComponent, KeyRefused, UnlikeFailures

__all__ = ["GrpcStatus", "http_like", "status_of"]

BY_REASON: Final = {
    "DAPR_PUBSUB_NOT_FOUND": StatusCode.INVALID_ARGUMENT,
    "DAPR_PUBSUB_NAME_EMPTY": StatusCode.INVALID_ARGUMENT,
    "DAPR_PUBSUB_TOPIC_NAME_EMPTY": StatusCode.INVALID_ARGUMENT,
    "DAPR_PUBSUB_TEST_NOT_FOUND": StatusCode.NOT_FOUND,
    "DAPR_PUBSUB_CLOUD_EVENT_CREATION": StatusCode.INVALID_ARGUMENT,
    "DAPR_STATE_NOT_CONFIGURED": StatusCode.FAILED_PRECONDITION,
    "DAPR_STATE_TRANSACTIONS_NOT_SUPPORTED": StatusCode.UNIMPLEMENTED,
}
BY_CODE: Final = {
    "ERR_ACTOR_CALLBACK": StatusCode.FAILED_PRECONDITION,
    "ERR_ACTOR_NO_PLACEMENT": StatusCode.UNAVAILABLE,
    "ERR_CONFIGURATION_STORE_NOT_CONFIGURED": StatusCode.FAILED_PRECONDITION,
    "ERR_LOCK_STORE_NOT_CONFIGURED": StatusCode.FAILED_PRECONDITION,
    "ERR_NOT_SUPPORTED_STATE_OPERATION": StatusCode.UNIMPLEMENTED,
    "ERR_SECRET_STORES_NOT_CONFIGURED": StatusCode.FAILED_PRECONDITION,
    "ERR_SECRET_STORE_NOT_FOUND": StatusCode.INVALID_ARGUMENT,
    "ERR_STATE_BULK_GET": StatusCode.UNKNOWN,
    "": StatusCode.UNKNOWN,
}
BY_STATUS: Final = {
    400: StatusCode.INVALID_ARGUMENT,
    403: StatusCode.PERMISSION_DENIED,
    409: StatusCode.ABORTED,
    501: StatusCode.UNIMPLEMENTED,
}
INFORMED: Final = frozenset(
    {
        "ERR_CONFIGURATION_STORE_NOT_CONFIGURED",
        "ERR_INVOKE_OUTPUT_BINDING",
        "ERR_NOT_SUPPORTED_STATE_OPERATION",
        "ERR_STATE_BULK_DELETE",
        "ERR_STATE_DELETE",
        "ERR_STATE_GET",
        "ERR_STATE_SAVE",
        "ERR_STATE_TRANSACTION",
    }
)
"""Codes that HTTP tells beside the message, and gRPC as the reason of an ErrorInfo."""
UNTOLD: Final = frozenset({"DAPR_PUBSUB_NOT_FOUND", "DAPR_STATE_NOT_CONFIGURED", "DAPR_STATE_NOT_FOUND"})
"""Reasons that only HTTP tells more of: the app's id, the metadata of the request."""


@dataclass(frozen=True, slots=True)
class GrpcStatus:
    """How a call ended. Without details there is no `google.rpc.Status` in the trailers either."""

    code: StatusCode
    message: str
    details: Sequence[Message] = field(default=())

    def trailers(self) -> tuple[tuple[str, bytes], ...]:
        """The trailing metadata that carries the details."""
        if not self.details:
            return ()
        number: int = self.code.value[0]
        status = status_pb2.Status(code=number, message=self.message, details=map(_packed, self.details))
        return (("grpc-status-details-bin", status.SerializeToString()),)


def status_of(error: ApiError) -> GrpcStatus:
    """The status that tells the app of `error`."""
    if isinstance(error, KeyRefused):
        return _key_refused(error)
    if isinstance(error, AnsweredByComponent):
        return GrpcStatus(by_number(error.number), error.answer, [_message(each) for each in error.told])
    reason = next((each.reason for each in error.details if isinstance(each, ErrorInfo)), "")
    code = BY_REASON.get(reason) or BY_CODE.get(error.code)
    code = code or BY_STATUS.get(error.status, StatusCode.INTERNAL)
    details: Sequence[Detail] = error.details
    if not details and error.code in INFORMED:
        details = [ErrorInfo(error.code)]
    message = error.every if isinstance(error, UnlikeFailures) else str(error)
    return GrpcStatus(code, message, [_message(each) for each in details])


def http_like(code: StatusCode, status: int, name: str, message: str) -> GrpcStatus:
    """What daprd answers before a call reaches its method: an HTTP status by number and name."""
    told = {"http.code": str(status), "http.error_message": message}
    return GrpcStatus(code, name, [_message(ErrorInfo(name, told))])


def _key_refused(error: KeyRefused) -> GrpcStatus:
    details = [
        BadRequest(error.key, error.problem) if isinstance(each, BadRequest) else each
        for each in error.details
    ]
    return GrpcStatus(StatusCode.INVALID_ARGUMENT, error.problem, [_message(each) for each in details])


def _packed(message: Message) -> AnyMessage:
    if isinstance(message, AnyMessage):
        return message
    packed = AnyMessage()
    packed.Pack(message)
    return packed


def _message(detail: Detail) -> Message:
    match detail:
        case ErrorInfo(reason, metadata, domain):
            told = {} if metadata is None or reason in UNTOLD else dict(metadata)
            return error_details_pb2.ErrorInfo(reason=reason, domain=domain, metadata=told)
        case ResourceInfo(resource, name, description):
            return error_details_pb2.ResourceInfo(
                resource_type=resource, resource_name=name, description=description
            )
        case BadRequest(named, description):
            violation = error_details_pb2.BadRequest.FieldViolation(field=named, description=description)
            return error_details_pb2.BadRequest(field_violations=[violation])
        case Help(url, description):
            link = error_details_pb2.Help.Link(url=url, description=description)
            return error_details_pb2.Help(links=[link])
