"""The statuses of gRPC by the names that Go gives them, and as HTTP has them. Pure.

Source: gRPC, "Status codes"; daprd 1.18 for the names and for HTTP.
"""

from __future__ import annotations

from typing import Final

from grpc import StatusCode

from outboard.sidecar.channel.grpc.methods import go_name

__all__ = ["by_go_name", "by_number", "go_name", "http_status"]

HTTP: Final = {
    StatusCode.OK: 200,
    StatusCode.CANCELLED: 408,
    StatusCode.INVALID_ARGUMENT: 400,
    StatusCode.DEADLINE_EXCEEDED: 504,
    StatusCode.NOT_FOUND: 404,
    StatusCode.ALREADY_EXISTS: 409,
    StatusCode.PERMISSION_DENIED: 403,
    StatusCode.UNAUTHENTICATED: 401,
    StatusCode.RESOURCE_EXHAUSTED: 429,
    StatusCode.FAILED_PRECONDITION: 400,
    StatusCode.ABORTED: 409,
    StatusCode.OUT_OF_RANGE: 400,
    StatusCode.UNIMPLEMENTED: 501,
    StatusCode.UNAVAILABLE: 503,
}
FAILED: Final = 500


BY_NAME: Final = {go_name(code): code for code in StatusCode}
BY_NUMBER: Final = {int(code.value[0]): code for code in StatusCode}


def by_go_name(name: str) -> StatusCode:
    """The other way round; what has no such name is UNKNOWN."""
    return BY_NAME.get(name, StatusCode.UNKNOWN)


def by_number(number: int) -> StatusCode:
    """The one with this number; of what is none, UNKNOWN."""
    return BY_NUMBER.get(number, StatusCode.UNKNOWN)


def http_status(code: StatusCode) -> int:
    """What a caller over HTTP gets."""
    return HTTP.get(code, FAILED)
