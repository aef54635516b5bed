"""Requests of a test to a sidecar that nobody has started: told at once, with the fixture that has one."""

from __future__ import annotations

from outboard.errors import NoSidecarInTest
from outboard.kit.client.settings import Settings
from outboard.kit.under_test import is_pytest_running
from outboard.wire.http import Exchange, ExchangeFailed, Request, Response

__all__ = ["in_test", "naming_the_fixture"]


def naming_the_fixture(exchange: Exchange, settings: Settings) -> Exchange:
    """`exchange`, which in a test raises NoSidecarInTest where nobody listens, instead of being tried again.

    Where the environment names a sidecar, one is on its way, and is waited for as ever.
    """
    if settings.is_named:
        return exchange

    async def exchange_or_say(request: Request, timeout: float | None) -> Response:
        try:
            return await exchange(request, timeout)
        except ExchangeFailed as failure:
            if error := in_test(failure, f"{request.method} {request.target}", settings):
                raise error from failure
            raise

    return exchange_or_say


def in_test(failure: ExchangeFailed, operation: str, settings: Settings) -> NoSidecarInTest | None:
    """In a test in which nobody listens, and nobody is on the way, what names the fixture."""
    if settings.is_named or failure.sent or not is_pytest_running():
        return None
    return NoSidecarInTest(settings.address, operation, 0.0, failure.reason)
