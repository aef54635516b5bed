"""From a call that failed to the exception that an author catches, which is the one that HTTP leads to. Pure.

Source: Dapr, "Error codes reference guide", "Handling richer errors" (google.rpc.ErrorInfo); daprd 1.18;
gRPC, "Status codes and their use in gRPC".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2
from grpc import StatusCode
from grpc.aio import AioRpcError

from outboard.errors import PublishFailed, SidecarError, TokenRejected, UnexpectedGrpcAnswer
from outboard.kit.client.refusals import NO_CODE, Refusal, publish_refused, shorten, state_refused
from outboard.wire.dapr import ErrorCode
from outboard.wire.http import ExchangeFailed

__all__ = ["CallFailed", "failure_of", "publish_error", "state_error", "unanswered"]

DETAILS: Final = "grpc-status-details-bin"
UNCONNECTED: Final = "failed to connect to all addresses"
BROKEN: Final = frozenset({StatusCode.UNAVAILABLE, StatusCode.DEADLINE_EXCEEDED, StatusCode.CANCELLED})
"""No answer of Dapr's came."""
STREAM_REMOVED: Final = ("Stream removed", "RST_STREAM")
LARGER: Final = "larger than max"
MAX_BEGINNING: Final = 100

OVER_HTTP: Final[Mapping[str, tuple[int, str]]] = {
    "DAPR_PUBSUB_CLOUD_EVENT_CREATION": (500, "ERR_PUBSUB_CLOUD_EVENTS_SER"),
    "DAPR_PUBSUB_FORBIDDEN": (403, "ERR_PUBSUB_FORBIDDEN"),
    "DAPR_PUBSUB_MARSHAL_ENVELOPE": (400, "ERR_PUBSUB_EVENTS_SER"),
    "DAPR_PUBSUB_MARSHAL_EVENTS": (400, "ERR_PUBSUB_EVENTS_SER"),
    "DAPR_PUBSUB_METADATA_DESERIALIZATION": (400, "ERR_PUBSUB_REQUEST_METADATA"),
    "DAPR_PUBSUB_NAME_EMPTY": (404, "ERR_PUBSUB_EMPTY"),
    "DAPR_PUBSUB_NOT_CONFIGURED": (400, "ERR_PUBSUB_NOT_CONFIGURED"),
    "DAPR_PUBSUB_NOT_FOUND": (404, "ERR_PUBSUB_NOT_FOUND"),
    "DAPR_PUBSUB_OUTBOX": (500, "ERR_PUBLISH_OUTBOX"),
    "DAPR_PUBSUB_PUBLISH_MESSAGE": (500, "ERR_PUBSUB_PUBLISH_MESSAGE"),
    "DAPR_PUBSUB_TEST_NOT_FOUND": (400, "ERR_PUBSUB_NOT_FOUND"),
    "DAPR_PUBSUB_TOPIC_NAME_EMPTY": (404, "ERR_TOPIC_NAME_EMPTY"),
    "DAPR_PUBSUB_UNDELIVERABLE": (400, "ERR_PUBSUB_REQUEST_METADATA"),
    "DAPR_STATE_ILLEGAL_KEY": (400, "ERR_MALFORMED_REQUEST"),
    "DAPR_STATE_NOT_CONFIGURED": (500, "ERR_STATE_STORE_NOT_CONFIGURED"),
    "DAPR_STATE_NOT_FOUND": (400, "ERR_STATE_STORE_NOT_FOUND"),
    "DAPR_STATE_TRANSACTIONS_NOT_SUPPORTED": (500, "ERR_STATE_STORE_NOT_SUPPORTED"),
}
"""What the same error is called over HTTP, by the reason in its ErrorInfo. Some reasons are that name."""
STATUS: Final[Mapping[StatusCode, int]] = {
    StatusCode.ABORTED: 409,
    StatusCode.INVALID_ARGUMENT: 400,
    StatusCode.NOT_FOUND: 404,
    StatusCode.PERMISSION_DENIED: 403,
}
UNEXPLAINED: Final = frozenset({StatusCode.INTERNAL, StatusCode.UNKNOWN})
"""The codes of daprd's errors that come without an ErrorInfo, as far as they are about what was asked."""


