"""The statuses of gRPC as its library has them, by name and by number, and what they are in HTTP. Pure."""

from __future__ import annotations

from typing import Final

from grpc import StatusCode

from outboard.sidecar.channel.grpc.methods import go_name
from outboard.sidecar.grpc_codes import http_status_of

__all__ = ["by_go_name", "by_number", "go_name", "http_status"]

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
    number: int = code.value[0]
    return http_status_of(number)
