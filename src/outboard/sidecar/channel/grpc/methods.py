"""The services of an app over gRPC, and a call of one as a request of HTTP, which it is on the wire. Pure.

Source: Dapr, `dapr/proto/runtime/v1/appcallback.proto`; gRPC over HTTP/2, "Requests" and "Responses".
"""

from __future__ import annotations

from typing import Final

from grpc import StatusCode

from outboard.sidecar.grpc_codes import go_name_of
from outboard.wire.http import Response

__all__ = [
    "ALPHA_BULK",
    "BULK",
    "EVENT",
    "HEALTH",
    "MESSAGE",
    "STATUS",
    "code_of",
    "go_name",
    "message_of",
    "refused",
]

SERVICE: Final = "/dapr.proto.runtime.v1.AppCallback"
EVENT: Final = f"{SERVICE}/OnTopicEvent"
BULK: Final = f"{SERVICE}/OnBulkTopicEvent"
ALPHA_BULK: Final = f"{SERVICE}Alpha/OnBulkTopicEventAlpha1"
HEALTH: Final = f"{SERVICE}HealthCheck/HealthCheck"

STATUS: Final = "grpc-status"
MESSAGE: Final = "grpc-message"
FAILED: Final = 500
CODES: Final = {code.value[0]: code for code in StatusCode}


def refused(code: StatusCode, message: str) -> Response:
    """The response to a call that ended with another status than OK."""
    number: int = code.value[0]
    return Response(FAILED, {STATUS: str(number), MESSAGE: message})


def code_of(response: Response) -> StatusCode:
    """How a call ended."""
    number = response.headers.get(STATUS, "0" if response.ok else "2")
    return CODES.get(int(number), StatusCode.UNKNOWN)


def message_of(response: Response) -> str:
    """Why a call failed, in words: the code, and what the app says of it."""
    told = response.headers.get(MESSAGE, "")
    return f"rpc error: code = {code_of(response).name}" + (f" desc = {told}" if told else "")


def go_name(code: StatusCode) -> str:
    """`DeadlineExceeded` of DEADLINE_EXCEEDED."""
    number: int = code.value[0]
    return go_name_of(number)