@dataclass(frozen=True, slots=True)
class CallFailed(Exception):
    """The sidecar has answered a call, and not with success. `reason` is empty where it gives none."""

    code: StatusCode
    message: str
    reason: str = ""


def failure_of(error: AioRpcError) -> ExchangeFailed | CallFailed:
    """What a call ended in."""
    code, message = error.code(), error.details() or ""
    if code in BROKEN or any(words in message for words in STREAM_REMOVED):
        return unanswered(code, message)
    return CallFailed(code, message, _reason(error.trailing_metadata() or ()))


def unanswered(code: StatusCode, message: str) -> ExchangeFailed:
    """Where no connection was made, nothing was sent."""
    if message.startswith(UNCONNECTED):
        return ExchangeFailed(f"no connection: {message.rpartition(': ')[2]}", sent=False)
    if code is StatusCode.DEADLINE_EXCEEDED:
        return ExchangeFailed("the time was up")
    return ExchangeFailed(message or code.name)


def publish_error(failed: CallFailed, pubsub: str, topic: str, address: str) -> SidecarError:
    """What a publish ended in."""
    if failed.code is StatusCode.UNAUTHENTICATED:
        return TokenRejected(address)
    if _is_too_large(failed):  # in the words that HTTP has for it
        reason = f"error when publishing to topic {topic} in pubsub {pubsub}: stream too large"
        return PublishFailed(pubsub, topic, 500, ErrorCode.PUBSUB_PUBLISH_MESSAGE, reason)
    refusal = _refusal(failed)
    if refusal is None:
        return _unexpected(failed, f"publishing to topic '{topic}' of '{pubsub}'", address)
    return publish_refused(refusal, pubsub, topic)


def state_error(
    failed: CallFailed, store: str, operation: str, guarded: Sequence[str], address: str
) -> SidecarError:
    """What an operation on a state store ended in. `guarded` are the keys that were given with an ETag."""
    if failed.code is StatusCode.UNAUTHENTICATED:
        return TokenRejected(address)
    refusal = _refusal(failed)
    if refusal is None:
        return _unexpected(failed, f"a try to {operation} of state store '{store}'", address)
    return state_refused(refusal, store, operation, guarded)


def _refusal(failed: CallFailed) -> Refusal | None:
    """What Dapr says of an error; None where the answer is not one of Dapr's errors."""
    message = shorten(failed.message)
    if failed.reason in OVER_HTTP:
        return Refusal(*OVER_HTTP[failed.reason], message)
    if failed.reason:
        return Refusal(STATUS.get(failed.code, 500), failed.reason, message)
    if _is_too_large(failed):
        return Refusal(413, NO_CODE, f"it is too large ({message})")
    return Refusal(500, NO_CODE, message) if failed.code in UNEXPLAINED else None


def _is_too_large(failed: CallFailed) -> bool:
    return failed.code is StatusCode.RESOURCE_EXHAUSTED and LARGER in failed.message


def _unexpected(failed: CallFailed, operation: str, address: str) -> UnexpectedGrpcAnswer:
    text = " ".join(failed.message.split())
    beginning = repr(text[:MAX_BEGINNING]) if text else "nothing"
    number: int = failed.code.value[0]
    return UnexpectedGrpcAnswer(address, operation, number, failed.code.name, beginning)


def _reason(trailers: Sequence[tuple[str, str | bytes]] | object) -> str:
    """That of the ErrorInfo among the details."""
    for name, value in trailers if isinstance(trailers, Sequence) else tuple(trailers):  # type: ignore[arg-type]
        if name == DETAILS and isinstance(value, bytes):
            return _reason_in(value)
    return ""


def _reason_in(value: bytes) -> str:
    try:
        details = status_pb2.Status.FromString(value).details
    except DecodeError:
        return ""
    for detail in details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            return str(info.reason)
    return ""
