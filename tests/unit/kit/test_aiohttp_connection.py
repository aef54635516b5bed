"""The pooled client against a server of sockets: what a scripted exchange cannot show."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from outboard.kit.client.connection import connect
from outboard.kit.client.settings import Settings
from outboard.wire.http import ExchangeFailed, Request

pytestmark = pytest.mark.anyio

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nETag: 7\r\nContent-Length: 2\r\n\r\nok"


@asynccontextmanager
async def serving(serve: Serve) -> AsyncIterator[Settings]:
    async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(closing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        yield Settings(endpoint=f"http://127.0.0.1:{port}")


async def test_target_headers_and_body_go_out_unchanged() -> None:
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        seen.append(await reader.readexactly(4))
        writer.write(OK)
        await writer.drain()

    request = Request("POST", "/v1.0/state/s/%2E%2E%2Fa%2Bb?x=%C3%BC", {"x-token": "sesame"}, b"body")
    async with serving(serve) as settings, connect(settings) as exchange:
        response = await exchange(request, 5)
    assert (response.status, response.headers["etag"], response.body) == (200, "7", b"ok")
    assert seen[0].startswith(b"POST /v1.0/state/s/%2E%2E%2Fa%2Bb?x=%C3%BC HTTP/1.1\r\n")
    assert b"x-token: sesame\r\n" in seen[0]
    assert seen[1] == b"body"


async def test_nobody_listens() -> None:
    with socket.socket() as bound:  # bound, but not listening: the port stays ours, and refuses
        bound.bind(("127.0.0.1", 0))
        settings = Settings(endpoint=f"http://127.0.0.1:{bound.getsockname()[1]}")
        async with connect(settings) as exchange:
            with pytest.raises(ExchangeFailed) as caught:
                await exchange(Request("GET", "/"), 5)
    assert caught.value.sent is False
    assert caught.value.reason.startswith("no connection: ")


async def test_no_answer_in_time() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(serve) as settings, connect(settings) as exchange:
        with pytest.raises(ExchangeFailed) as caught:
            await exchange(Request("GET", "/"), 0.05)
    assert (caught.value.sent, caught.value.dropped) == (True, False)
    assert caught.value.reason == "the time was up"


async def test_a_connection_that_breaks_under_its_first_request_may_have_delivered_it() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async with serving(serve) as settings, connect(settings) as exchange:
        with pytest.raises(ExchangeFailed) as caught:
            await exchange(Request("POST", "/"), 5)
    assert (caught.value.sent, caught.value.dropped) == (True, False)


async def test_a_kept_connection_that_is_closed_under_the_next_request_is_told_apart() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await writer.drain()
        await reader.readuntil(b"\r\n\r\n")  # the second request finds the door closing

    async with serving(serve) as settings, connect(settings) as exchange:
        await exchange(Request("POST", "/"), 5)
        with pytest.raises(ExchangeFailed) as caught:
            await exchange(Request("POST", "/"), 5)
    assert caught.value.dropped


async def test_proxies_stay_out_of_the_way_of_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await writer.drain()

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 502 Proxy\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with serving(proxy) as proxied, serving(serve) as settings:
        monkeypatch.setenv("HTTP_PROXY", proxied.endpoint)
        monkeypatch.setenv("http_proxy", proxied.endpoint)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        async with connect(settings) as exchange:
            assert (await exchange(Request("GET", "/"), 5)).status == 200
        async with connect(Settings(endpoint="http://sidecar.invalid:3500")) as exchange:
            assert (await exchange(Request("GET", "/"), 5)).status == 502
