"""Tokens, health, secrets, and what happens when a handler itself is broken."""

from __future__ import annotations

import pytest

from outboard.errors import ResourceError
from outboard.resources.loader import Resources
from outboard.resources.subscription import DeclaredSubscription
from outboard.sidecar.components.memory.state import InMemoryState
from outboard.wire.subscriptions import Rule, Subscription
from support.sidecars import Hops, ScriptedApp, call, component, sidecar_for

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("token", [None, "", "wrong", "sesam", "sesame ", "s\u00e9same"])
async def test_a_wrong_token_is_refused_everywhere_but_at_health(token: str | None) -> None:
    async with sidecar_for(None, Resources(), Hops(), api_token="sesame").running() as sidecar:
        headers = {} if token is None else {"dapr_api_token": token}
        answer = await call(sidecar.api, "GET", "/v1.0/metadata", **headers)
        assert (answer.status, answer.body) == (401, b"invalid api token\n")
        assert (await call(sidecar.api, "GET", "/nowhere", **headers)).status == 401
        assert (await call(sidecar.api, "GET", "/v1.0/healthz")).status == 204
        assert (await call(sidecar.api, "GET", "/v1.0/metadata", dapr_api_token="sesame")).status == 200


async def test_health_before_and_after_the_start() -> None:
    sidecar = sidecar_for(None, Resources(), Hops())
    before = await call(sidecar.api, "GET", "/v1.0/healthz")
    assert before.json == {"errorCode": "ERR_HEALTH_NOT_READY", "message": "dapr is not ready: [runtime]"}
    outbound = await call(sidecar.api, "GET", "/v1.0/healthz/outbound")
    assert outbound.json["errorCode"] == "ERR_OUTBOUND_HEALTH_NOT_READY"
    async with sidecar.running():
        assert (await call(sidecar.api, "GET", "/v1.0/healthz?appid=api")).status == 204
        assert (await call(sidecar.api, "GET", "/v1.0/healthz/outbound")).status == 204
        other = await call(sidecar.api, "GET", "/v1.0/healthz?appid=other")
        assert (other.status, other.json["errorCode"]) == (500, "ERR_HEALTH_APPID_NOT_MATCH")


async def test_secrets(tmp_path: object) -> None:
    resources = Resources((component("env", "secretstores.local.env"),))
    async with sidecar_for(None, resources, Hops()).running() as sidecar:
        assert (await call(sidecar.api, "GET", "/v1.0/secrets/env/NOT_SET")).json == {"NOT_SET": ""}
        answer = await call(sidecar.api, "GET", "/v1.0/secrets/nope/k")
        assert (answer.status, answer.json) == (
            401,
            {
                "errorCode": "ERR_SECRET_STORE_NOT_FOUND",
                "message": "failed finding secret store with key nope",
            },
        )


async def test_an_unexpected_error_is_told_and_logged_and_the_sidecar_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(InMemoryState, "get", broken)
    async with sidecar_for(
        None, Resources((component("st", "state.in-memory"),)), Hops()
    ).running() as sidecar:
        answer = await call(sidecar.api, "GET", "/v1.0/state/st/k")
        assert (answer.status, answer.json["errorCode"]) == (500, "ERR_INTERNAL")
        assert (await call(sidecar.api, "GET", "/v1.0/healthz")).status == 204
    assert "a defect" in caplog.text


async def test_a_rule_that_is_no_expression_stops_the_start_with_file_and_line() -> None:
    component_path = component("x", "y").path
    subscription = Subscription("ps", "t", (Rule("/", "event.type =="),))
    declared = DeclaredSubscription("s", subscription, (), component_path, 7)
    with pytest.raises(ResourceError) as caught:
        async with sidecar_for(ScriptedApp(), Resources(subscriptions=(declared,)), Hops()).running():
            pass
    assert str(caught.value).startswith("components.yaml:7: `match: event.type ==` is not a CEL expression")
