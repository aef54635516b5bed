"""One stream, opened again whenever it ends, and its events on their way through the handler.

An event is in one of these states:

    state      is held by    goes on
    sent       the stream    when there is room: it is received
    in flight  a task        when the app has answered: settled. If the stream has ended meanwhile, its
                             settlement is lost, and the sidecar delivers it again, as after a lost answer
    settled    nobody

When the consumer is cancelled it receives nothing more, and what is in flight has time to be settled.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from outboard.clock import Clock
from outboard.kit.client.port import StreamedEvent, StreamEnded, SubscribeOperations, TopicStream
from outboard.kit.client.retrying import retry_delay
from outboard.kit.streaming.answers import status_of
from outboard.kit.streaming.requests import StreamedHandler
from outboard.wire.cloudevents import STRUCTURED_CONTENT_TYPE
from outboard.wire.dapr import API_TOKEN_HEADER, DeliveryStatus
from outboard.wire.http import Exchange, ExchangeFailed, Request

__all__ = ["StreamConsumer", "StreamContext", "consuming"]

log: Final = logging.getLogger("outboard.subscriptions")

IN_FLIGHT: Final = 32
SETTLING_SECONDS: Final = 10.0
CANCELLING_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class StreamContext:
    """What all streams of an app share. `app` is asked as a sidecar would, with `app_token`.

    At most `in_flight` events of a stream are with the app at once; at the end they get `settling_seconds`.
    """

    streams: SubscribeOperations
    app: Exchange
    app_token: str
    clock: Clock
    random: Callable[[], float]
    in_flight: int = IN_FLIGHT
    settling_seconds: float = SETTLING_SECONDS


@asynccontextmanager
async def consuming(handlers: Sequence[StreamedHandler], context: StreamContext) -> AsyncIterator[None]:
    """Take the events of all `handlers` while the block runs; then settle what is in flight."""
    tasks = [asyncio.create_task(StreamConsumer(handler, context).run()) for handler in handlers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


class StreamConsumer:
    """Takes the events of one handler."""

    def __init__(self, handler: StreamedHandler, context: StreamContext) -> None:
        self._handler = handler
        self._context = context
        self._name = f"topic '{handler.request.topic}' of '{handler.request.pubsub}'"
        self._target = quote(handler.path)
        self._slots = asyncio.Semaphore(context.in_flight)
        self._tasks: set[asyncio.Task[None]] = set()
        self._told = ""
        self._failures = 0

    async def run(self) -> None:
        """Take events until cancelled; then return when those in flight are settled, or had their time."""
        context = self._context
        try:
            while True:
                try:
                    async with context.streams.subscribed(self._handler.request) as stream:
                        self._opened()
                        await self._take(stream)
                except StreamEnded as ended:
                    self._ended(ended)
                except Exception:  # none is expected, but events may not cease to come without a word
                    log.exception("the stream of %s ended unexpectedly, and is opened again", self._name)
                self._failures += 1
                await context.clock.sleep(retry_delay(self._failures, context.random()))
        finally:
            if tasks := tuple(self._tasks):
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks, timeout=CANCELLING_SECONDS)

    async def _take(self, stream: TopicStream) -> None:
        """Raises StreamEnded."""
        try:
            while True:
                await self._slots.acquire()
                try:
                    event = await stream.receive()
                except BaseException:
                    self._slots.release()
                    raise
                task = asyncio.create_task(self._handle(event, stream))
                self._tasks.add(task)
                task.add_done_callback(self._let_go)
        except asyncio.CancelledError:
            await self._settle_in_flight()
            raise

    def _let_go(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._slots.release()

    async def _handle(self, event: StreamedEvent, stream: TopicStream) -> None:
        try:
            status = await self._answer(event)
        except Exception:  # none is expected, but an event may not stay unsettled for ever
            log.exception("event '%s' of %s is to come again", event.id, self._name)
            status = DeliveryStatus.RETRY
        try:
            await stream.settle(event.id, status)
        except StreamEnded as ended:
            log.warning(
                "what became of event '%s' of %s (%s) could not be told, so that it is delivered again: %s",
                event.id, self._name, status, ended.reason,
            )  # fmt: skip

    async def _answer(self, event: StreamedEvent) -> DeliveryStatus:
        headers = {**event.headers, "content-type": STRUCTURED_CONTENT_TYPE}
        if self._context.app_token:
            headers[API_TOKEN_HEADER] = self._context.app_token
        request = Request("POST", self._target, headers, event.body)
        try:
            return status_of(await self._context.app(request, None))
        except ExchangeFailed as failure:
            log.warning("event '%s' of %s is to come again: %s", event.id, self._name, failure.reason)
            return DeliveryStatus.RETRY

    async def _settle_in_flight(self) -> None:
        if not self._tasks:
            return
        _, late = await asyncio.wait(tuple(self._tasks), timeout=self._context.settling_seconds)
        if late:
            log.warning(
                "%d events of %s were not settled within %g s of the app's end: they are delivered again",
                len(late), self._name, self._context.settling_seconds,
            )  # fmt: skip

    def _opened(self) -> None:
        said = "again " if self._told else ""
        log.info("%s gets its events %sby a stream of %s", self._handler.place, said, self._name)
        self._told, self._failures = "", 0

    def _ended(self, ended: StreamEnded) -> None:
        """That a sidecar is away is told once, for it may be so for long; and each reason to refuse."""
        if self._told and (not ended.refused or ended.reason == self._told):
            return
        self._told = ended.reason
        log.log(
            logging.ERROR if ended.refused else logging.WARNING,
            "%s gets no events: the stream of %s is not open, and is tried again until it is: %s",
            self._handler.place, self._name, ended.reason,
        )  # fmt: skip
