"""Spans of what is published and handled, against OpenTelemetry's semantic conventions for messaging."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from pydantic import BaseModel

from outboard import Drop, Event, Outboard, Sensitive, SidecarUnavailable
from outboard.errors import PublishFailed
from outboard.kit.client.http import HttpSidecar
from outboard.kit.client.port import Publication
from outboard.kit.telemetry import providers
from outboard.testing import Harness

pytestmark = pytest.mark.anyio

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SERVER = {"server.address": "127.0.0.1", "server.port": 3500}
EXCEPTION = "exception"


class Spans:
    """What has ended, by name."""

    def __init__(self, exporter: InMemorySpanExporter, tracer: trace.Tracer) -> None:
        self._exporter = exporter
        self.tracer = tracer

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self._exporter.get_finished_spans() if span.name == name]

    def one(self, name: str) -> ReadableSpan:
        (span,) = self.named(name)
        return span


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spans]:
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(providers, "tracer", lambda: provider.get_tracer("outboard"))
    yield Spans(exporter, provider.get_tracer("the app"))
    provider.shutdown()


def service(board: Outboard) -> FastAPI:
    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)
    return app


def operation(topic: str, name: str, type: str) -> dict[str, Any]:
    return {
        "messaging.system": "dapr",
        "messaging.destination.name": topic,
        "dapr.pubsub.name": "pubsub",
        "messaging.operation.name": name,
        "messaging.operation.type": type,
    }


def said(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def ids(span: ReadableSpan) -> tuple[int, int]:
    context = span.get_span_context()
    assert context is not None
    return context.trace_id, context.span_id


def links(span: ReadableSpan) -> list[tuple[int, int]]:
    return [(link.context.trace_id, link.context.span_id) for link in span.links]


async def test_an_event_that_leaves_alone_is_a_publish_span_whose_place_it_carries(
    outboard: Harness, spans: Spans
) -> None:
    board = Outboard(app_id="backend", environ={})
    tasks = board.topic("tasks", dict[str, int])
    async with outboard.serving(service(board), board):
        with spans.tracer.start_as_current_span("request") as request:
            event = await tasks.publish({"a": 1}, key="k")
    span = spans.one("publish tasks")
    assert span.kind is SpanKind.PRODUCER
    assert span.parent is not None
    assert span.parent.span_id == request.get_span_context().span_id
    trace_id, span_id = ids(span)
    assert str(event.extensions["traceparent"]).startswith(f"00-{trace_id:032x}-{span_id:016x}-")
    assert event.correlationid == f"{trace_id:032x}"
    attributes = said(span)
    assert attributes.pop("messaging.message.envelope.size") > 100
    assert attributes == {
        **operation("tasks", "publish", "send"),
        **SERVER,
        "messaging.message.id": event.id,
        "messaging.message.conversation_id": event.correlationid,
    }
    assert not spans.named("send tasks")


async def test_events_that_leave_together_are_create_spans_and_one_send_that_links_to_them(
    outboard: Harness, spans: Spans
) -> None:
    board = Outboard(app_id="backend", environ={})
    tasks = board.topic("tasks", int)
    async with outboard.serving(service(board), board):
        events = await asyncio.gather(*(tasks.publish(number) for number in range(10)))
    created, sent = spans.named("create tasks"), spans.named("send tasks")
    assert len(created) + len(spans.named("publish tasks")) == 10
    assert len(created) > 1
    for span in created:
        assert span.kind is SpanKind.PRODUCER
        assert said(span).items() >= operation("tasks", "create", "create").items()
    assert sorted(pair for span in sent for pair in links(span)) == sorted(map(ids, created))
    linked = {(link.attributes or {})["messaging.message.id"] for span in sent for link in span.links}
    assert linked <= {event.id for event in events}
    for span in sent:
        assert span.kind is SpanKind.CLIENT
        assert span.parent is None
        assert said(span) == {
            **operation("tasks", "send", "send"),
            **SERVER,
            "messaging.batch.message_count": len(span.links),
        }


async def test_a_trace_of_the_authors_own_stands_for_what_made_the_event(
    outboard: Harness, spans: Spans
) -> None:
    board = Outboard(app_id="backend", environ={})
    tasks = board.topic("tasks", int)
    async with outboard.serving(service(board), board):
        event = await tasks.publish(1, extensions={"traceparent": TRACE})
    assert event.extensions["traceparent"] == TRACE
    span = spans.one("publish tasks")
    assert span.kind is SpanKind.CLIENT
    assert links(span) == [(int(TRACE[3:35], 16), int(TRACE[36:52], 16))]


@pytest.mark.parametrize("headers", [{}, {"traceparent": TRACE}])
async def test_what_a_request_publishes_is_one_trace_also_where_nobody_makes_a_span_of_it(
    outboard: Harness, spans: Spans, headers: dict[str, str]
) -> None:
    board = Outboard(app_id="backend", environ={})
    tasks = board.topic("tasks", int)
    app = service(board)

    @app.post("/")
    async def publish_two() -> None:
        await tasks.publish(1)
        await tasks.publish(2)

    async with (
        outboard.serving(app, board),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as client,
    ):
        await client.post("/", headers=headers)
    events = outboard.published(tasks)
    ids = {str(event.extensions["traceparent"]).split("-")[1] for event in events}
    assert ids == {format(span.context.trace_id, "032x") for span in spans.named("publish tasks")}
    assert {event.correlationid for event in events} == ids
    assert len(ids) == 1
    assert not headers or ids == {TRACE.split("-")[1]}


async def test_a_run_of_a_handler_is_in_the_trace_of_its_event_and_what_it_publishes_is_below(
    outboard: Harness, spans: Spans
) -> None:
    board = Outboard(app_id="backend", environ={"OUTBOARD_CONSUMER_GROUP": "todo-group"})
    tasks, mails = board.topic("tasks", int), board.topic("mails", int)

    @tasks.subscribe("/events/task")
    async def on_task(event: Event[int]) -> None:
        await mails.publish(2)

    async with outboard.serving(service(board), board):
        event = await tasks.publish(1)
        await outboard.settled()
    published, handled, mailed = map(spans.one, ("publish tasks", "process tasks", "publish mails"))
    assert handled.kind is SpanKind.CONSUMER
    assert links(handled) == [ids(published)]
    assert ids(handled)[0] == ids(mailed)[0] == ids(published)[0]
    assert mailed.parent is not None
    assert mailed.parent.span_id == ids(handled)[1]
    assert said(handled) == {
        **operation("tasks", "process", "process"),
        **SERVER,
        "messaging.message.id": event.id,
        "messaging.message.conversation_id": event.correlationid,
        "messaging.consumer.group.name": "todo-group",
    }


@pytest.mark.parametrize(
    ("raised", "kind"), [(ValueError("no"), "ValueError"), (Drop("never"), "outboard.errors.Drop")]
)
async def test_a_run_that_fails_says_how(
    outboard: Harness, spans: Spans, raised: Exception, kind: str
) -> None:
    board = Outboard(app_id="backend", environ={})
    tasks = board.topic("tasks", int)
    failures = [raised]

    @tasks.subscribe("/events/task")
    async def on_task(event: Event[int]) -> None:
        if failures:
            raise failures.pop()

    async with outboard.serving(service(board), board):
        await tasks.publish(1)
        await outboard.settled()
    span = spans.named("process tasks")[0]
    assert span.status.status_code is StatusCode.ERROR
    assert said(span)["error.type"] == kind
    assert [event.name for event in span.events] == [EXCEPTION]


async def test_a_dead_letter_is_sent_with_a_link_to_what_made_its_event(
    outboard: Harness, spans: Spans
) -> None:
    board = Outboard(app_id="backend", environ={})
    tasks = board.topic("tasks", int)

    @tasks.subscribe("/events/task", dead_letter="graveyard")
    async def on_task(event: Event[int]) -> None:
        raise Drop("never")

    async with outboard.serving(service(board), board):
        await tasks.publish(1)
        await outboard.settled()
    span = spans.one("send graveyard")
    assert span.kind is SpanKind.CLIENT
    assert links(span) == [ids(spans.one("publish tasks"))]
    assert said(span) == {**operation("graveyard", "send", "send"), **SERVER}
    assert span.status.status_code is StatusCode.UNSET


async def test_a_dead_letter_that_cannot_be_sent_says_how(
    outboard: Harness, spans: Spans, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = Outboard(app_id="backend", environ={})
    tasks, refused = (
        board.topic("tasks", int),
        [PublishFailed("pubsub", "graveyard", 500, "", "the broker is away")],
    )

    @tasks.subscribe("/events/task", dead_letter="graveyard")
    async def on_task(event: Event[int]) -> None:
        raise Drop("never")

    publish = HttpSidecar.publish

    async def fails_once(self: HttpSidecar, letter: Publication, timeout: float) -> None:
        if refused:
            raise refused.pop()
        await publish(self, letter, timeout)

    async with outboard.serving(service(board), board):
        monkeypatch.setattr(HttpSidecar, "publish", fails_once)
        await tasks.publish(1)
        await outboard.settled()
    failed, sent = spans.named("send graveyard")
    assert said(failed)["error.type"] == "outboard.errors.PublishFailed"
    assert sent.status.status_code is StatusCode.UNSET


class Account(BaseModel):
    number: int
    email: Annotated[str, Sensitive()]


async def test_what_a_model_calls_sensitive_is_in_no_span(outboard: Harness, spans: Spans) -> None:
    board = Outboard(app_id="backend", environ={})
    accounts, runs = board.topic("accounts", Account), []

    @accounts.subscribe("/events/account")
    async def on_account(event: Event[Account]) -> None:
        runs.append(event)
        if len(runs) == 1:
            raise LookupError(f"nothing is known of {event.data!r}")

    async with outboard.serving(service(board), board):
        await accounts.publish(Account(number=7, email="ada@example.org"))
        await outboard.settled()
    span = spans.named("process accounts")[0]
    (event,) = span.events
    told = "\n".join(map(str, [span.status.description, *(event.attributes or {}).values(), said(span)]))
    assert "ada@example.org" not in told
    assert told.count("Account(number=7, email='***')") == 3
    assert "test_telemetry.py" in told


async def test_a_publish_that_fails_says_how(spans: Spans) -> None:
    board = Outboard(app_id="backend", timeout=0.1, environ={"DAPR_HTTP_PORT": "1"})
    async with board.connected():
        with pytest.raises(SidecarUnavailable):
            await board.topic("tasks", int).publish(1)
    span = spans.one("publish tasks")
    assert span.status.status_code is StatusCode.ERROR
    assert said(span)["error.type"] == "outboard.errors.SidecarUnavailable"
    assert said(span)["server.port"] == 1


async def test_a_batch_is_one_span_with_a_link_to_each_event(outboard: Harness, spans: Spans) -> None:
    board = Outboard(app_id="backend", environ={})
    tasks = board.topic("tasks", int)
    sizes = []

    @tasks.subscribe_batch("/events/task", max_await_duration_ms=50)
    async def on_tasks(events: Sequence[Event[int]]) -> None:
        sizes.append(len(events))

    async with outboard.serving(service(board), board):
        await asyncio.gather(*(tasks.publish(number) for number in range(20)))
        await outboard.settled()
    handled = spans.named("process tasks")
    made = [*spans.named("publish tasks"), *spans.named("create tasks")]
    assert sorted(pair for span in handled for pair in links(span)) == sorted(map(ids, made))
    assert [len(span.links) for span in handled] == sizes
    for span in handled:
        if len(span.links) > 1:
            assert said(span)["messaging.batch.message_count"] == len(span.links)
            assert "messaging.message.id" not in said(span)


async def test_without_a_provider_a_handler_runs_in_no_span(outboard: Harness) -> None:
    board = Outboard(app_id="backend", environ={})
    tasks = board.topic("tasks", int)
    seen = []

    @tasks.subscribe("/events/task")
    async def on_task(event: Event[int]) -> None:
        seen.append(trace.get_current_span().get_span_context().is_valid)

    async with outboard.serving(service(board), board):
        await tasks.publish(1)
        await outboard.settled()
    assert seen == [False]
