from __future__ import annotations

import asyncio
from typing import Any

import pytest

from outboard.sidecar.channel.health import AppHealth
from outboard.sidecar.channel.http import HttpChannel
from outboard.sidecar.events.received import Incoming
from outboard.wire.dapr import DeliveryStatus
from outboard.wire.delivery import forwarded
from outboard.wire.http import ExchangeFailed, Request, Response
from support.sidecars import ScriptedApp

pytestmark = pytest.mark.anyio


def incoming(path: str = "/t", **event: Any) -> Incoming:
    return Incoming(event, b"{}", path)


def test_broker_metadata_becomes_headers() -> None:
    metadata = {
        "__key": "k", "TtlInSeconds": "5", "content-type": "x", "Content-Length": "9", "trace-bin": "b",
        "grpc-timeout": "1", "Connection": "close", "host": "evil", "traceparent": "t",
    }  # fmt: skip
    assert forwarded(metadata) == {
        "__key": "k", "ttlinseconds": "5", "dapr-grpc-timeout": "1", "traceparent": "t",
    }  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["authorization", "Cookie", "X-User-Id", "x-forwarded-for", "X-Auth-Request-Email", "origin",
     "Sec-Fetch-Site", "dapr-api-token", "dapr-caller-app-id", "x-real-ip", "X-Api-Key", "x-original-url"],
)  # fmt: skip
def test_metadata_does_not_speak_for_others(name: str) -> None:
    assert forwarded({name: "forged", "x-correlation-id": "7"}) == {"x-correlation-id": "7"}


async def test_the_token_of_the_app_cannot_be_set_by_metadata() -> None:
    app = ScriptedApp()
    channel = HttpChannel(app, "api", token="right")
    await channel.deliver(incoming(), {"dapr-api-token": "forged"})
    assert app.requests[0].headers["dapr-api-token"] == "right"


@pytest.mark.parametrize("metadata", [{"x": "a\r\nb"}, {"x": "\0"}, {"a b": "x"}, {"": "x"}])
async def test_what_is_no_header_fails_the_delivery_without_a_request(metadata: dict[str, str]) -> None:
    app = ScriptedApp()
    answer = await HttpChannel(app, "api").deliver(incoming(), metadata)
    assert answer.outcome is DeliveryStatus.RETRY
    assert not app.requests


@pytest.mark.parametrize(
    ("path", "target"),
    [("t", "/t"), ("/a//b/", "/a/b"), ("/a/../../b", "/b"), ("", "/"), ("//evil", "/evil"),
     ("/a b", "/a%20b"),     ("/a?b=c d", "/a?b=c%20d"), ("/ä", "/%C3%A4"), ("/a%2Fb", "/a%2Fb")],
)  # fmt: skip
async def test_the_path_is_cleaned(path: str, target: str) -> None:
    app = ScriptedApp()
    await HttpChannel(app, "api").deliver(incoming(path), {})
    assert app.requests[0].target == target


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("/a%zz", 'invalid URL escape "%zz"'),
        ("/a%2", 'invalid URL escape "%2"'),
        ("/a\x07", "invalid control character in URL"),
        ("/a?b=\x7f", "invalid control character in URL"),
    ],
)
async def test_what_is_no_url_is_not_called(path: str, problem: str) -> None:
    app = ScriptedApp()
    channel = HttpChannel(app, "api")
    answer = await channel.deliver(incoming(path), {})
    assert answer.outcome is DeliveryStatus.RETRY
    assert problem in answer.detail
    assert problem in await channel.probe(path, 1)
    assert not app.requests


@pytest.mark.parametrize(
    ("event", "traceparent"),
    [
        ({}, None),
        ({"traceparent": ""}, f"00-{'0' * 32}-{'0' * 16}-00"),
        ({"traceid": "00-" + "a" * 32 + "-" + "b" * 16 + "-01"}, "00-" + "a" * 32 + "-" + "b" * 16 + "-01"),
        ({"traceparent": 5}, None),
    ],
)
async def test_trace_context_of_the_event(event: dict[str, Any], traceparent: str | None) -> None:
    app = ScriptedApp()
    await HttpChannel(app, "api").deliver(incoming(**event), {})
    assert app.requests[0].headers.get("traceparent") == traceparent


async def test_an_app_that_is_away_or_unwell_is_a_retry() -> None:
    app = ScriptedApp()
    app.answer("/t", ExchangeFailed("connection refused", sent=False))
    answer = await HttpChannel(app, "api").deliver(incoming(), {})
    assert (answer.outcome, answer.detail) == (DeliveryStatus.RETRY, "connection refused")
    answer = await HttpChannel(app, "api", health=AppHealth(healthy=False)).deliver(incoming(), {})
    assert (answer.outcome, answer.detail) == (DeliveryStatus.RETRY, "app is not in a healthy state")


async def test_at_most_so_many_calls_at_a_time() -> None:
    now, most = 0, 0

    async def slow(request: Request, timeout: float | None) -> Response:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1
        return Response(200)

    channel = HttpChannel(slow, "api", slots=asyncio.Semaphore(2))
    await asyncio.gather(*(channel.deliver(incoming(), {}) for _ in range(6)))
    assert most == 2


async def test_a_probe_says_why_an_app_is_not_well() -> None:
    app = ScriptedApp()
    app.answer("/healthz", Response(200), Response(503), ExchangeFailed("refused"))
    channel = HttpChannel(app, "api", token="t")
    assert [await channel.probe("/healthz", 1.0) for _ in range(3)] == [
        "",
        "Health check failed with status code: 503",
        "Network error: refused",
    ]
    assert "dapr-api-token" not in app.requests[0].headers
