"""Streaming subscriptions: one call in both directions for each topic.

Source: Dapr, "Subscribe to topics", "Streaming subscriptions": `SubscribeTopicEventsAlpha1`, since Dapr 1.14.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, TypeAlias, cast

import grpc
import grpc.aio
from dapr.proto.runtime.v1.appcallback_pb2 import TopicEventResponse
from dapr.proto.runtime.v1.pubsub_pb2 import (
    SubscribeTopicEventsRequestAlpha1,
    SubscribeTopicEventsRequestInitialAlpha1,
    SubscribeTopicEventsRequestProcessedAlpha1,
    SubscribeTopicEventsResponseAlpha1,
)

from outboard.errors import TokenRejected
from outboard.kit.client.grpc.calls import SERVICE, token_metadata
from outboard.kit.client.grpc.channel import opened
from outboard.kit.client.grpc.events import streamed_event
from outboard.kit.client.grpc.failures import CallFailed, failure_of
from outboard.kit.client.port import StreamedEvent, StreamEnded, StreamRequest, TopicStream
from outboard.kit.client.settings import Settings
from outboard.wire.dapr import DeliveryStatus

__all__ = ["GrpcStreams", "connect"]

METHOD: Final = f"{SERVICE}/SubscribeTopicEventsAlpha1"
STATUSES: Final = {
    DeliveryStatus.SUCCESS: TopicEventResponse.SUCCESS,
    DeliveryStatus.RETRY: TopicEventResponse.RETRY,
    DeliveryStatus.DROP: TopicEventResponse.DROP,
}
CLOSING_SECONDS: Final = 1.0
UNSERVED: Final = "it serves no streaming subscriptions (Dapr does since 1.14): "

StreamCall: TypeAlias = grpc.aio.StreamStreamCall[Any, Any]


@asynccontextmanager
async def connect(settings: Settings) -> AsyncIterator[GrpcStreams]:
    """The streams of the sidecar at the gRPC port that `settings` name."""
    async with opened(settings.grpc) as channel:
        yield GrpcStreams(channel, settings)


class GrpcStreams:
    """Opens streams over one channel."""

    def __init__(self, channel: grpc.aio.Channel, settings: Settings) -> None:
        self._settings = settings
        self._open = channel.stream_stream(
            METHOD,
            SubscribeTopicEventsRequestAlpha1.SerializeToString,
            SubscribeTopicEventsResponseAlpha1.FromString,
        )

    @asynccontextmanager
    async def subscribed(self, request: StreamRequest) -> AsyncIterator[TopicStream]:
        """As `SubscribeOperations`."""
        call = cast("StreamCall", self._open(metadata=token_metadata(self._settings)))
        stream = _GrpcStream(call, self._settings.grpc.address)
        try:
            await stream.subscribe(request)
            yield stream
        finally:
            await stream.close()


class _GrpcStream:
    """One call, over which the events of one topic come."""

    def __init__(self, call: StreamCall, address: str) -> None:
        self._call = call
        self._address = address
        self._writing = asyncio.Lock()
        self._reading: asyncio.Task[Any] | None = None

    async def subscribe(self, request: StreamRequest) -> None:
        """Return once the sidecar has subscribed at the broker. Raises StreamEnded."""
        initial = SubscribeTopicEventsRequestInitialAlpha1(
            pubsub_name=request.pubsub,
            topic=request.topic,
            metadata=request.metadata,
            dead_letter_topic=request.dead_letter_topic or None,
        )
        await self._write(SubscribeTopicEventsRequestAlpha1(initial_request=initial))
        await self._read()

    async def receive(self) -> StreamedEvent:
        """As `TopicStream`."""
        while True:
            message = await self._read()
            if message.HasField("event_message"):
                return streamed_event(message.event_message)

    async def settle(self, id: str, status: DeliveryStatus) -> None:
        """As `TopicStream`."""
        processed = SubscribeTopicEventsRequestProcessedAlpha1(
            id=id, status=TopicEventResponse(status=STATUSES[status])
        )
        await self._write(SubscribeTopicEventsRequestAlpha1(event_processed=processed))

    async def close(self) -> None:
        """The sidecar delivers again what is not settled.

        It ends the call when it has read the last answer: one that is cancelled before takes answers along
        that were written, and not sent yet.
        """
        try:
            with suppress(TimeoutError, grpc.aio.AioRpcError, asyncio.InvalidStateError):
                async with asyncio.timeout(CLOSING_SECONDS):
                    await self._call.done_writing()
                    await self._read_to_the_end()
        finally:
            self._call.cancel()
            if self._reading is not None:
                await asyncio.wait([self._reading])
                if not self._reading.cancelled():
                    self._reading.exception()  # it is asked for, so that nobody warns

    async def _read_to_the_end(self) -> None:
        """What still comes is not handled."""
        while True:
            if self._reading is None:
                self._reading = asyncio.ensure_future(self._call.read())
            if await asyncio.shield(self._reading) is grpc.aio.EOF:
                return
            self._reading = None

    async def _write(self, message: SubscribeTopicEventsRequestAlpha1) -> None:
        async with self._writing:  # the library takes one message at a time
            try:
                await self._call.write(message)
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError) as error:
                raise await self._ended(error) from error

    async def _read(self) -> SubscribeTopicEventsResponseAlpha1:
        """The library ends the whole call where a read is cancelled; so it is a task of its own."""
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._call.read())
        try:
            message = await asyncio.shield(self._reading)
        except grpc.aio.AioRpcError as error:
            self._reading = None
            raise await self._ended(error) from error
        self._reading = None
        if message is grpc.aio.EOF:
            raise StreamEnded("the sidecar has closed it")
        return cast("SubscribeTopicEventsResponseAlpha1", message)

    async def _ended(self, error: BaseException) -> StreamEnded:
        if not isinstance(error, grpc.aio.AioRpcError):
            return StreamEnded("it is closed")
        failure = failure_of(error)
        if not isinstance(failure, CallFailed):
            return StreamEnded(failure.reason)
        if failure.code is grpc.StatusCode.UNAUTHENTICATED:
            return StreamEnded(str(TokenRejected(self._address)), refused=True)
        unserved = UNSERVED if failure.code is grpc.StatusCode.UNIMPLEMENTED else ""
        return StreamEnded(f"{unserved}{failure.message or failure.code.name}", refused=True)
