"""What can be delivered to an app over HTTP, and which failed attempts are told of. Pure.

A sidecar sends the metadata of an event as headers, and reads its numbers as 64-bit floats. What cannot be
one of these fails at each delivery, and holds all that lies behind it on its partition; so it is refused
before.

Source: RFC 9110, "Field Names" and "Field Values"; daprd 1.18 for what it forwards.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from outboard.wire.forwarding import may_be_header

__all__ = ["forwarded", "header_problem", "is_told", "may_exceed_floats", "metadata_problem"]

EACH_OF: Final = 10
HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
NOT_IN_A_VALUE: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
PERHAPS_TOO_LARGE: Final = re.compile(rb"[0-9][eE]\+?[0-9]{3}|[0-9]{200}")
"""No number without such a part is beyond 10^299; the largest 64-bit float is near 1.8 * 10^308."""


def forwarded(metadata: Mapping[str, str]) -> dict[str, str]:
    """Broker metadata as headers of the request to the app, whether or not they can be sent."""
    headers: dict[str, str] = {}
    for key, value in metadata.items():
        name = _header_name(key)
        if name is not None:
            headers[name] = value
    if not headers.get("traceparent"):
        headers.pop("tracestate", None)  # which says nothing alone
    return headers


def header_problem(name: str, value: str) -> str:
    """Why this cannot be a header; empty where it can."""
    if not _names_a_header(name):
        return "is no name of a header"
    return "has a value that no header may hold" if NOT_IN_A_VALUE.search(value) is not None else ""


def metadata_problem(metadata: Mapping[str, str]) -> str:
    """Why an event with this metadata could not be delivered, with the name; empty where it could."""
    for key, value in metadata.items():
        name = _header_name(key)
        if name is not None and (problem := header_problem(name, value)):
            return f"metadata {key!r} {problem}, and it becomes one when the event is delivered"
    return ""


def may_exceed_floats(data: bytes) -> bool:
    """Whether JSON text may hold a number beyond 64-bit floats: then it is to be read to know for certain."""
    return PERHAPS_TOO_LARGE.search(data) is not None


def is_told(attempt: int) -> bool:
    """Whether an attempt that failed gets a line in the log: the first ten, the 16th, the 32nd, the 64th.

    What is tried again for ever would fill the log with one sentence.
    """
    return attempt <= EACH_OF or attempt & (attempt - 1) == 0


@lru_cache(maxsize=256)
def _header_name(key: str) -> str | None:
    """None for what is not forwarded; names that gRPC keeps for itself get a prefix."""
    name = key.lower()
    if name.endswith("-bin") or not may_be_header(name):
        return None
    if name.startswith(":"):
        return f"dapr-{name[1:]}"
    return f"dapr-{name}" if name.startswith("grpc-") else name


@lru_cache(maxsize=256)
def _names_a_header(name: str) -> bool:
    return HEADER_NAME.match(name) is not None
