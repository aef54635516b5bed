"""A client of streaming subscriptions, and what is compared of what it sees."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import grpc
from dapr.proto.runtime.v1.appcallback_pb2 import TopicEventResponse
from dapr.proto.runtime.v1.metadata_pb2 import GetMetadataRequest, GetMetadataResponse
from dapr.proto.runtime.v1.pubsub_pb2 import (
    PublishEventRequest,
    SubscribeTopicEventsRequestAlpha1,
    SubscribeTopicEventsRequestInitialAlpha1,
    SubscribeTopicEventsRequestProcessedAlpha1,
    SubscribeTopicEventsResponseAlpha1,
)
from google.protobuf import json_format
from google.protobuf.empty_pb2 import Empty

from conformance.http1 import LOOPBACK
from conformance.masking import Mask
from conformance.sidecars import Running

__all__ = ["DROP", "RETRY", "SUCCESS", "Client", "Scenario", "Stream", "client_of", "initial", "processed"]

Request = SubscribeTopicEventsRequestAlpha1
SUCCESS, RETRY, DROP = TopicEventResponse.SUCCESS, TopicEventResponse.RETRY, TopicEventResponse.DROP
SERVICE = "/dapr.proto.runtime.v1.Dapr"
PATIENCE = 10.0
QUIET = 0.5
"""Seconds in which nothing may come."""


def initial(pubsub: str, topic: str, dead_letter_topic: str | None = None, **metadata: str) -> Request:
    return Request(
        initial_request=SubscribeTopicEventsRequestInitialAlpha1(
            pubsub_name=pubsub, topic=topic, dead_letter_topic=dead_letter_topic, metadata=metadata
        )
    )


def processed(event_id: str, status: int = SUCCESS) -> Request:
    told = TopicEventResponse(status=status)  # type: ignore[arg-type]
    return Request(event_processed=SubscribeTopicEventsRequestProcessedAlpha1(id=event_id, status=told))


class Stream:
    """One stream. `next` gives what comes as a value: a message, how it ended, or that nothing came."""

    def __init__(self, call: grpc.aio.StreamStreamCall[Request, SubscribeTopicEventsResponseAlpha1]) -> None:
        self._call = call
        self._reading: asyncio.Task[object] | None = None
        self.last_id = ""
        self._mask = Mask("", (), "/nowhere", ())

    async def send(self, *requests: Request) -> None:
        for each in requests:
            await self._call.write(each)

    async def settle(self, status: int = SUCCESS) -> None:
        """Tell `status` of the last event that came."""
        await self.send(processed(self.last_id, status))

    async def leave(self) -> None:
        """Send nothing more."""
        await self._call.done_writing()

    def cancel(self) -> None:
        self._call.cancel()

    async def next(self, within: float = PATIENCE) -> object:
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
        done, _ = await asyncio.wait((self._reading,), timeout=within)
        if not done:
            return "nothing"
        told, self._reading = self._reading.result(), None
        return told

    async def nothing(self) -> object:
        """As `next`, for what should not come."""
        return await self.next(QUIET)

    async def _read(self) -> object:
        try:
            message = await self._call.read()
        except grpc.aio.AioRpcError as error:
            details = [value for name, value in error.trailing_metadata() or () if name.endswith("-bin")]
            return (error.code().name, self._mask.text(error.details() or ""), len(details))
        if not isinstance(message, SubscribeTopicEventsResponseAlpha1):
            return ("ended", (await self._call.code()).name, await self._call.details())
        if message.HasField("event_message"):
            self.last_id = message.event_message.id
        return self._mask.body(json_format.MessageToJson(message, sort_keys=True).encode())


class Client:
    """Of one sidecar. Its streams are cancelled at the end."""

    def __init__(self, channel: grpc.aio.Channel, sidecar: Running) -> None:
        self.sidecar = sidecar
        self._channel = channel
        self._streams: list[Stream] = []
        self._publishing = set[asyncio.Task[object]]()

    async def stream(self, *requests: Request) -> Stream:
        subscribe: grpc.aio.StreamStreamMultiCallable[Request, SubscribeTopicEventsResponseAlpha1]
        subscribe = self._channel.stream_stream(
            f"{SERVICE}/SubscribeTopicEventsAlpha1",
            Request.SerializeToString,
            SubscribeTopicEventsResponseAlpha1.FromString,
        )
        stream = Stream(subscribe())
        self._streams.append(stream)
        await stream.send(*requests)
        return stream

    async def subscribed(
        self, pubsub: str, topic: str, dead_letter_topic: str | None = None, **metadata: str
    ) -> Stream:
        stream = await self.stream(initial(pubsub, topic, dead_letter_topic, **metadata))
        assert "initialResponse" in str(await stream.next())
        return stream

    async def publish(self, topic: str, data: bytes = b"x", kind: str = "text/plain", **more: str) -> None:
        """To the component `ps`."""
        await self.publish_to("ps", topic, data, kind, **more)

    async def publish_to(
        self, pubsub: str, topic: str, data: bytes = b"x", kind: str = "text/plain", **more: str
    ) -> None:
        """Returns before the broker has it: one in memory may wait until it is handled."""
        request = PublishEventRequest(
            pubsub_name=pubsub, topic=topic, data=data, data_content_type=kind, metadata=more
        )
        task = asyncio.create_task(self._publish(request))
        self._publishing.add(task)
        task.add_done_callback(self._publishing.discard)
        await asyncio.sleep(0)

    async def subscriptions(self) -> list[object]:
        """As the metadata API tells of them."""
        ask: grpc.aio.UnaryUnaryMultiCallable[GetMetadataRequest, GetMetadataResponse]
        ask = self._channel.unary_unary(
            f"{SERVICE}/GetMetadata", GetMetadataRequest.SerializeToString, GetMetadataResponse.FromString
        )
        told = await ask(GetMetadataRequest())
        return sorted((json_format.MessageToDict(each) for each in told.subscriptions), key=repr)

    async def close(self) -> None:
        for stream in self._streams:
            stream.cancel()
        for task in self._publishing:
            task.cancel()

    async def _publish(self, request: PublishEventRequest) -> object:
        publish: grpc.aio.UnaryUnaryMultiCallable[PublishEventRequest, Empty] = self._channel.unary_unary(
            f"{SERVICE}/PublishEvent", PublishEventRequest.SerializeToString, Empty.FromString
        )
        return await publish(request)


Scenario = Callable[[Client], Awaitable[object]]


@asynccontextmanager
async def client_of(sidecar: Running) -> AsyncIterator[Client]:
    async with grpc.aio.insecure_channel(f"{LOOPBACK}:{sidecar.ports[1]}") as channel:
        client = Client(channel, sidecar)
        try:
            yield client
        finally:
            await client.close()
