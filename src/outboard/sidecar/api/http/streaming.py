"""A response that is sent as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
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


async def unless_gone(request: ApiRequest, work: Awaitable[T]) -> T:
    """The result of `work`, which is cancelled once the client has hung up. Raises ClientGone then."""
    async with _while_there(request):
        return await work


async def send_stream(request: ApiRequest, send: Send, reply: Reply, body: AnswerBody) -> None:
    """Send `reply`, with `body` as it comes, until it ends or the client hangs up.

    Raises what `body` raises: the client then sees that its response is not whole.
    """
    try:
        with suppress(ClientGone):
            async with _while_there(request):
                await _send_chunks(request, send, reply, body)
    finally:
        await body.aclose()


@asynccontextmanager
async def _while_there(request: ApiRequest) -> AsyncIterator[None]:
    """Cancels the block once the client has hung up, and raises ClientGone behind it.

    As a timeout of asyncio does, so that the block needs no task of its own.
    """
    task, gone = asyncio.current_task(), False
    assert task is not None

    def cancel(leaving: asyncio.Task[None]) -> None:
        nonlocal gone
        if not leaving.cancelled():
            gone = True
            task.cancel()

    leaving = asyncio.create_task(until_gone(request))
    leaving.add_done_callback(cancel)
    try:
        yield
    except asyncio.CancelledError as cancelled:
        if gone and not task.uncancel():
            raise ClientGone from cancelled
        raise
    finally:
        leaving.remove_done_callback(cancel)
        leaving.cancel()


async def _send_chunks(request: ApiRequest, send: Send, reply: Reply, body: AnswerBody) -> None:
    await send({"type": "http.response.start", "status": reply.status, "headers": head_of(reply)})
    if request.method != "HEAD":
        async for chunk in body:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
