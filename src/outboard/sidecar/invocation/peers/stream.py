"""Calls of gRPC as streams of bytes, which on the wire is what a call of any kind is."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Final, TypeAlias

import grpc.aio

from outboard import tasks

__all__ = ["Stream", "to_its_end", "written"]

Stream: TypeAlias = grpc.aio.StreamStreamCall[bytes, bytes]
LAST_WRITE: Final = 1.0
"""Seconds."""


async def to_its_end(write: Awaitable[None]) -> None:
    """A write of a server, also in a task that is cancelled meanwhile.

    The library may never end a call one of whose writes was given up. A client that takes nothing is waited
    for no longer than `LAST_WRITE`.
    """
    await tasks.to_its_end(write, LAST_WRITE)


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
