"""What pages of somebody else get when they let a browser call the API, and who else may call."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from outboard.resources.loader import Resources
from outboard.sidecar.api.http.cross_origin import is_loopback
from support.sidecars import Answer, Hops, call, component, sidecar_for

pytestmark = pytest.mark.anyio

EVIL = "https://evil.example"
RESOURCES = Resources((component("ps", "pubsub.in-memory"), component("st", "state.in-memory")))
ATTACKS = [
    ("POST", "/v1.0/publish/ps/t"),
    ("POST", "/v1.0/state/st"),
    ("POST", "/v1.0/shutdown"),
    ("PUT", "/v1.0/metadata/k"),
    ("GET", "/v1.0/secrets/any/k"),
    ("GET", "/v1.0/healthz"),
]


async def asked(
    method: str,
    path: str,
    headers: Mapping[str, str],
    *,
    origins: tuple[str, ...] = (),
    listen: tuple[str, ...] = ("127.0.0.1", "::1"),
    token: str = "",
) -> Answer:
    sidecar = sidecar_for(
        None, RESOURCES, Hops(), allowed_origins=origins, listen_addresses=listen, api_token=token,
        api_token_optional=True,
    )  # fmt: skip
    async with sidecar.running() as running:
        return await call(running.api, method, path, b"[]", **headers)


@pytest.mark.parametrize(("method", "path"), ATTACKS)
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": EVIL, "content_type": "text/plain"},
        {"origin": "null"},
        {"origin": "http://localhost:3000", "host": "localhost:3500"},
        {"origin": "http://evil.example:3500", "host": "evil.example:3500"},
        {"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors"},
        {"sec_fetch_site": "same-site", "sec_fetch_mode": "no-cors"},
    ],
)
async def test_a_page_of_another_origin_is_refused_everywhere(
    method: str, path: str, headers: dict[str, str]
) -> None:
    answer = await asked(method, path, headers)
    assert answer.status == 403
    assert answer.json["errorCode"] in {"ERR_ORIGIN_NOT_ALLOWED", "ERR_HOST_NOT_ALLOWED"}
    assert "--allowed-origins" in answer.json["message"]


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:3500", "localhost.evil.example", "a:b:c", " "]
)
async def test_a_foreign_host_is_refused_on_loopback(host: str) -> None:
    answer = await asked("GET", "/v1.0/metadata", {"host": host})
    assert (answer.status, answer.json["errorCode"]) == (403, "ERR_HOST_NOT_ALLOWED")


@pytest.mark.parametrize(
    "host",
    ["", "localhost", "localhost:3500", "LOCALHOST:1", "localhost.:3500", "app.localhost", "127.0.0.1:3500",
     "[::1]:3500", "[::1]", "0.0.0.0:3500", "192.0.2.7:3500", "host.docker.internal:3500"],
)  # fmt: skip
async def test_names_and_addresses_of_this_machine_may_be_used(host: str) -> None:
    assert (await asked("GET", "/v1.0/metadata", {"host": host})).status == 200


@pytest.mark.parametrize("listen", [("0.0.0.0",), ("::",), ("127.0.0.1", "10.0.0.1"), ("sidecar",)])
async def test_beyond_loopback_any_host_may_be_used_and_still_no_origin(listen: tuple[str, ...]) -> None:
    assert (await asked("GET", "/v1.0/metadata", {"host": "api.example"}, listen=listen)).status == 200
    rebound = await asked(
        "GET", "/v1.0/metadata", {"host": "evil.example", "origin": "http://evil.example"}, listen=listen
    )
    assert rebound.status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"user_agent": "python-httpx/1.0", "host": "localhost:3500"},
        {"origin": "http://localhost:3500", "host": "localhost:3500"},
        {"sec_fetch_site": "same-origin", "host": "localhost:3500"},
        {"sec_fetch_site": "none", "sec_fetch_mode": "navigate"},
        {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"},
    ],
)
async def test_whoever_is_no_page_of_another_origin_may_call(headers: dict[str, str]) -> None:
    assert (await asked("GET", "/v1.0/metadata", headers)).status == 200


async def test_a_form_that_is_sent_is_no_followed_link() -> None:
    sent = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    assert (await asked("POST", "/v1.0/shutdown", sent)).status == 403


@pytest.mark.parametrize("path", ["/v1.0/metadata", "/v1.0/shutdown", "/v1.0/publish/ps/t"])
async def test_a_page_that_asks_first_gets_no_leave(path: str) -> None:
    headers = {"origin": EVIL, "sec_fetch_site": "cross-site", "access_control_request_method": "POST"}
    answer = await asked("OPTIONS", path, headers)
    assert answer.status in {404, 405}  # as daprd; nothing is done
    assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_an_allowed_page_may_call_also_by_its_own_host() -> None:
    page = ("http://page.example",)
    for headers in (
        {"origin": page[0]},
        {"origin": page[0], "host": "page.example"},
        {"host": "page.example"},
    ):
        assert (await asked("GET", "/v1.0/metadata", headers, origins=page)).status == 200
    assert (await asked("GET", "/v1.0/metadata", {"host": "page.example:81"}, origins=page)).status == 403
    assert (
        await asked("GET", "/v1.0/metadata", {"host": "any.example", "origin": EVIL}, origins=("*",))
    ).status == 200
    assert (
        await asked("GET", "/v1.0/metadata", {"sec_fetch_site": "cross-site"}, origins=("*",))
    ).status == 200


async def test_the_public_port_and_the_metrics_are_guarded_too() -> None:
    sidecar = sidecar_for(None, RESOURCES, Hops())
    async with sidecar.running():
        assert (await call(sidecar.public_api, "PUT", "/v1.0/metadata/k", b"v", origin=EVIL)).status == 403
        assert (await call(sidecar.public_api, "GET", "/v1.0/metadata", host="evil.example")).status == 403
        assert (await call(sidecar.public_api, "GET", "/v1.0/metadata", host="127.0.0.1")).status == 200


async def test_what_was_refused_is_told(caplog: pytest.LogCaptureFixture) -> None:
    await asked("POST", "/v1.0/publish/ps/t", {"origin": EVIL + "x" * 500})
    (record,) = [record for record in caplog.records if "was refused" in record.message]
    assert record.levelname == "WARNING"
    assert EVIL in record.message
    assert len(record.message) < 400


async def test_an_optional_token_is_asked_of_browsers_alone() -> None:
    own = {"host": "localhost:3500"}
    assert (await asked("GET", "/v1.0/metadata", {}, token="sesame")).status == 200
    assert (await asked("GET", "/v1.0/metadata", {"dapr_api_token": "sesame"}, token="sesame")).status == 200
    assert (await asked("GET", "/v1.0/metadata", {"dapr_api_token": "wrong"}, token="sesame")).status == 401
    assert (await asked("GET", "/v1.0/metadata", {"dapr_api_token": ""}, token="sesame")).status == 401
    assert (await asked("GET", "/v1.0/metadata", {"sec_fetch_site": "none"}, token="sesame")).status == 401
    from_page = await asked(
        "GET", "/v1.0/metadata", {**own, "origin": "http://localhost:3500"}, token="sesame"
    )
    assert from_page.status == 401


@pytest.mark.parametrize(
    ("addresses", "loopback"),
    [
        (("127.0.0.1", "::1"), True), (("127.9.9.9",), True), (("[::1]",), True), (("localhost",), True),
        (("0.0.0.0",), False), (("127.0.0.1", "::"), False), (("box",), False),
    ],
)  # fmt: skip
def test_addresses_for_this_machine_alone(addresses: tuple[str, ...], loopback: bool) -> None:
    assert is_loopback(addresses) is loopback
