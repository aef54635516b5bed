"""A sidecar's gRPC API on loopback, that answers as a test says."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import grpc
import grpc.aio
from dapr.proto.runtime.v1 import metadata_pb2, pubsub_pb2, state_pb2
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

__all__ = ["GrpcSidecarStub", "Refused", "Streamed"]

PREFIX = "/dapr.proto.runtime.v1.Dapr/"
REQUESTS: dict[str, tuple[type[Message], type[Message]]] = {
    "PublishEvent": (pubsub_pb2.PublishEventRequest, Empty),
    "BulkPublishEvent": (pubsub_pb2.BulkPublishRequest, pubsub_pb2.BulkPublishResponse),
    "BulkPublishEventAlpha1": (pubsub_pb2.BulkPublishRequest, pubsub_pb2.BulkPublishResponse),
    "GetState": (state_pb2.GetStateRequest, state_pb2.GetStateResponse),
    "GetBulkState": (state_pb2.GetBulkStateRequest, state_pb2.GetBulkStateResponse),
    "SaveState": (state_pb2.SaveStateRequest, Empty),
    "DeleteState": (state_pb2.DeleteStateRequest, Empty),
    "ExecuteStateTransaction": (state_pb2.ExecuteStateTransactionRequest, Empty),
    "GetMetadata": (metadata_pb2.GetMetadataRequest, metadata_pb2.GetMetadataResponse),
}
STREAM = "SubscribeTopicEventsAlpha1"

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]
Streamed: TypeAlias = Callable[[AsyncIterator[Any], Context], Awaitable[None]]
"""Serves one stream: the messages that come, and the context to write to."""


@dataclass(frozen=True)
class Refused:
    """An answer that is an error, with `reason` in its ErrorInfo."""

    code: grpc.StatusCode
    message: str
    reason: str = ""

    @property
    def trailers(self) -> tuple[tuple[str, bytes], ...]:
        if not self.reason:
            return ()
        packed = AnyMessage()
        packed.Pack(error_details_pb2.ErrorInfo(reason=self.reason, domain="dapr.io"))
        status = status_pb2.Status(code=self.code.value[0], message=self.message, details=[packed])
        return (("grpc-status-details-bin", status.SerializeToString()),)


@dataclass
class GrpcSidecarStub(grpc.GenericRpcHandler):
    """Answers each call with what was prepared for its method, then with an empty message; keeps what came.

    A prepared function is called with the request, and gives the answer.
    """

    answers: dict[str, deque[Any]] = field(default_factory=dict)
    requests: list[tuple[str, Any]] = field(default_factory=list)
    metadata: list[dict[str, str]] = field(default_factory=list)
    streamed: Streamed | None = None
    port: int = 0

    def answer(self, name: str, *answers: Any) -> None:
        self.answers.setdefault(name, deque()).extend(answers)

    def sent(self, name: str) -> list[Any]:
        return [request for method, request in self.requests if method == name]

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        name = handler_call_details.method.removeprefix(PREFIX)
        streamed = self.streamed
        if name == STREAM and streamed is not None:

            async def stream(requests: AsyncIterator[Any], context: Context) -> None:
                await streamed(requests, context)

            return grpc.stream_stream_rpc_method_handler(
                stream,
                pubsub_pb2.SubscribeTopicEventsRequestAlpha1.FromString,
                pubsub_pb2.SubscribeTopicEventsResponseAlpha1.SerializeToString,
            )
        if name not in REQUESTS:
            return None
        asked, answered = REQUESTS[name]

        async def handle(request: Message, context: Context) -> Message:
            self.requests.append((name, request))
            pairs = context.invocation_metadata() or ()
            self.metadata.append({str(key): str(value) for key, value in pairs})
            prepared = self.answers.get(name)
            answer = prepared.popleft() if prepared else answered()
            if callable(answer):
                answer = answer(request)
            if isinstance(answer, Refused):
                context.set_trailing_metadata(answer.trailers)
                await context.abort(answer.code, answer.message)
            assert isinstance(answer, Message)
            return answer

        return grpc.unary_unary_rpc_method_handler(
            handle, asked.FromString, lambda message: message.SerializeToString()
        )

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator[int]:
        """Serve it on loopback; gives the port."""
        options: Sequence[tuple[str, Any]] = (("grpc.so_reuseport", 0),)
        server = grpc.aio.server(handlers=[self], options=options)
        self.port = server.add_insecure_port(f"127.0.0.1:{port}")
        await server.start()
        try:
            yield self.port
        finally:
            await server.stop(0)
