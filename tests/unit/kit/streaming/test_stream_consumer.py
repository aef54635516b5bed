from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from outboard import DeliveryStatus
from outboard.kit.client.port import StreamedEvent, StreamEnded, StreamRequest, TopicStream
from outboard.kit.streaming.consumer import StreamContext, consuming
from outboard.kit.streaming.requests import StreamedHandler
from outboard.wire.http import ExchangeFailed, Request, Response
from support.scripted import FakeClock

pytestmark = pytest.mark.anyio

HANDLER = StreamedHandler(StreamRequest("pubsub", "tasks"), "/events/a b", "on_task (app.py:3)")
END = StreamEnded("gone")


async def settle() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


class Clock(FakeClock):
    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        await asyncio.sleep(0)


@dataclass(eq=False)
class Stream:
    """Sends what is put into `events`; an exception ends it."""

    events: asyncio.Queue[StreamedEvent | Exception] = field(default_factory=asyncio.Queue)
    settled: list[tuple[str, DeliveryStatus]] = field(default_factory=list)
    closed: bool = False
    ended: bool = False

    def send(self, *ids: str) -> None:
        for id in ids:
            self.events.put_nowait(StreamedEvent(id, b"{}", {"traceparent": "00-1"}))

    def end(self, error: Exception = END) -> None:
        self.ended = True
        self.events.put_nowait(error)

    async def receive(self) -> StreamedEvent:
        event = await self.events.get()
        if isinstance(event, Exception):
            raise event
        return event

    async def settle(self, id: str, status: DeliveryStatus) -> None:
        if self.ended or self.closed:
            raise END
        self.settled.append((id, status))


@dataclass(eq=False)
class Sidecar:
    """Opens the streams of `ready`, one after another; then it is away, until there is one more."""

    ready: list[Stream | StreamEnded] = field(default_factory=list)
    opened: list[Stream] = field(default_factory=list)
    asked: int = 0

    @asynccontextmanager
    async def subscribed(self, request: StreamRequest) -> AsyncIterator[TopicStream]:
        self.asked += 1
        if not self.ready:
            raise StreamEnded("no connection: Connection refused")
        stream = self.ready.pop(0)
        if isinstance(stream, StreamEnded):
            raise stream
        self.opened.append(stream)
        try:
            yield stream
        finally:
            stream.closed = True


@dataclass(eq=False)
class App:
    """Answers 200, or what stands in `answers`; one whose path is `held` waits for `release`."""

    requests: list[Request] = field(default_factory=list)
    answers: list[Response | Exception] = field(default_factory=list)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    running: int = 0
    most: int = 0

    async def __call__(self, request: Request, timeout: float | None) -> Response:
        self.requests.append(request)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.release.wait()
        finally:
            self.running -= 1
        answer = self.answers.pop(0) if self.answers else Response(200)
        if isinstance(answer, Exception):
            raise answer
        return answer


def context(sidecar: Sidecar, app: App, **more: float) -> StreamContext:
    return StreamContext(sidecar, app, "token", Clock(), lambda: 0.5, **more)  # type: ignore[arg-type]


async def test_an_event_is_posted_as_by_a_sidecar_and_its_answer_told() -> None:
    stream, app = Stream(), App()
    app.release.set()
    app.answers = [Response(200), Response(500), Response(200, {}, b'{"status":"DROP"}'), Response(404)]
    async with consuming([HANDLER], context(Sidecar([stream]), app)):
        for id in ("1", "2", "3", "4"):
            stream.send(id)
            await settle()
    assert app.requests[0] == Request(
        "POST",
        "/events/a%20b",
        {"traceparent": "00-1", "content-type": "application/cloudevents+json", "dapr-api-token": "token"},
        b"{}",
    )
    statuses = (DeliveryStatus.SUCCESS, DeliveryStatus.RETRY, DeliveryStatus.DROP, DeliveryStatus.DROP)
    assert stream.settled == list(zip(("1", "2", "3", "4"), statuses, strict=True))


@pytest.mark.parametrize("error", [ExchangeFailed("the app ended without an answer"), ValueError("a bug")])
async def test_what_the_app_does_not_answer_comes_again(error: Exception) -> None:
    stream, app = Stream(), App(answers=[error])
    app.release.set()
    async with consuming([HANDLER], context(Sidecar([stream]), app)):
        stream.send("1")
        await settle()
    assert stream.settled == [("1", DeliveryStatus.RETRY)]


