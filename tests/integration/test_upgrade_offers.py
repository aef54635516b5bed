"""A request whose client offers a protocol that is not spoken is answered as any other, with its body.

That is a web socket, and HTTP/2 where its library is not installed; test_http2_api.py has the rest.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated

from outboard.resources.loader import Resources
from outboard.sidecar.api.http import protocol, server
from outboard.sidecar.runtime.options import Options
from outboard.sidecar.runtime.sidecar import Sidecar

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def without_h2(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (server, protocol):
        monkeypatch.setattr(module, "is_h2_installed", lambda: False)


OFFER = "connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n"
WEB_SOCKET = (
    "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-key: eA==\r\nsec-websocket-version: 13\r\n"
)


def request(method: str, path: str, more: str = "", body: str = "") -> bytes:
    return f"{method} /v1.0/{path} HTTP/1.1\r\nhost: localhost\r\n{more}\r\n{body}".encode()


LAST = request("GET", "metadata", "connection: close\r\n")


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """To a sidecar with nothing but its API."""
    sidecar = Sidecar(Options("api", http_port=0, grpc_port=0), Resources())
    serving = asyncio.create_task(sidecar.serve())
    await sidecar.ready()
    reader, writer = await asyncio.open_connection("127.0.0.1", sidecar.http_port)
    try:
        yield reader, writer
    finally:
        writer.close()
        sidecar.stop()
        assert await serving == 0


async def told_after(*pieces: bytes) -> tuple[list[bytes], dict[str, str]]:
    """The statuses of all answers, and the sidecar's metadata, which are the last one."""
    async with asyncio.timeout(30), connected() as (reader, writer):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        answered = await reader.read()
    statuses = [part[1:4] for part in answered.split(b"HTTP/1.1")[1:]]
    return statuses, json.loads(answered[answered.index(b"{") :])["extended"]


BODIES = {
    "with a length": ("content-length: 5\r\n", "value"),
    "in chunks": ("transfer-encoding: chunked\r\n", "2\r\nva\r\n3\r\nlue\r\n0\r\n\r\n"),
}


@pytest.mark.parametrize("offer", [OFFER, WEB_SOCKET], ids=["h2c", "websocket"])
@pytest.mark.parametrize("name", BODIES)
async def test_a_body_is_read(name: str, offer: str) -> None:
    framing, body = BODIES[name]
    statuses, extended = await told_after(request("PUT", "metadata/key", offer + framing, body) + LAST)
    assert (statuses, extended["key"]) == ([b"204", b"200"], "value")


@pytest.mark.parametrize("name", BODIES)
async def test_a_body_is_read_in_pieces(name: str) -> None:
    framing, body = BODIES[name]
    whole = request("PUT", "metadata/key", OFFER + framing, body)
    statuses, extended = await told_after(*(whole[at : at + 1] for at in range(len(whole))), LAST)
    assert (statuses, extended["key"]) == ([b"204", b"200"], "value")


@pytest.mark.parametrize("length", ["", "content-length: 0\r\n", "content-length: 00\r\n"])
async def test_no_body_is_waited_for_where_there_is_none(length: str) -> None:
    statuses, _ = await told_after(request("GET", "healthz", OFFER + length) + LAST)
    assert statuses == [b"204", b"200"]


async def test_each_request_of_a_connection_can_offer() -> None:
    framing, body = BODIES["with a length"]
    many = [request("PUT", f"metadata/key{number}", OFFER + framing, body) for number in range(3)]
    statuses, extended = await told_after(b"".join(many) + LAST)
    assert statuses == [b"204", b"204", b"204", b"200"]
    assert [extended[f"key{number}"] for number in range(3)] == ["value"] * 3


async def test_a_client_that_speaks_http2_at_once_is_told_what_is_spoken(
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = H2Connection(H2Configuration(client_side=True))
    client.initiate_connection()
    client.send_headers(
        1,
        [(":method", "GET"), (":path", "/v1.0/healthz"), (":scheme", "http"), (":authority", "localhost")],
        end_stream=True,
    )
    async with asyncio.timeout(30), connected() as (reader, writer):
        writer.write(client.data_to_send())
        events = client.receive_data(await reader.read())
    (ended,) = [event for event in events if isinstance(event, ConnectionTerminated)]
    assert (ended.error_code, ended.last_stream_id) == (ErrorCodes.HTTP_1_1_REQUIRED, 0)
    assert ended.additional_data == b"HTTP/1.1 is spoken on this port"
    assert "pip install 'outboard[h2c]'" in caplog.text


async def test_so_is_one_whose_beginning_comes_in_pieces_in_words_of_http1() -> None:
    async with asyncio.timeout(30), connected() as (reader, writer):
        for piece in (b"PRI * HT", b"TP/2.0\r\n\r\nSM\r\n\r\n"):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)
        assert (await reader.read()).startswith(b"HTTP/1.1 400")
