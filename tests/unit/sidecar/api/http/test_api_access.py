"""Which routes there are: API allow and deny lists, the public port, and what no route takes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from outboard.resources.configuration import ApiAccess, ApiLogging, Configuration, SecretScope
from outboard.resources.loader import Resources
from outboard.sidecar.api.http.access import is_allowed
from outboard.sidecar.logs import handled_by
from outboard.sidecar.runtime.options import Options
from outboard.sidecar.runtime.sidecar import Sidecar
from support.sidecars import Answer, AutojumpClock, call, component

RESOURCES = Resources((component("env", "secretstores.local.env"), component("mem", "state.in-memory")))
DIRECT_INVOKE = "ERR_DIRECT_INVOKE"


@pytest.mark.parametrize(
    ("allowed", "denied", "path", "there"),
    [
        ([], [], "/v1.0/state/{store}", True),
        ([], ["v1/state"], "/v1.0/state/{store}", False),
        ([], ["v1/state"], "/v1.0-alpha1/state/{store}/query", True),
        ([], ["v1alpha1/state"], "/v1.0-alpha1/state/{store}/query", False),
        ([], ["v1.0/state"], "/v1.0/state/{store}/bulk", False),
        ([], ["v1.0/pub"], "/v1.0/publish/{pubsub}/{topic*}", False),
        (["v1/publish"], [], "/v1.0/publish/{pubsub}/{topic*}", True),
        (["v1/publish"], [], "/v1.0/state/{store}", False),
        (["v1/publish"], ["v1/publish"], "/v1.0/publish/{pubsub}/{topic*}", False),
    ],
)
def test_rules(allowed: list[str], denied: list[str], path: str, there: bool) -> None:
    assert is_allowed(path, ApiAccess(frozenset(allowed), frozenset(denied))) is there


def sidecar(configuration: Configuration, **options: Any) -> Sidecar:
    return Sidecar(
        Options("api", **options), RESOURCES, configuration=configuration, clock=AutojumpClock(),
        environment={"SECRET": "s", "OTHER": "o"},
    )  # fmt: skip


class Told(logging.Handler):
    """The calls that are logged."""

    def __init__(self) -> None:
        super().__init__()
        self.methods: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage() == "HTTP API Called":
            self.methods.append(record.__dict__["dapr"]["method"])


@pytest.fixture
def told() -> Iterator[Told]:
    handler = Told()
    with handled_by(handler):
        yield handler


def denying(*rules: str) -> Configuration:
    return Configuration(ApiAccess(denied=frozenset(rules)))


@pytest.mark.anyio
async def test_a_denied_route_is_not_there_and_health_always_is() -> None:
    async with sidecar(denying("v1/state", "v1/healthz")).running() as running:
        missing = await call(running.api, "GET", "/v1.0/state/mem/k")
        health = await call(running.api, "GET", "/v1.0/healthz")
    assert (missing.status, missing.json["errorCode"]) == (404, DIRECT_INVOKE)
    assert health.status == 204


@pytest.mark.anyio
async def test_without_service_invocation_what_no_route_takes_is_not_found() -> None:
    async with sidecar(denying("v1/invoke")).running() as running:
        nowhere = await call(running.api, "GET", "/nowhere", dapr_app_id="other")
        wrong_method = await call(running.api, "GET", "/v1.0/state/mem")
    assert (nowhere.status, nowhere.body) == (404, b"404 page not found\n")
    assert nowhere.headers["content-type"] == "text/plain; charset=utf-8"
    assert (wrong_method.status, wrong_method.headers["allow"], wrong_method.body) == (405, "POST, PUT", b"")
    assert "content-type" not in wrong_method.headers


@pytest.mark.anyio
async def test_the_public_port_tells_metadata_and_health_without_a_token() -> None:
    async with sidecar(Configuration(), api_token="sesame").running() as running:
        public = running.public_api
        answers = [
            (await call(public, "GET", "/v1.0/metadata")).status,
            (await call(public, "GET", "/v1.0/healthz/outbound")).status,
            (await call(public, "GET", "/v1.0/state/mem/k")).status,
            (await call(public, "POST", "/v1.0/metadata")).status,
            (await call(running.api, "GET", "/v1.0/metadata")).status,
        ]
    assert answers == [200, 204, 404, 405, 401]


@pytest.mark.anyio
async def test_secrets_that_a_scope_denies() -> None:
    scopes = (SecretScope("env", denied=frozenset({"SECRET"})),)
    async with sidecar(Configuration(secret_scopes=scopes)).running() as running:
        denied = await call(running.api, "GET", "/v1.0/secrets/env/SECRET")
        allowed = await call(running.api, "GET", "/v1.0/secrets/env/OTHER")
        every = await call(running.api, "GET", "/v1.0/secrets/env/bulk")
    assert (denied.status, denied.json) == (
        403,
        {
            "errorCode": "ERR_PERMISSION_DENIED",
            "message": 'access denied by policy to get "SECRET" from "env"',
        },
    )
    assert allowed.json == {"OTHER": "o"}
    assert every.json == {"OTHER": {"OTHER": "o"}}


@pytest.mark.anyio
async def test_a_component_of_a_denied_type_is_left_out() -> None:
    configuration = Configuration(denied_components=frozenset({"state.in-memory"}))
    async with sidecar(configuration).running() as running:
        answer = await call(running.api, "GET", "/v1.0/metadata")
    assert [each["name"] for each in answer.json["components"]] == ["env"]


@pytest.mark.anyio
async def test_metadata_tells_the_features_that_are_on() -> None:
    async with sidecar(Configuration(features=("A", "B"))).running() as running:
        some = await call(running.api, "GET", "/v1.0/metadata")
    async with sidecar(Configuration(features=())).running() as running:
        none = await call(running.api, "GET", "/v1.0/metadata")
    assert some.json["enabledFeatures"] == ["A", "B"]
    assert "enabledFeatures" not in none.json


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("wanted", "flag", "methods"),
    [
        (ApiLogging(), None, []),
        (ApiLogging(), True, ["GET /v1.0/healthz", "GET /v1.0/state/mem/k"]),
        (ApiLogging(enabled=True), False, []),
        (ApiLogging(enabled=True, omit_health_checks=True), None, ["GET /v1.0/state/mem/k"]),
        (ApiLogging(enabled=True, obfuscate_urls=True), None, ["Healthz", "GetState"]),
    ],
)
async def test_calls_are_logged_as_the_flag_or_the_configuration_says(
    wanted: ApiLogging, flag: bool | None, methods: list[str], told: Told
) -> None:
    async with sidecar(Configuration(api_logging=wanted), api_logging=flag).running() as running:
        await call(running.api, "GET", "/v1.0/healthz")
        await call(running.api, "GET", "/v1.0/state/mem/k")
    assert told.methods == methods


@pytest.mark.anyio
async def test_a_head_that_is_too_large() -> None:
    async with sidecar(Configuration(), max_head_bytes=100).running() as running:
        fits: Answer = await call(running.api, "GET", "/v1.0/healthz", x="a" * 4000)
        not_: Answer = await call(running.api, "GET", "/v1.0/healthz", x="a" * 5000)
    assert fits.status == 204
    assert (not_.status, not_.body) == (431, b"431 Request Header Fields Too Large")
