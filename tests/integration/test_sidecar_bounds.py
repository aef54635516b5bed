"""What a sidecar keeps of a request, and for how long, before it knows who calls."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from outboard.resources.loader import Resources
from outboard.sidecar.api.http import protocol
from outboard.sidecar.logs import install
from outboard.sidecar.runtime.options import Options
from outboard.sidecar.runtime.sidecar import Sidecar

pytestmark = pytest.mark.anyio

START = b"GET /v1.0/healthz HTTP/1.1\r\nhost: localhost\r\n"
MUCH = 64 * 1024 * 1024
KEPT = 1024 * 1024
"""More than a head may have, and what is in the buffers of two sockets."""
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def served(**options: Any) -> AsyncIterator[Sidecar]:
    sidecar = Sidecar(Options("api", http_port=0, grpc_port=0, **options), Resources())
    serving = asyncio.create_task(sidecar.serve())
    ready = asyncio.create_task(sidecar.ready())
    await asyncio.wait((serving, ready), return_when=asyncio.FIRST_COMPLETED)
    try:
        yield sidecar
    finally:
        sidecar.stop()
        ready.cancel()
        assert await serving == 0


@asynccontextmanager
async def connected(sidecar: Sidecar) -> AsyncIterator[Streams]:
    reader, writer = await asyncio.open_connection("127.0.0.1", sidecar.http_port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def sent(streams: Streams, begin: bytes, piece: bytes) -> tuple[int, bytes]:
    """Send `begin`, then `piece` again and again: how many bytes were taken, and what was answered."""
    reader, writer = streams
    writer.write(begin)
    taken = 0
    with suppress(ConnectionError):
        while taken < MUCH and not reader.at_eof():
            writer.write(piece)
            await writer.drain()
            taken += len(piece)
    with suppress(ConnectionError):
        return taken, await reader.read()
    return taken, b""


@pytest.mark.parametrize(
    "begin",
    [
        b"GET /",
        b"GET /v1.0/healthz HTTP/1.1\r\nx",
        START + b"x: ",
        b"GET /v1.0/healthz HTTP/1.1\r\nx: y\r\nhost",
    ],
    ids=["target", "name", "value", "second name"],
)
async def test_a_head_without_end_is_cut_off(begin: bytes) -> None:
    async with served() as sidecar, connected(sidecar) as streams:
        taken, answer = await sent(streams, begin, b"a" * 4096)
        assert taken < MUCH
        assert answer in {b"", protocol.TOO_LARGE}


async def test_a_head_of_headers_without_end_is_cut_off() -> None:
    async with served(max_head_bytes=100_000) as sidecar, connected(sidecar) as streams:
        taken, _ = await sent(streams, START, b"x: y\r\n" * 1000)
        assert taken < MUCH


async def test_trailers_without_end_are_cut_off() -> None:
    begin = START.replace(b"GET /v1.0/healthz", b"POST /v1.0/publish/a/b")
    begin += b"transfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
    async with served() as sidecar, connected(sidecar) as streams:
        taken, _ = await sent(streams, begin, b"x: y\r\n" * 1000)
        assert taken < MUCH


async def test_a_large_body_in_many_pieces_is_no_head() -> None:
    begin = START.replace(b"GET /v1.0/healthz", b"POST /v1.0/publish/a/b") + b"content-length: 500000\r\n\r\n"
    async with served() as sidecar, connected(sidecar) as (reader, writer):
        writer.write(begin)
        for _ in range(50):
            writer.write(b"a" * 10_000)
            await writer.drain()
        assert (await reader.readline()).startswith(b"HTTP/1.1 404")


@pytest.mark.parametrize("begin", [b"", b"GET /", START, START + b"\r\n" + START], ids=range(4))
async def test_a_head_that_does_not_come_is_waited_for_no_longer(
    monkeypatch: pytest.MonkeyPatch, begin: bytes
) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.05)
    async with served() as sidecar, connected(sidecar) as (reader, writer):
        writer.write(begin)
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 204") is (b"\r\n\r\n" in begin)


async def test_a_head_in_pieces_is_answered() -> None:
    async with served() as sidecar, connected(sidecar) as (reader, writer):
        for piece in (START[:10], START[10:], b"\r", b"\n"):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        assert (await reader.readline()) == b"HTTP/1.1 204 No Content\r\n"


async def test_what_the_server_says_is_a_line_of_the_log() -> None:
    stream = io.StringIO()
    with install(stream, as_json=True):
        async with served() as sidecar, connected(sidecar) as (reader, writer):
            writer.write(b"\x00\xff\r\n\r\n")
            assert (await reader.readline()).startswith(b"HTTP/1.1 400")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    (said,) = [line for line in lines if "Invalid HTTP request" in line["msg"]]
    assert (said["app_id"], said["level"], said["scope"]) == ("api", "warning", "dapr.runtime.http")
