"""Serving the gRPC API, inside a loop that belongs to somebody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import grpc.aio

from outboard.sidecar.api.grpc.api import GrpcApi

__all__ = ["serving"]

LONG: Final = 10**8
"""Seconds: the library takes None for no time at all."""


@asynccontextmanager
async def serving(
    api: GrpcApi, addresses: Sequence[str], drain: float | None
) -> AsyncIterator[Callable[[], None]]:
    """Serve `api` at `addresses` ("127.0.0.1:50001", "unix:/path") while the block runs.

    At its end calls in hand get `drain` seconds (None: no limit). Yields what to call to take no further
    calls, before the block ends. Raises RuntimeError where an address is taken.
    """
    options = (("grpc.max_receive_message_length", api.max_message_bytes), ("grpc.so_reuseport", 0))
    server = grpc.aio.server(handlers=[api], options=options)
    for address in addresses:
        server.add_insecure_port(address)
    await server.start()
    grace = LONG if drain is None else drain
    stopping: list[asyncio.Task[None]] = []

    def close() -> None:
        if not stopping:
            stopping.append(asyncio.ensure_future(server.stop(grace)))

    try:
        yield close
    finally:
        close()
        await stopping[0]
