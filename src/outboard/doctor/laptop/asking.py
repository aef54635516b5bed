"""Asking apps and sidecars over HTTP, each within a moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from outboard.sidecar.channel.exchange import exchange_with
from outboard.wire.dapr import API_TOKEN_HEADER, APP_ID_HEADER
from outboard.wire.http import ExchangeFailed, Request, Response

__all__ = ["ask"]

TIMEOUT: Final = 1.0


async def ask(
    base: str,
    target: str,
    *,
    token: str = "",
    method: str = "GET",
    app_id: str = "",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
) -> Response | str:
    """The response of whoever is at `base`, or why there is none."""
    given = dict(headers or {})
    if token:
        given[API_TOKEN_HEADER] = token
    if app_id:
        given[APP_ID_HEADER] = app_id
    try:
        async with exchange_with(base, 0) as exchange:
            return await exchange(Request(method, target, given, body), TIMEOUT)
    except ExchangeFailed as error:
        return _reason(error.reason)


def _reason(reason: str) -> str:
    return f"no answer within {TIMEOUT:g} s" if "deadline" in reason else reason
