"""What a call that is passed on was answered, when the call is given up in the middle of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import grpc.aio
import pytest

from outboard.sidecar.invocation.grpc.relay import Context, ProxiedCall
from outboard.sidecar.invocation.peers import stream
from outboard.sidecar.invocation.peers.stream import Stream, to_its_end

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", ["asyncio"])]


class SlowContext:
    """Writes nothing before it is `let_go`."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.let_go = asyncio.Event()
        self.done: list[str] = []

    async def send_initial_metadata(self, _: object) -> None:
        await self._do("head")

    async def write(self, message: bytes) -> None:
        await self._do(message.decode())

    async def _do(self, what: str) -> None:
        self.began.set()
        await self.let_go.wait()
        self.done.append(what)


class Answering:
    async def initial_metadata(self) -> tuple[()]:
        return ()


async def nothing() -> AsyncIterator[bytes]:
    return
    yield b""


async def given_up(context: SlowContext, *, begun: bool) -> asyncio.Task[None]:
    """An answer that is being passed on, and that nobody wants any more."""
    call = ProxiedCall("/a/b", (), nothing(), cast("Context", context))
    if begun:
        context.let_go.set()
        await call.answer(b"first", cast("Stream", Answering()))
        context.let_go.clear()
    context.began.clear()
    task = asyncio.create_task(call.answer(b"second", cast("Stream", Answering())))
    await context.began.wait()
    task.cancel()
    for _ in range(5):
        await asyncio.sleep(0)
    return task


@pytest.mark.parametrize(
    ("begun", "done"), [(False, ["head"]), (True, ["head", "first", "second"])], ids=["head", "message"]
)
async def test_what_is_being_written_is_written_to_its_end(begun: bool, done: list[str]) -> None:
    context = SlowContext()
    task = await given_up(context, begun=begun)
    assert not task.done()
    context.let_go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert context.done == done


async def test_who_takes_nothing_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "LAST_WRITE", 0.0)
    task = await given_up(SlowContext(), begun=False)
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_many_calls_that_are_given_up_over_sockets_all_end() -> None:
    """Without that, some of a hundred never ended: their callers waited, and so did the server's stop."""

    def handler(handle: Callable[[Any, Any], Any]) -> grpc.GenericRpcHandler:
        class Handler(grpc.GenericRpcHandler):
            def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
                return grpc.stream_stream_rpc_method_handler(handle)

        return Handler()

    async def answer(requests: AsyncIterator[bytes], context: Context) -> None:
        async def write() -> None:
            while True:
                await to_its_end(context.write(b"x" * 2000))

        writing = asyncio.create_task(write())
        for _ in range(int((await anext(aiter(requests))).decode())):
            await asyncio.sleep(0)
        writing.cancel()
        await asyncio.wait({writing})
        await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "given up")

    server = grpc.aio.server(handlers=[handler(answer)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with asyncio.timeout(60), grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        opened: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream("/a/b")

        async def ended(turns: int) -> grpc.StatusCode:
            call = opened()
            await call.write(str(turns).encode())
            with pytest.raises(grpc.aio.AioRpcError):
                while await call.read() is not grpc.aio.EOF:
                    pass
            return await call.code()

        for turns in range(0, 200, 2):
            assert await ended(turns) is grpc.StatusCode.DEADLINE_EXCEEDED
        await server.stop(None)
