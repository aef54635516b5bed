"""A response that is sent as it comes."""

from __future__ import annotations

import asyncio

from outboard.sidecar.api.http.messages import ApiRequest, Reply, Send, head_of
from outboard.sidecar.invocation.values import AnswerBody

__all__ = ["send_stream"]


async def send_stream(request: ApiRequest, send: Send, reply: Reply, body: AnswerBody) -> None:
    """Send `reply`, with `body` as it comes, until it ends or the client hangs up.

    Raises what `body` raises: the client then sees that its response is not whole.
    """
    sending = asyncio.ensure_future(_send_chunks(request, send, reply, body))
    leaving = asyncio.ensure_future(request.gone())
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
