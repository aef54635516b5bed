from __future__ import annotations

import pytest

from outboard.sidecar.process.wait import until_outbound_ready
from outboard.wire.http import ExchangeFailed, Request, Response
from support.sidecars import AutojumpClock, ScriptedApp

pytestmark = pytest.mark.anyio

PATH = "/v1.0/healthz/outbound"


async def test_it_asks_until_the_sidecar_is_ready() -> None:
    sidecar, clock, told = ScriptedApp(), AutojumpClock(), list[str]()
    refused = ExchangeFailed("refused")
    sidecar.answer(PATH, refused, refused, Response(500), Response(200), Response(204))
    await until_outbound_ready(sidecar, clock, told.append)
    assert told == [
        "Dapr outbound NOT ready yet: refused",
        "Dapr outbound NOT ready yet: HTTP status 500",
        "Dapr outbound NOT ready yet: HTTP status 200",
        "Dapr is outbound ready!",
    ]
    assert clock.slept == [0.1] * 4


async def test_it_gives_up_after_a_minute() -> None:
    async def nobody(request: Request, timeout: float | None) -> Response:
        raise ExchangeFailed("refused")

    clock, told = AutojumpClock(), list[str]()
    await until_outbound_ready(nobody, clock, told.append)
    assert told[-1] == "timeout waiting for Dapr to become outbound ready. Last error: refused"
    assert 60 <= clock.seconds < 61
