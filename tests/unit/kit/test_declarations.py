"""What is refused before the first event, and what `/dapr/subscribe` answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from fastapi import APIRouter, Body, Depends, FastAPI
from pydantic import BaseModel

from outboard import BulkOptions, Event, Outboard, current_event
from outboard.errors import (
    DeclarationError,
    DuplicateSubscription,
    HandlerUnsuitable,
    InvalidName,
    NotMounted,
    RouterNotIncluded,
)
from support.serving import Serving

if TYPE_CHECKING:
    from decimal import Decimal

pytestmark = pytest.mark.anyio


class Task(BaseModel):
    id: int


async def on_task(event: Event[Task]) -> None: ...


async def on_other(event: Event[Task]) -> None: ...


async def needs_body(task: Task) -> int:
    return task.id


def mounted(board: Outboard, *routers: APIRouter) -> FastAPI:
    app = FastAPI(lifespan=board.lifespan)
    for router in routers:
        app.include_router(router)
    board.mount(app)
    return app


async def start(app: FastAPI) -> None:
    async with app.router.lifespan_context(app):
        pass


async def listed(serving: Serving, app: FastAPI, board: Outboard) -> Any:
    async with serving(app, board) as client:
        response = await client.get("/dapr/subscribe")
        assert response.status_code == 200
        return response.json()


async def test_one_handler_is_one_route(board: Outboard, serving: Serving) -> None:
    board.topic("task-events", Task, pubsub="kafka-pubsub").subscribe("/events/task")(on_task)
    assert await listed(serving, mounted(board), board) == [
        {"pubsubname": "kafka-pubsub", "topic": "task-events", "route": "/events/task"}
    ]


async def test_nothing_declared_is_an_empty_list(board: Outboard, serving: Serving) -> None:
    assert await listed(serving, mounted(board), board) == []


async def test_rules_stand_in_order_of_priority(board: Outboard, serving: Serving) -> None:
    topic = board.topic("tasks", Task)
    router = APIRouter(prefix="/events")
    topic.subscribe("/rest", router=router)(on_task)
    topic.subscribe("/late", router=router, match='event.type == "b"', priority=2)(on_task)
    topic.subscribe("/early", router=router, match='event.type == "a"', priority=1)(on_other)
    topic.subscribe("/first", match='event.type == "c"')(on_other)
    outer = APIRouter()
    outer.include_router(router, prefix="/v1")
    assert await listed(serving, mounted(board, outer), board) == [
        {
            "pubsubname": "pubsub",
            "topic": "tasks",
            "routes": {
                "rules": [
                    {"match": 'event.type == "c"', "path": "/first"},
                    {"match": 'event.type == "a"', "path": "/v1/events/early"},
                    {"match": 'event.type == "b"', "path": "/v1/events/late"},
                ],
                "default": "/v1/events/rest",
            },
        }
    ]


async def test_a_dead_letter_topic_is_announced_only_where_asked(board: Outboard, serving: Serving) -> None:
    board.topic("a", Task).subscribe("/a", announce_dead_letter=True, metadata={"rawPayload": "true"})(
        on_task
    )
    board.topic("b", Task).subscribe("/b")(on_task)
    assert await listed(serving, mounted(board), board) == [
        {
            "pubsubname": "pubsub",
            "topic": "a",
            "route": "/a",
            "deadLetterTopic": "a-dead",
            "metadata": {"rawPayload": "true"},
        },
        {"pubsubname": "pubsub", "topic": "b", "route": "/b"},
    ]


async def on_tasks(events: Sequence[Event[Task]]) -> None: ...


async def test_bulk_delivery_is_asked_for_with_its_bounds(board: Outboard, serving: Serving) -> None:
    board.topic("a", Task).subscribe("/a", bulk=True)(on_task)
    options = BulkOptions(max_messages_count=50, max_await_duration_ms=20)
    board.topic("b", Task).subscribe("/b", bulk=options)(on_task)
    board.topic("c", Task).subscribe_batch("/c", max_await_duration_ms=5)(on_tasks)
    board.topic("d", Task).subscribe("/d", bulk=False)(on_task)
    answer = await listed(serving, mounted(board), board)
    assert [item.get("bulkSubscribe") for item in answer] == [
        {"enabled": True, "maxMessagesCount": 0, "maxAwaitDurationMs": 10},
        {"enabled": True, "maxMessagesCount": 50, "maxAwaitDurationMs": 20},
        {"enabled": True, "maxMessagesCount": 100, "maxAwaitDurationMs": 5},
        None,
    ]


async def test_one_handler_s_wish_is_that_of_its_topic(board: Outboard, serving: Serving) -> None:
    topic = board.topic("a", Task)
    topic.subscribe("/a", match="a", bulk=BulkOptions(max_await_duration_ms=20))(on_task)
    topic.subscribe_batch("/b", match="b", max_events=50)(on_tasks)
    topic.subscribe("/c")(on_task)
    (item,) = await listed(serving, mounted(board), board)
    assert item["bulkSubscribe"] == {"enabled": True, "maxMessagesCount": 50, "maxAwaitDurationMs": 20}


async def test_a_wait_that_nobody_names_is_short(board: Outboard, serving: Serving) -> None:
    topic = board.topic("a", Task)
    topic.subscribe("/a", match="a", bulk=True)(on_task)
    topic.subscribe_batch("/b", match="b", max_events=50)(on_tasks)
    (item,) = await listed(serving, mounted(board), board)
    assert item["bulkSubscribe"] == {"enabled": True, "maxMessagesCount": 50, "maxAwaitDurationMs": 10}


async def test_bounds_of_one_topic_must_agree(board: Outboard) -> None:
    topic = board.topic("a", Task)
    topic.subscribe_batch("/a", match="a", max_events=50)(on_tasks)
    topic.subscribe("/b", bulk=BulkOptions(max_messages_count=20))(on_task)
    with pytest.raises(HandlerUnsuitable, match=r"on_task .* at most 20 events, and on_tasks .* for 50"):
        await start(mounted(board))


async def test_a_handler_of_batches_is_a_handler_of_its_topic(board: Outboard) -> None:
    topic = board.topic("a", Task)
    topic.subscribe_batch("/a")(on_tasks)
    topic.subscribe("/b")(on_task)
    with pytest.raises(DuplicateSubscription):
        await start(mounted(board))


@pytest.mark.parametrize("number", [-1, True, "5", 2**31])
def test_bounds_that_cannot_be_meant(board: Outboard, number: Any) -> None:
    topic = board.topic("a", Task)
    for name in ("max_messages_count", "max_await_duration_ms", "concurrency"):
        with pytest.raises(HandlerUnsuitable, match=name):
            topic.subscribe("/a", bulk=BulkOptions(**{name: number}))(on_task)
    with pytest.raises(HandlerUnsuitable, match="max_events"):
        topic.subscribe_batch("/a", max_events=number)(on_tasks)
    with pytest.raises(HandlerUnsuitable, match="max_events=0"):
        topic.subscribe_batch("/a", max_events=0)(on_tasks)


@pytest.mark.parametrize("kind", ["subscribe", "subscribe_batch"])
def test_a_handler_that_is_decorated_without_a_path_is_told_at_once(board: Outboard, kind: str) -> None:
    decorate: Any = getattr(board.topic("a", Task), kind)
    said = r"^handler on_task \(.*test_declarations.py:\d+\) is decorated without a path. Write `@topic.sub"
    with pytest.raises(HandlerUnsuitable, match=said):
        decorate(on_task)


async def no_arguments() -> None: ...


async def of_one(event: Event[Task]) -> None: ...


async def of_payloads(events: Sequence[Task]) -> None: ...


async def of_tuples(events: tuple[Event[Task], ...]) -> None: ...


async def of_batch_with_body(events: Sequence[Event[Task]], task: Task) -> None: ...


@pytest.mark.parametrize(
    ("handler", "said"),
    [
        (no_arguments, "Take the events first"),
        (of_one, "takes Event[Task], but is given a list of events"),
        (of_payloads, "takes Sequence of Task, but is given a list of events"),
        (of_tuples, "takes tuple, but is given a list of events"),
        (of_batch_with_body, "current_event"),
    ],
)
def test_handlers_of_batches_that_could_not_be_called(board: Outboard, handler: Any, said: str) -> None:
    with pytest.raises(HandlerUnsuitable) as caught:
        board.topic("tasks", Task).subscribe_batch("/on")(handler)
    assert said in str(caught.value)


def test_a_handler_of_batches_under_the_wrong_decorator(board: Outboard) -> None:
    with pytest.raises(HandlerUnsuitable, match=r"takes Sequence, but is given an Event.*subscribe_batch"):
        board.topic("tasks", Task).subscribe("/on")(on_tasks)  # type: ignore[arg-type]


async def test_handlers_may_be_declared_after_mounting_and_for_several_apps(
    board: Outboard, serving: Serving
) -> None:
    board.topic("a", Task).subscribe("/a")(on_task)
    first = mounted(board)
    board.topic("b", Task).subscribe("/b")(on_task)
    second = mounted(board)
    board.mount(second)
    for app in (first, second):
        assert [item["route"] for item in await listed(serving, app, board)] == ["/a", "/b"]


@pytest.mark.parametrize("match", ["", "  ", 'event.type == "a"'])
async def test_two_handlers_for_one_topic_and_rule_are_refused_with_both_places(
    board: Outboard, match: str
) -> None:
    topic = board.topic("tasks", Task)
    topic.subscribe("/a", match=match)(on_task)
    topic.subscribe("/b", match=match)(on_other)
    with pytest.raises(DuplicateSubscription) as caught:
        await start(mounted(board))
    for function in (on_task, on_other):
        code = function.__code__
        assert f"{function.__name__} ({Path(__file__)}:{code.co_firstlineno})" in str(caught.value)


async def test_the_same_topic_of_another_component_is_another_topic(board: Outboard) -> None:
    board.topic("tasks", Task).subscribe("/a")(on_task)
    board.topic("tasks", Task, pubsub="other").subscribe("/b")(on_task)
    await start(mounted(board))


async def test_a_router_that_is_not_included_is_refused(board: Outboard) -> None:
    board.topic("tasks", Task).subscribe("/a", router=APIRouter())(on_task)
    with pytest.raises(RouterNotIncluded, match="on_task"):
        await start(mounted(board))


async def test_a_board_that_is_not_mounted_is_refused(board: Outboard) -> None:
    board.topic("tasks", Task).subscribe("/a")(on_task)
    with pytest.raises(NotMounted, match="on_task"):
        await start(FastAPI(lifespan=board.lifespan))


async def test_a_router_in_an_app_without_the_board_is_refused(board: Outboard) -> None:
    router = APIRouter()
    board.topic("tasks", Task).subscribe("/a", router=router)(on_task)
    await start(mounted(board, router))
    forgetful = FastAPI(lifespan=board.lifespan)
    forgetful.include_router(router)
    with pytest.raises(NotMounted):
        await start(forgetful)


async def test_two_handlers_on_one_path_are_refused(board: Outboard) -> None:
    board.topic("a", Task).subscribe("/same")(on_task)
    board.topic("b", Task).subscribe("/same")(on_other)
    with pytest.raises(HandlerUnsuitable, match="/same"):
        await start(mounted(board))


async def test_handlers_of_one_topic_that_contradict_each_other(board: Outboard) -> None:
    topic = board.topic("a", Task)
    topic.subscribe("/a", dead_letter="x", announce_dead_letter=True, metadata={"m": "1"})(on_task)
    topic.subscribe("/b", match="true", dead_letter="y", announce_dead_letter=True)(on_other)
    with pytest.raises(HandlerUnsuitable, match="announces"):
        await start(mounted(board))


async def test_metadata_of_one_topic_must_agree(board: Outboard) -> None:
    topic = board.topic("a", Task)
    topic.subscribe("/a", metadata={"m": "1"})(on_task)
    topic.subscribe("/b", match="true", metadata={"m": "2"})(on_other)
    with pytest.raises(HandlerUnsuitable, match="m='2'"):
        await start(mounted(board))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"dead_letter": "tasks"}, HandlerUnsuitable),
        ({"dead_letter": "../x"}, InvalidName),
        ({"dead_letter": ""}, InvalidName),
        ({"dead_letter": "x", "on_invalid": "drop"}, HandlerUnsuitable),
        ({"dead_letter": None, "announce_dead_letter": True}, HandlerUnsuitable),
        ({"on_invalid": "dorp"}, HandlerUnsuitable),
        ({"path": "no-slash"}, HandlerUnsuitable),
        ({"path": "/a/{id}"}, HandlerUnsuitable),
    ],
)
def test_options_that_cannot_be_meant(
    board: Outboard, options: dict[str, Any], expected: type[DeclarationError]
) -> None:
    arguments = {"path": "/on"} | options
    with pytest.raises(expected):
        board.topic("tasks", Task).subscribe(**arguments)(on_task)


async def no_parameters() -> None: ...


async def payload(task: Task) -> None: ...


async def keyword_only(*, event: Event[Task]) -> None: ...


async def variadic(event: Event[Task], *rest: int) -> None: ...


async def keywords(event: Event[Task], **rest: int) -> None: ...


async def with_model(event: Event[Task], task: Task) -> None: ...


async def with_body(event: Event[Task], x: Annotated[int, Body()]) -> None: ...


async def with_body_below(event: Event[Task], id: Annotated[int, Depends(needs_body)]) -> None: ...


async def with_second_event(event: Event[Task], again: Event[Task]) -> None: ...


async def with_unknown(event: Event[Task], amount: Decimal) -> None: ...


@pytest.mark.parametrize(
    ("handler", "said"),
    [
        (no_parameters, "Take the event first"),
        (payload, "takes Task, but is given an Event"),
        (keyword_only, "Take the event first"),
        (variadic, "takes '*rest"),
        (keywords, "takes '**rest"),
        (with_model, "current_event"),
        (with_body, "current_event"),
        (with_body_below, "current_event"),
        (with_second_event, "current_event"),
        (with_unknown, "under TYPE_CHECKING"),
    ],
)
def test_handlers_that_could_not_be_called(board: Outboard, handler: Any, said: str) -> None:
    with pytest.raises(HandlerUnsuitable) as caught:
        board.topic("tasks", Task).subscribe("/on")(handler)
    assert said in str(caught.value)
    assert f"{handler.__name__} ({Path(__file__)}:" in str(caught.value)


async def test_a_router_whose_dependency_reads_the_body_is_refused(board: Outboard) -> None:
    router = APIRouter()
    board.topic("tasks", Task).subscribe("/on", router=router)(on_task)
    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)
    with pytest.raises(HandlerUnsuitable, match="on_task"):
        app.include_router(router, dependencies=[Depends(needs_body)])
        await start(app)


async def test_methods_callables_and_unannotated_handlers_will_do(board: Outboard, serving: Serving) -> None:
    class Handlers:
        def __init__(self) -> None:
            self.ids: list[str] = []

        async def method(self, event: Event[Task]) -> None:
            self.ids.append(event.id)

        async def __call__(self, event: Event[Task], id: Annotated[object, Depends(current_event)]) -> None:
            self.ids.append(event.id)

    async def bare(event) -> None:  # type: ignore[no-untyped-def]
        handlers.ids.append(event.id)

    handlers = Handlers()
    topic = board.topic("tasks", Task)
    topic.subscribe("/method")(handlers.method)
    topic.subscribe("/call", match="a")(handlers)
    topic.subscribe("/bare", match="b")(bare)
    envelope = {"source": "s", "specversion": "1.0", "type": "t", "data": {"id": 1}}
    async with serving(mounted(board), board) as client:
        for path in ("/method", "/call", "/bare"):
            response = await client.post(path, json={**envelope, "id": path})
            assert response.json() == {"status": "SUCCESS"}
    assert handlers.ids == ["/method", "/call", "/bare"]


def test_a_handler_may_use_a_name_that_has_no_value_yet() -> None:
    board = Outboard(environ={})

    @board.topic("tasks", Task).subscribe("/task")
    async def on_one(event: Event[Task]) -> None:
        later.append(event.data.id)

    later: list[int] = []
    assert later == []
