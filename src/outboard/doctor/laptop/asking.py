"""Asking apps and sidecars over HTTP, 1.1 or 2, each within a moment."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Final
from urllib.parse import urlsplit

from outboard.sidecar.channel.exchange import exchange_with
from outboard.sidecar.channel.protocols import H2C, exchange_with_app
from outboard.wire.dapr import API_TOKEN_HEADER, APP_ID_HEADER
from outboard.wire.http import Exchange, ExchangeFailed, Request, Response

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
    """The response of whoever is at `base`, whose scheme may be h2c, or why there is none."""
    given = dict(headers or {})
    if token:
        given[API_TOKEN_HEADER] = token
    if app_id:
        given[APP_ID_HEADER] = app_id
    try:
        async with _exchange_with(base) as exchange:
            return await exchange(Request(method, target, given, body), TIMEOUT)
    except ExchangeFailed as error:
        return _reason(error.reason)


def _exchange_with(base: str) -> AbstractAsyncContextManager[Exchange]:
    url = urlsplit(base)
    if url.scheme == H2C:
        return exchange_with_app(H2C, url.hostname or "", url.port or 0, 0)
    return exchange_with(base, 0)


def _reason(reason: str) -> str:
    return f"no answer within {TIMEOUT:g} s" if "deadline" in reason else reason
