"""Serving the gRPC API, inside a loop that belongs to somebody else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import grpc.aio

from outboard.sidecar.api.grpc.api import GrpcApi
from outboard.sidecar.api.grpc.internal import InternalApi

__all__ = ["serving"]

LARGEST: Final = 2**31 - 1
LONG: Final = 10**8
"""Seconds: the library takes None for no time at all."""


@asynccontextmanager
async def serving(api: GrpcApi | InternalApi, address: str, drain: float | None) -> AsyncIterator[int]:
    """Serve `api` at `address` ("127.0.0.1:0", "unix:/path") while the block runs: yields its port, if any.

    At the end calls in hand get `drain` seconds (None: no limit). Raises RuntimeError where the address is
    taken.
    """
    options = (
        ("grpc.max_receive_message_length", min(api.max_message_bytes, LARGEST)),
        ("grpc.so_reuseport", 0),
    )
    server = grpc.aio.server(handlers=[api], options=options)
    port = server.add_insecure_port(address)
    await server.start()
    try:
        yield port
    finally:
        await server.stop(LONG if drain is None else drain)
