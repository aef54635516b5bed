"""Who may call an event route. Pure.

Source: Dapr, "Authenticate requests from Dapr using token authentication".
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from typing import Final

from outboard.wire.dapr import API_TOKEN_HEADER

__all__ = ["is_invocation", "is_token_right"]

TOKEN: Final = API_TOKEN_HEADER.encode("ascii")
CALLER: Final = b"dapr-caller-app-id"


def is_token_right(headers: Iterable[tuple[bytes, bytes]], expected: str) -> bool:
    """Whether the request bears the app's token, once. Without an expected one, everybody may come.

    Takes as long for a wrong token as for the right one.
    """
    if not expected:
        return True
    given = [value for name, value in headers if name.lower() == TOKEN]
    return len(given) == 1 and hmac.compare_digest(given[0], expected.encode("utf-8"))


def is_invocation(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether another app sent this through service invocation, which bears the app's token as events do.

    daprd sets this header, and strips what the caller wrote there.
    """
    return any(name.lower() == CALLER for name, _ in headers)
