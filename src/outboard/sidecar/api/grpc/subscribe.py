"""Streaming subscriptions: events go out on a stream, and what became of each comes back on it.

Source: Dapr, `dapr/proto/runtime/v1/pubsub.proto`; daprd 1.18.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import suppress
from typing import Final, TypeAlias, TypeVar

from dapr.proto.runtime.v1.appcallback_pb2 import TopicEventRequest
from dapr.proto.runtime.v1.pubsub_pb2 import (
    SubscribeTopicEventsRequestAlpha1,
    SubscribeTopicEventsRequestInitialAlpha1,
    SubscribeTopicEventsRequestProcessedAlpha1,
    SubscribeTopicEventsResponseAlpha1,
    SubscribeTopicEventsResponseInitialAlpha1,
)
from google.protobuf.message import DecodeError

from outboard.sidecar.api.grpc.call import Call, Send, StreamMethod, Undecodable
from outboard.sidecar.channel.answers import Answer
from outboard.sidecar.channel.batch import Batch
from outboard.sidecar.channel.grpc.answers import answer_of
from outboard.sidecar.channel.grpc.events import Unsendable, event_request
from outboard.sidecar.delivery.streaming import (
    AskedStream,
    StreamingSubscriptions,
    stream_closed,
)
from outboard.sidecar.errors import ApiError
from outboard.sidecar.events.received import PUBSUB_NAME, Incoming
from outboard.sidecar.logs import SidecarLog
from outboard.tasks import background_tasks
from outboard.wire.dapr import DeliveryStatus

__all__ = ["StreamChannel", "subscribe_method"]

OPENED: Final = SubscribeTopicEventsResponseAlpha1(
    initial_response=SubscribeTopicEventsResponseInitialAlpha1()
)
T = TypeVar("T")
Initial: TypeAlias = SubscribeTopicEventsRequestInitialAlpha1
Processed: TypeAlias = SubscribeTopicEventsRequestProcessedAlpha1


class StreamChannel:
    """EventChannel to the other end of a stream. What `outgoing` holds is to be sent, one after the other."""

    def __init__(self, log: SidecarLog) -> None:
        self.outgoing: asyncio.Queue[SubscribeTopicEventsResponseAlpha1] = asyncio.Queue()
        self._opened = asyncio.Event()
        self._awaited: dict[str, deque[asyncio.Future[Answer]]] = {}
        self._log = log

    def open(self) -> None:
        """Let events go out, after the word that the subscription is made."""
        self.outgoing.put_nowait(OPENED)
        self._opened.set()

    async def deliver(self, incoming: Incoming, metadata: Mapping[str, str]) -> Answer:
        """Of the metadata nothing goes along: as in daprd."""
        try:
            event = event_request(incoming, metadata[PUBSUB_NAME], incoming.topic)
        except Unsendable as error:
            return Answer(DeliveryStatus.RETRY, str(error))
        await self._opened.wait()
        return await self._processed(event)

    async def deliver_bulk(self, batch: Batch) -> Mapping[str, Answer]:
        """One by one: no stream is in bulk."""
        return {each.entry_id: await self.deliver(each.incoming, each.metadata) for each in batch.events}

    def settle(self, processed: Processed) -> None:
        """What became of an event; where several have its id it is about the first."""
        waiting = self._awaited.get(processed.id)
        if waiting:
            waiting.popleft().set_result(answer_of(processed.status.status))
        else:
            self._log.error("no client stream expecting publish response id %s", processed.id)

    async def _processed(self, event: TopicEventRequest) -> Answer:
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        waiting = self._awaited.setdefault(event.id, deque())
        waiting.append(answer)
        self.outgoing.put_nowait(SubscribeTopicEventsResponseAlpha1(event_message=event))
        try:
            return await answer
        finally:
            with suppress(ValueError):  # it was settled
                waiting.remove(answer)
            if not waiting:
                self._awaited.pop(event.id, None)


def subscribe_method(subscriptions: StreamingSubscriptions, log: SidecarLog) -> StreamMethod:
    """`SubscribeTopicEventsAlpha1`."""

    async def subscribe(requests: AsyncIterator[bytes], send: Send, call: Call) -> None:
        messages = _messages(requests)
        initial = await _unless(subscriptions.ending, _initial(messages))
        asked = AskedStream(
            initial.pubsub_name, initial.topic, initial.dead_letter_topic, dict(initial.metadata)
        )
        channel = StreamChannel(log.scoped("pubsub.streamer"))
        async with background_tasks(_send_all(channel, send)):
            await _stream(subscriptions, asked, channel, messages)

    return StreamMethod(subscribe)


async def _stream(
    subscriptions: StreamingSubscriptions,
    asked: AskedStream,
    channel: StreamChannel,
    messages: AsyncIterator[SubscribeTopicEventsRequestAlpha1],
) -> None:
    """Raises ApiError when it ends: there is no other end."""
    listening = asyncio.ensure_future(_listen(channel, messages))
    listening.add_done_callback(lambda done: done.cancelled() or done.exception())  # also if nobody asks
    try:
        async with subscriptions.subscribed(asked, channel) as abandon:
            channel.open()
            # One that leaves is waited for no more, also while the sidecar waits for its last answers.
            listening.add_done_callback(lambda _: abandon())
            try:
                await _either(listening, subscriptions.ending)
            except asyncio.CancelledError:
                abandon()
                raise
    finally:
        listening.cancel()
    if listening.done():
        listening.result()
    raise stream_closed()


async def _either(future: asyncio.Future[T], event: asyncio.Event) -> None:
    """Return once `future` is done, or `event` is set."""
    waiting = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait((future, waiting), return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()


async def _unless(ending: asyncio.Event, result: Coroutine[None, None, T]) -> T:
    """Raises what `result` raises, and ApiError where streams end before it is there."""
    task = asyncio.create_task(result)
    try:
        await _either(task, ending)
        if not task.done():
            raise stream_closed()
        return task.result()
    finally:
        task.cancel()


async def _listen(channel: StreamChannel, messages: AsyncIterator[SubscribeTopicEventsRequestAlpha1]) -> None:
    """Raises ApiError when the client says no more, or what it may not."""
    async for message in messages:
        if not message.HasField("event_processed"):
            raise ApiError(500, "", "duplicate initial request received")
        channel.settle(message.event_processed)
    raise ApiError(500, "", "EOF")


async def _send_all(channel: StreamChannel, send: Send) -> None:
    while True:
        await send(await channel.outgoing.get())


async def _initial(messages: AsyncIterator[SubscribeTopicEventsRequestAlpha1]) -> Initial:
    message = await anext(messages, None)
    if message is None:
        raise ApiError(500, "", "EOF")
    if not message.HasField("initial_request"):
        raise ApiError(500, "", "initial request is required")
    return message.initial_request


async def _messages(requests: AsyncIterator[bytes]) -> AsyncIterator[SubscribeTopicEventsRequestAlpha1]:
    async for each in requests:
        try:
            yield SubscribeTopicEventsRequestAlpha1.FromString(each)
        except DecodeError as error:
            raise Undecodable from error
