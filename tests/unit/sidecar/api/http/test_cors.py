"""What web pages are told about calling the API."""

from __future__ import annotations

import pytest

from outboard.resources.loader import Resources
from support.sidecars import Answer, Hops, call, sidecar_for

pytestmark = pytest.mark.anyio

HEALTH = "/v1.0/healthz"


async def asked(origins: tuple[str, ...], method: str, path: str = HEALTH, **headers: str) -> Answer:
    sidecar = sidecar_for(None, Resources(), Hops(), allowed_origins=origins, api_token="sesame")
    async with sidecar.running() as running:
        return await call(running.api, method, path, **headers)


@pytest.mark.parametrize(
    ("origins", "origin", "allowed"),
    [
        (("*",), "http://a.test", "*"),
        (("http://a.test", "http://b.test"), "http://b.test", "http://b.test"),
        (("http://a.test",), "HTTP://A.test", "HTTP://A.test"),
        (("http://*.a.test",), "http://x.a.test", "http://x.a.test"),
        (("http://*.a.test",), "http://a.test", None),
        (("http://a.test",), "http://c.test", None),
    ],
)
async def test_origins(origins: tuple[str, ...], origin: str, allowed: str | None) -> None:
    answer = await asked(origins, "GET", origin=origin)
    assert answer.status == (204 if allowed else 403)
    assert answer.headers["vary"] == "Origin"
    assert answer.headers.get("access-control-allow-origin") == allowed


async def test_without_allowed_origins_nothing_is_said_about_them() -> None:
    for answer in (await asked((), "GET"), await asked((), "GET", origin="http://a.test")):
        assert not {"vary", "access-control-allow-origin"} & set(answer.headers)


async def test_a_preflight_needs_no_token() -> None:
    answer = await asked(
        ("http://a.test",), "OPTIONS", "/v1.0/state/s", origin="http://a.test",
        access_control_request_method="post", access_control_request_headers="content-type,x-y",
    )  # fmt: skip
    assert (answer.status, answer.body) == (200, b"")
    assert "content-type" not in answer.headers
    assert answer.headers["access-control-allow-origin"] == "http://a.test"
    assert answer.headers["access-control-allow-methods"] == "POST"
    assert answer.headers["access-control-allow-headers"] == "Content-Type, X-Y"


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://c.test", "access_control_request_method": "POST"},
        {"origin": "http://a.test", "access_control_request_method": "TRACE"},
        {"access_control_request_method": "POST"},
    ],
)
async def test_a_preflight_that_is_refused_is_told_nothing(headers: dict[str, str]) -> None:
    answer = await asked(("http://a.test",), "OPTIONS", **headers)
    assert answer.status == 200
    assert "access-control-allow-origin" not in answer.headers


async def test_options_that_ask_for_no_method_are_a_request_as_any_other() -> None:
    answer = await asked(("*",), "OPTIONS", origin="http://a.test", dapr_api_token="sesame")
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (404, "*")


async def test_a_refused_token_is_told_with_the_origin() -> None:
    answer = await asked(("*",), "GET", "/v1.0/metadata", origin="http://a.test")
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (401, "*")


async def test_a_request_line_that_cannot_be_is_told_before_anything_else() -> None:
    answer = await asked(("*",), "GET", "/v1.0/nope%zz", origin="http://a.test")
    assert (answer.status, answer.headers["connection"]) == (400, "close")
    assert "vary" not in answer.headers
