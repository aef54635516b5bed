"""HTTP/1.1 by hand, so that a target, a method or a body reaches the other side exactly as it is written."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import h11

__all__ = ["LOOPBACK", "Answer", "Gone", "exchange", "next_event"]

LOOPBACK = "127.0.0.1"
CHUNK = 64 * 1024
PATIENCE = 15.0
"""Seconds: no more than a bound that ends a hopeless wait."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: header names in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)


@dataclass(frozen=True, slots=True)
class Gone:
    """The connection ended without an answer, or none came."""


async def exchange(
    port: int, method: str, target: str, body: bytes, headers: Mapping[str, str], host: str = LOOPBACK
) -> Answer | Gone:
    """One request on a connection of its own."""
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except OSError:
        return Gone()
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=1024 * 1024)
    try:
        async with asyncio.timeout(PATIENCE):
            with suppress(ConnectionError):  # an answer may come before all of a large body was taken
                writer.write(_request(connection, method, target, body, headers, port))
                await writer.drain()
            return await _answer(connection, reader)
    except (ConnectionError, TimeoutError, h11.RemoteProtocolError):
        return Gone()
    finally:
        await closed(writer)


async def closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


def _request(
    connection: h11.Connection, method: str, target: str, body: bytes, headers: Mapping[str, str], port: int
) -> bytes:
    own = {name.lower() for name in headers}
    fields = [*headers.items(), ("connection", "close")]
    fields += [] if "host" in own else [("host", f"127.0.0.1:{port}")]
    fields += [("content-length", str(len(body)))] if body or method in {"POST", "PUT", "PATCH"} else []
    parts = [
        connection.send(h11.Request(method=method, target=target, headers=fields)),
        connection.send(h11.Data(data=body)) if body else b"",
        connection.send(h11.EndOfMessage()),
    ]
    return b"".join(part for part in parts if part)


async def _answer(connection: h11.Connection, reader: asyncio.StreamReader) -> Answer:
    status, headers, body = 0, list[tuple[str, str]](), bytearray()
    while True:
        event = await next_event(connection, reader)
        if isinstance(event, h11.Response):
            status = event.status_code
            headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers]
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            return Answer(status, tuple(headers), bytes(body))
        elif isinstance(event, h11.ConnectionClosed):
            raise ConnectionResetError


async def next_event(connection: h11.Connection, reader: asyncio.StreamReader) -> object:
    """The next thing that the other side said."""
    while (event := connection.next_event()) is h11.NEED_DATA:
        connection.receive_data(await reader.read(CHUNK))
    return event
