"""A response that is sent as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

from outboard.sidecar.api.http.messages import ApiRequest, ClientGone, Reply, Send, head_of
from outboard.sidecar.invocation.values import AnswerBody

__all__ = ["send_stream", "unless_gone", "until_gone"]

T = TypeVar("T")


async def until_gone(request: ApiRequest) -> None:
    """Return once the client has hung up. While its request is not whole nobody looks: the body tells."""
    read = asyncio.Event()
    request.once_read(read.set)
    await read.wait()
    while not await request.has_gone():  # noqa: ASYNC110 -- only in a test it is anything else than the end
        await asyncio.sleep(0)


async def unless_gone(request: ApiRequest, work: Coroutine[object, object, T]) -> T:
    """The result of `work`, which is cancelled once the client has hung up. Raises ClientGone then."""
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(until_gone(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientGone
        return working.result()
    finally:
        for each in (working, leaving):
            each.cancel()
        await asyncio.wait({working, leaving})


async def send_stream(request: ApiRequest, send: Send, reply: Reply, body: AnswerBody) -> None:
    """Send `reply`, with `body` as it comes, until it ends or the client hangs up.

    Raises what `body` raises: the client then sees that its response is not whole.
    """
    sending = asyncio.ensure_future(_send_chunks(request, send, reply, body))
    leaving = asyncio.ensure_future(until_gone(request))
    try:
        await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if sending.done():
            sending.result()
    finally:
        for each in (sending, leaving):
            each.cancel()
        await asyncio.wait({sending, leaving})
        await body.aclose()


async def _send_chunks(request: ApiRequest, send: Send, reply: Reply, body: AnswerBody) -> None:
    await send({"type": "http.response.start", "status": reply.status, "headers": head_of(reply)})
    if request.method != "HEAD":
        async for chunk in body:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