async def test_only_so_many_are_in_flight() -> None:
    stream, app = Stream(), App()
    async with consuming([HANDLER], context(Sidecar([stream]), app, in_flight=3)):
        stream.send(*map(str, range(10)))
        await settle()
        assert (app.running, stream.events.qsize()) == (3, 7)
        app.release.set()
        await settle()
    assert (app.most, len(stream.settled)) == (3, 10)


async def test_a_stream_that_ends_is_opened_again_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    first, second, app = Stream(), Stream(), App()
    app.release.set()
    sidecar = Sidecar([first])
    async with consuming([HANDLER], context(sidecar, app)):
        first.send("1")
        await settle()
        first.end()
        await settle()
        assert sidecar.asked > 3
        sidecar.ready.append(second)
        await settle()
        second.send("2")
        await settle()
    assert (first.settled, second.settled) == (
        [("1", DeliveryStatus.SUCCESS)], [("2", DeliveryStatus.SUCCESS)]
    )  # fmt: skip
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        "on_task (app.py:3) gets its events by a stream of topic 'tasks' of 'pubsub'",
        "on_task (app.py:3) gets no events: the stream of topic 'tasks' of 'pubsub' is not open, and is "
        "tried again until it is: gone",
        "on_task (app.py:3) gets its events again by a stream of topic 'tasks' of 'pubsub'",
    ]


async def test_waiting_grows_to_a_bound_and_begins_anew() -> None:
    sidecar = Sidecar()
    given = context(sidecar, App())
    clock = given.clock
    assert isinstance(clock, Clock)
    async with consuming([HANDLER], given):
        await settle()
        assert clock.slept[:3] == pytest.approx([0.0375, 0.075, 0.15])
        assert max(clock.slept) <= 1
        sidecar.ready.append(stream := Stream())
        await settle()
        clock.slept.clear()
        stream.end()
        await settle()
        assert clock.slept[0] == pytest.approx(0.0375)


async def test_a_refusal_is_told_even_of_a_sidecar_that_was_away(caplog: pytest.LogCaptureFixture) -> None:
    sidecar = Sidecar([StreamEnded("away"), StreamEnded("pubsub is not found", refused=True)])
    async with consuming([HANDLER], context(sidecar, App())):
        await settle()
    levels = [(record.levelname, record.getMessage().rpartition(": ")[2]) for record in caplog.records]
    assert levels == [("WARNING", "away"), ("ERROR", "pubsub is not found")]


async def test_what_cannot_be_told_any_more_is_delivered_again(caplog: pytest.LogCaptureFixture) -> None:
    first, second, app = Stream(), Stream(), App()
    async with consuming([HANDLER], context(Sidecar([first, second]), app)):
        first.send("1")
        await settle()
        first.end()
        await settle()
        second.send("1")
        app.release.set()
        await settle()
    assert (first.settled, second.settled) == ([], [("1", DeliveryStatus.SUCCESS)])
    assert "what became of event '1' of topic 'tasks' of 'pubsub' (SUCCESS) could not be told" in caplog.text


async def test_at_the_end_what_is_in_flight_is_settled_and_nothing_more_is_taken() -> None:
    stream, app = Stream(), App()
    ending = asyncio.Event()

    async def live() -> None:
        async with consuming([HANDLER], context(Sidecar([stream]), app)):
            stream.send("1")
            await settle()
            ending.set()

    living = asyncio.create_task(live())
    await ending.wait()
    await settle()
    stream.send("2")
    await settle()
    assert not living.done()
    app.release.set()
    await living
    assert stream.settled == [("1", DeliveryStatus.SUCCESS)]
    assert stream.closed
    assert len(app.requests) == 1


async def test_what_is_not_settled_in_time_is_cancelled_and_told(caplog: pytest.LogCaptureFixture) -> None:
    stream, app = Stream(), App()
    async with consuming([HANDLER], context(Sidecar([stream]), app, settling_seconds=0)):
        stream.send("1")
        await settle()
    assert (stream.settled, app.running) == ([], 0)
    assert "1 events of topic 'tasks' of 'pubsub' were not settled within 0 s" in caplog.text


async def test_a_bug_does_not_end_the_events(caplog: pytest.LogCaptureFixture) -> None:
    first, second, app = Stream(), Stream(), App()
    app.release.set()
    async with consuming([HANDLER], context(Sidecar([first, second]), app)):
        await settle()
        first.end(ValueError("a bug"))
        await settle()
        second.send("1")
        await settle()
    assert second.settled == [("1", DeliveryStatus.SUCCESS)]
    assert "ended unexpectedly, and is opened again" in caplog.text
