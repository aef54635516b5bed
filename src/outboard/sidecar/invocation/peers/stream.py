"""Calls of gRPC as streams of bytes, which on the wire is what a call of any kind is."""

from __future__ import annotations

from typing import Any, TypeAlias

import grpc.aio

__all__ = ["Stream", "written"]

Stream: TypeAlias = grpc.aio.StreamStreamCall[bytes, bytes]


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
