"""Calls of gRPC as streams of bytes, which on the wire is what a call of any kind is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, Final, TypeAlias

import grpc.aio

__all__ = ["Stream", "to_its_end", "written"]

Stream: TypeAlias = grpc.aio.StreamStreamCall[bytes, bytes]
LAST_WRITE: Final = 1.0
"""Seconds."""


async def to_its_end(write: Awaitable[None]) -> None:
    """A write of a server, also in a task that is cancelled meanwhile.

    The library may never end a call one of whose writes was given up. A client that takes nothing is waited
    for no longer than `LAST_WRITE`.
    """
    writing = asyncio.ensure_future(write)
    try:
        await asyncio.shield(writing)
    except asyncio.CancelledError:
        await asyncio.wait((writing,), timeout=LAST_WRITE)
        writing.cancel()
        raise


async def written(stream: Stream, message: bytes) -> bool:
    """Send `message` into a call that has begun; False where the call has ended, whose status says why.

    The library's own `write` gives a call that ends at this moment the status of an internal error, before
    the one that was sent has been read.
    """
    if stream.done():
        return False
    call: Any = stream._cython_call  # type: ignore[attr-defined]
    try:
        await call.send_serialized_message(message)
    except grpc.aio.InternalError:
        return False
    return True
