"""The statuses of gRPC by number: the names that Go gives them, and what they are in HTTP. Pure.

Nothing of the library of gRPC is needed for it. Source: gRPC, "Status codes"; daprd 1.18 for names and HTTP.
"""

from __future__ import annotations

from typing import Final

__all__ = ["go_error", "go_name_of", "http_status_of"]

UNKNOWN: Final = 2
GO_NAMES: Final = (
    "OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists",
    "PermissionDenied", "ResourceExhausted", "FailedPrecondition", "Aborted", "OutOfRange", "Unimplemented",
    "Internal", "Unavailable", "DataLoss", "Unauthenticated",
)  # fmt: skip
HTTP: Final = (200, 408, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401)


def go_name_of(number: int) -> str:
    """`DeadlineExceeded` of 4; a number that is none is Unknown."""
    return GO_NAMES[_known(number)]


def go_error(number: int, message: str) -> str:
    """An error of gRPC as Go writes it, and so daprd's messages have it."""
    return f"rpc error: code = {go_name_of(number)} desc = {message}"


def http_status_of(number: int) -> int:
    """What a caller over HTTP gets."""
    return HTTP[_known(number)]


def _known(number: int) -> int:
    return number if 0 <= number < len(GO_NAMES) else UNKNOWN
