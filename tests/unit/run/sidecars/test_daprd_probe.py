"""How the start of a daprd is followed."""

from __future__ import annotations

import pytest

from outboard.run.sidecars.daprd_probe import api_host, until_healthy
from outboard.wire.http import ExchangeFailed, Response
from support.scripted import FakeClock, ScriptedExchange


@pytest.mark.parametrize(
    ("addresses", "host"),
    [
        (None, "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("[::]", "127.0.0.1"),
        ("10.0.0.5, 127.0.0.1", "127.0.0.1"),
        ("10.0.0.5", "10.0.0.5"),
        ("[::1]", "::1"),
    ],
)
def test_it_is_asked_where_it_listens(addresses: str | None, host: str) -> None:
    arguments = ("--app-id", "api", *(("--dapr-listen-addresses", addresses) if addresses else ()))
    assert api_host(arguments) == host


@pytest.mark.anyio
async def test_it_is_asked_until_it_is_healthy() -> None:
    exchange = ScriptedExchange()
    nobody = ExchangeFailed("nobody listens", sent=False)
    exchange.answers += [nobody, Response(500), Response(200), Response(204)]  # 200: something else
    await until_healthy(exchange, "/v1.0/healthz", FakeClock())
    assert [request.target for request in exchange.requests] == ["/v1.0/healthz"] * 4
