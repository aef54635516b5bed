"""An app over gRPC that answers ListTopicSubscriptions, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import grpc

from outboard.wire.dapr import LIST_SUBSCRIPTIONS

__all__ = ["listing"]

Context = grpc.aio.ServicerContext[bytes, bytes]


class _App(grpc.GenericRpcHandler):
    """Answers ListTopicSubscriptions so."""

    def __init__(self, answer: Callable[[], bytes | grpc.StatusCode]) -> None:
        self._answer = answer

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        assert handler_call_details.method == LIST_SUBSCRIPTIONS

        async def handle(data: bytes, context: Context) -> bytes:
            answer = self._answer()
            if isinstance(answer, bytes):
                return answer
            await context.abort(answer, "broken")
            return b""

        return grpc.unary_unary_rpc_method_handler(handle)


@asynccontextmanager
async def listing(
    answer: bytes | grpc.StatusCode | Callable[[], bytes | grpc.StatusCode],
) -> AsyncIterator[int]:
    """Serves it while the block runs, and gives its port: it answers with these bytes, or fails so.

    A function is asked each time.
    """
    server = grpc.aio.server()
    server.add_generic_rpc_handlers([_App(answer if callable(answer) else lambda: answer)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(0)
