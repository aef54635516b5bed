"""Connections that are spliced to a server behind: everything passes, and each end hears of the other's."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from outboard.sidecar.runtime.splicing import splicing

pytestmark = pytest.mark.anyio
BIG = bytes(range(256)) * 16_384
PATIENCE = 10


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Everything, once the other side has ended."""
    writer.write(await reader.read())
    await writer.drain()
    writer.close()


@asynccontextmanager
async def spliced(
    handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], object],
    ready: asyncio.Event | None = None,
) -> AsyncIterator[tuple[str, int]]:
    """Where to connect to get to `handle`, once `ready` is set."""
    server = await asyncio.start_server(handle, "127.0.0.1", 0)  # type: ignore[arg-type]
    host, port = server.sockets[0].getsockname()

    async def connect(protocol: Callable[[], asyncio.Protocol]) -> None:
        if ready is not None:
            await ready.wait()
        await asyncio.get_running_loop().create_connection(protocol, host, port)

    with socket.create_server(("127.0.0.1", 0)) as front:
        front.setblocking(False)
        async with asyncio.timeout(PATIENCE), splicing([front], connect):
            yield front.getsockname()
    server.close()


async def test_all_that_is_sent_passes_both_ways() -> None:
    async with spliced(echo) as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(BIG)
        writer.write_eof()
        assert await reader.read() == BIG
        writer.close()


async def test_what_is_sent_before_the_server_is_there_is_not_lost() -> None:
    ready = asyncio.Event()
    async with spliced(echo, ready) as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"early")
        writer.write_eof()
        await asyncio.sleep(0)
        ready.set()
        assert await reader.read() == b"early"
        writer.close()


async def test_a_server_that_speaks_first_is_heard() -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        await reader.read()
        writer.close()

    async with spliced(greet) as address:
        reader, writer = await asyncio.open_connection(*address)
        assert await reader.readexactly(5) == b"hello"
        writer.close()


async def test_a_server_that_ends_ends_the_connection() -> None:
    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with spliced(leave) as address:
        reader, writer = await asyncio.open_connection(*address)
        assert await reader.read() == b""
        writer.close()


async def test_a_client_that_leaves_is_told_to_the_server() -> None:
    left = asyncio.Event()

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        left.set()

    async with spliced(wait) as address:
        _, writer = await asyncio.open_connection(*address)
        writer.write(b"x")
        writer.close()
        await left.wait()


async def test_one_that_cannot_be_passed_on_is_closed() -> None:
    async def refuse(protocol: Callable[[], asyncio.Protocol]) -> None:
        raise ConnectionRefusedError

    with socket.create_server(("127.0.0.1", 0)) as front:
        front.setblocking(False)
        async with asyncio.timeout(PATIENCE), splicing([front], refuse):
            reader, writer = await asyncio.open_connection(*front.getsockname())
            assert await reader.read() == b""
            writer.close()


async def test_a_server_that_does_not_read_stops_the_client() -> None:
    """Its bytes are not gathered here without end."""
    reading = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reading.wait()
        await echo(reader, writer)

    async with spliced(slow) as address:
        reader, writer = await asyncio.open_connection(*address)
        everything = BIG * 8
        writer.write(everything)
        writer.write_eof()
        for _ in range(1000):
            await asyncio.sleep(0)
        transport = writer.transport
        assert isinstance(transport, asyncio.Transport)
        assert transport.get_write_buffer_size() > 0
        reading.set()
        assert await reader.read() == everything
        writer.close()


async def test_at_the_end_what_is_open_is_closed(caplog: pytest.LogCaptureFixture) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"x")
        await reader.read()
        writer.close()

    async with spliced(greet) as address:
        reader, writer = await asyncio.open_connection(*address)
        assert await reader.readexactly(1) == b"x"
    assert await reader.read() == b""
    writer.close()
    assert not caplog.records
