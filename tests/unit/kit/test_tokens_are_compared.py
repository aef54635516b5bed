"""Tokens are compared in a time that does not tell how much of one was right."""

from __future__ import annotations

import hmac

import pytest

from outboard.kit.subscriptions.authentication import refusal
from outboard.resources.loader import Resources
from support.sidecars import Hops, ScriptedApp, call, sidecar_for

RIGHT, WRONG = "sesame-1", "sesame-2"


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, object]]:
    """What was given to the comparison of the standard library that takes always as long."""
    pairs: list[tuple[object, object]] = []
    digest = hmac.compare_digest

    def compare(one: bytes, other: bytes) -> bool:
        pairs.append((one, other))
        return digest(one, other)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    return pairs


@pytest.mark.parametrize(("given", "passes"), [(RIGHT, True), (WRONG, False), (RIGHT[:-1], False)])
def test_the_token_of_the_app(compared: list[tuple[object, object]], given: str, passes: bool) -> None:
    scope = {"path": "/orders", "headers": [(b"dapr-api-token", given.encode())]}

    assert (refusal(scope, RIGHT) is None) is passes
    assert compared == [(given.encode(), RIGHT.encode())]


@pytest.mark.anyio
@pytest.mark.parametrize(("given", "status"), [(RIGHT, 404), (WRONG, 401), (RIGHT[:-1], 401)])
async def test_the_token_of_the_sidecar(
    compared: list[tuple[object, object]], given: str, status: int
) -> None:
    sidecar = sidecar_for(ScriptedApp(), Resources(), Hops(), api_token=RIGHT)

    answer = await call(sidecar.api, "POST", "/v1.0/publish/none/orders", b"1", dapr_api_token=given)

    assert answer.status == status
    assert compared == [(given.encode(), RIGHT.encode())]
