"""Handlers that take a batch of events."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from pydantic import BaseModel

from outboard import DeliveryStatus, Drop, Event, Outboard, current_event
from outboard.errors import HandlerUnsuitable
from support.bulk import bulk_entry, deliver_bulk
from support.scripted import ScriptedExchange
from support.serving import Serving

pytestmark = pytest.mark.anyio

SUCCESS, RETRY, DROP = DeliveryStatus.SUCCESS, DeliveryStatus.RETRY, DeliveryStatus.DROP


class Task(BaseModel):
    id: int


def task(number: int, key: str = "", **more: Any) -> dict[str, Any]:
    envelope = {"id": f"e-{number}", "source": "backend", "specversion": "1.0", "type": "task.created"}
    keyed = {"partitionkey": key} if key else {}
    return {**envelope, **keyed, "data": {"id": number}, **more}


def entries(numbers: Sequence[int], key: str = "") -> list[dict[str, Any]]:
    return [bulk_entry(str(number), task(number, key)) for number in numbers]


log: list[str] = []


@pytest.fixture(autouse=True)
def _clear() -> Iterator[None]:
    log.clear()
    yield


async def session() -> AsyncIterator[list[int]]:
    log.append("begin")
    rows: list[int] = []
    try:
        yield rows
    except BaseException:
        log.append("rollback")
        raise
    if 99 in rows:
        raise ConnectionError("the commit failed")
    log.append(f"commit {rows}")


Session = Annotated[list[int], Depends(session)]


async def broken_session(session: Session) -> list[int]:
    session.append(99)
    return session


async def forbidden() -> None:
    raise HTTPException(404, "nothing here")


@pytest.fixture
def app(board: Outboard) -> FastAPI:
    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)
    return app


class Handler:
    """Puts what it is given into one session; fails or drops a batch that has what it is told of."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.failing: set[int] = set()
        self.dropping: set[int] = set()

    async def __call__(self, events: Sequence[Event[Task]], session: Session) -> None:
        numbers = [event.data.id for event in events]
        self.batches.append(numbers)
        session.extend(numbers)
        if self.failing & set(numbers):
            raise OSError("database away")
        if self.dropping & set(numbers):
            raise Drop("not ours")


def declare(board: Outboard, max_events: int = 100, **options: Any) -> Handler:
    handler = Handler()
    board.topic("tasks", Task).subscribe_batch("/on", max_events=max_events, **options)(handler)
    return handler


async def test_a_batch_is_handled_together(app: FastAPI, board: Outboard, serving: Serving) -> None:
    handler = declare(board)
    async with serving(app, board) as client:
        statuses = await deliver_bulk(client, "/on", entries(range(4)))
    assert statuses == {str(number): "SUCCESS" for number in range(4)}
    assert handler.batches == [[0, 1, 2, 3]]
    assert log == ["begin", "commit [0, 1, 2, 3]"]


async def test_it_may_be_annotated_as_a_list(app: FastAPI, board: Outboard, serving: Serving) -> None:
    got: list[object] = []

    @board.topic("tasks", Task).subscribe_batch("/on")
    async def on_tasks(events: Sequence[Event[Task]]) -> None:
        got.append(events)

    async with serving(app, board) as client:
        await deliver_bulk(client, "/on", entries([1]))
    assert isinstance(got[0], list)


async def test_what_comes_alone_is_a_batch_of_one(app: FastAPI, board: Outboard, serving: Serving) -> None:
    handler = declare(board)
    headers = {"content-type": "application/cloudevents+json"}
    async with serving(app, board) as client:
        response = await client.post("/on", content=json.dumps(task(1)), headers=headers)
        assert response.json() == {"status": "SUCCESS"}
        handler.failing = {2}
        response = await client.post("/on", content=json.dumps(task(2)), headers=headers)
        assert response.json() == {"status": "RETRY"}
    assert handler.batches == [[1], [2]]
    assert log == ["begin", "commit [1]", "begin", "rollback"]


async def test_an_empty_batch_is_not_handled(app: FastAPI, board: Outboard, serving: Serving) -> None:
    handler = declare(board)
    async with serving(app, board) as client:
        assert await deliver_bulk(client, "/on", []) == {}
    assert handler.batches == []


async def test_never_more_than_the_author_said(app: FastAPI, board: Outboard, serving: Serving) -> None:
    handler = declare(board, max_events=3)
    async with serving(app, board) as client:
        await deliver_bulk(client, "/on", entries(range(7)))
    assert handler.batches == [[0, 1, 2], [3, 4, 5], [6]]


async def test_what_fails_together_comes_again_together(
    app: FastAPI, board: Outboard, serving: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    handler = declare(board)
    handler.failing = {2}
    async with serving(app, board) as client:
        for _ in range(2):
            assert set((await deliver_bulk(client, "/on", entries(range(5)))).values()) == {"RETRY"}
    assert log == ["begin", "rollback"] * 2
    records = [record for record in caplog.records if record.name == "outboard.subscriptions"]
    assert len(records) == 2
    said = records[1].getMessage()
    assert "a batch of 5 events ('e-0', 'e-1', 'e-2', ...) of topic 'tasks'" in said
    assert "OSError was raised (attempt 2 here)" in said
    assert records[1].exc_info is not None


@pytest.mark.parametrize("dependency", [broken_session, forbidden])
async def test_a_dependency_that_fails_is_retry_for_all(
    app: FastAPI, board: Outboard, serving: Serving, dependency: Any
) -> None:
    depends = Depends(dependency)

    @board.topic("tasks", Task).subscribe_batch("/on")
    async def on_tasks(events: Sequence[Event[Task]], given: Any = depends) -> None: ...

    async with serving(app, board) as client:
        assert set((await deliver_bulk(client, "/on", entries(range(3)))).values()) == {"RETRY"}


async def test_after_a_batch_that_failed_no_key_of_it_goes_on(
    app: FastAPI, board: Outboard, serving: Serving
) -> None:
    handler = declare(board, max_events=2)
    handler.failing = {1}
    mixed = [
        *entries([1], "a"),
        *entries([2], "b"),
        *entries([3], "a"),
        *entries([4], "c"),
        *entries([5], "b"),
    ]
    async with serving(app, board) as client:
        statuses = await deliver_bulk(client, "/on", [*mixed, *entries([6])])
    assert handler.batches == [[1, 2], [4, 6]]
    assert statuses == {
        "1": "RETRY",
        "2": "RETRY",
        "3": "RETRY",
        "4": "SUCCESS",
        "5": "RETRY",
        "6": "SUCCESS",
    }


async def test_poison_is_settled_alone_and_the_handler_gets_the_rest(
    app: FastAPI, board: Outboard, exchange: ScriptedExchange, serving: Serving
) -> None:
    handler = declare(board)
    batch = entries(range(4), "a")
    batch[1]["event"]["data"] = {"id": "x"}
    async with serving(app, board) as client:
        statuses = await deliver_bulk(client, "/on", batch)
    assert set(statuses.values()) == {"SUCCESS"}
    assert handler.batches == [[0, 2, 3]]
    assert [event["id"] for event in exchange.events] == ["e-1"]


async def test_poison_is_kept_even_where_the_rest_fails(
    app: FastAPI, board: Outboard, exchange: ScriptedExchange, serving: Serving
) -> None:
    handler = declare(board)
    handler.failing = {0}
    batch = [*entries([0]), bulk_entry("1", task(1, data=[]))]
    async with serving(app, board) as client:
        assert await deliver_bulk(client, "/on", batch) == {"0": "RETRY", "1": "SUCCESS"}
    assert exchange.topics == ["tasks-dead"]


async def test_held_poison_holds_what_is_behind_it(app: FastAPI, board: Outboard, serving: Serving) -> None:
    handler = declare(board, dead_letter=None)
    batch = [*entries([0, 1, 2], "a"), *entries([3], "b"), bulk_entry("4", task(4, "a", data=[]))]
    batch[1]["event"]["data"] = []
    async with serving(app, board) as client:
        statuses = await deliver_bulk(client, "/on", batch)
    assert statuses == {"0": "SUCCESS", "1": "RETRY", "2": "RETRY", "3": "SUCCESS", "4": "RETRY"}
    assert handler.batches == [[0, 3]]


async def test_only_poison(app: FastAPI, board: Outboard, serving: Serving) -> None:
    handler = declare(board, on_invalid="drop")
    async with serving(app, board) as client:
        assert await deliver_bulk(client, "/on", [bulk_entry("0", task(0, data=[]))]) == {"0": "DROP"}
    assert handler.batches == []


async def test_drop_is_about_one_event_which_is_then_found(
    app: FastAPI, board: Outboard, exchange: ScriptedExchange, serving: Serving
) -> None:
    handler = declare(board)
    handler.dropping = {1}
    handler.failing = {3}
    async with serving(app, board) as client:
        handler.failing = set()
        statuses = await deliver_bulk(client, "/on", entries(range(3), "a"))
    assert set(statuses.values()) == {"SUCCESS"}
    assert handler.batches == [[0, 1, 2], [0], [1], [2]]
    assert log == ["begin", "rollback", "begin", "commit [0]", "begin", "rollback", "begin", "commit [2]"]
    assert [event["id"] for event in exchange.events] == ["e-1"]
    assert exchange.events[0]["deadletterreason"] == "not ours"


async def test_taken_apart_a_failure_still_holds_its_key(
    app: FastAPI, board: Outboard, serving: Serving
) -> None:
    class Picky(Handler):
        async def __call__(self, events: Sequence[Event[Task]], session: Session) -> None:
            await super().__call__(events, session)
            if [event.data.id for event in events] == [2]:
                raise OSError("database away")

    handler = Picky()
    handler.dropping = {1}
    board.topic("tasks", Task).subscribe_batch("/on")(handler)
    batch = [*entries([1, 2, 3], "a"), *entries([4], "b")]
    async with serving(app, board) as client:
        statuses = await deliver_bulk(client, "/on", batch)
    assert statuses == {"1": "SUCCESS", "2": "RETRY", "3": "RETRY", "4": "SUCCESS"}
    assert handler.batches == [[1, 2, 3, 4], [1], [2], [4]]


@pytest.mark.parametrize(
    ("result", "expected", "dead"),
    [
        (None, [SUCCESS] * 3, []),
        (SUCCESS, [SUCCESS] * 3, []),
        (RETRY, [RETRY] * 3, []),
        (DROP, [SUCCESS] * 3, ["e-0", "e-1", "e-2"]),
        ([SUCCESS, SUCCESS, SUCCESS], [SUCCESS] * 3, []),
        ([SUCCESS, DROP, RETRY], [SUCCESS, SUCCESS, RETRY], ["e-1"]),
        ([SUCCESS, RETRY, SUCCESS], [SUCCESS, RETRY, RETRY], []),
        ((SUCCESS, RETRY, DROP), [SUCCESS, RETRY, RETRY], []),
        ([], [RETRY] * 3, []),
        ([SUCCESS], [RETRY] * 3, []),
        ([SUCCESS, SUCCESS, "retry"], [SUCCESS, SUCCESS, RETRY], []),
        ("later", [RETRY] * 3, []),
    ],
)
async def test_what_a_handler_may_return(
    app: FastAPI,
    board: Outboard,
    exchange: ScriptedExchange,
    serving: Serving,
    result: Any,
    expected: list[DeliveryStatus],
    dead: list[str],
) -> None:
    @board.topic("tasks", Task).subscribe_batch("/on")
    async def on_tasks(events: Sequence[Event[Task]]) -> list[DeliveryStatus] | None:
        return result  # type: ignore[no-any-return]

    async with serving(app, board) as client:
        statuses = await deliver_bulk(client, "/on", entries(range(3), "a"))
    assert list(statuses.values()) == expected
    assert [event["id"] for event in exchange.events] == dead


async def test_the_request_is_the_whole_delivery(app: FastAPI, board: Outboard, serving: Serving) -> None:
    seen: list[Any] = []

    @board.topic("tasks", Task).subscribe_batch("/on")
    async def on_tasks(events: Sequence[Event[Task]], request: Request) -> None:
        seen.extend([request.headers["content-type"], len((await request.json())["entries"])])

    async with serving(app, board) as client:
        await deliver_bulk(client, "/on", entries(range(3)))
    assert seen == ["application/json", 3]


async def event_id(event: Annotated[Event[Task], Depends(current_event)]) -> str:
    return event.id


def test_the_current_event_is_refused_for_a_batch(board: Outboard) -> None:
    async def on_tasks(events: Sequence[Event[Task]], id: Annotated[str, Depends(event_id)]) -> None: ...

    with pytest.raises(HandlerUnsuitable, match="there is no single event"):
        board.topic("tasks", Task).subscribe_batch("/on")(on_tasks)


async def test_a_router_that_needs_the_current_event_is_refused_for_a_batch(board: Outboard) -> None:
    router = APIRouter()

    @board.topic("tasks", Task).subscribe_batch("/on", router=router)
    async def on_tasks(events: Sequence[Event[Task]]) -> None: ...

    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)
    with pytest.raises(HandlerUnsuitable, match="there is no single event"):
        app.include_router(router, dependencies=[Depends(event_id)])
        async with app.router.lifespan_context(app):
            pass


async def test_who_asks_for_the_current_event_by_hand_is_told(
    app: FastAPI, board: Outboard, serving: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    @board.topic("tasks", Task).subscribe_batch("/on")
    async def on_tasks(events: Sequence[Event[Task]], request: Request) -> None:
        await current_event(request)

    async with serving(app, board) as client:
        assert set((await deliver_bulk(client, "/on", entries(range(2)))).values()) == {"RETRY"}
    errors = [record.exc_info[1] for record in caplog.records if record.exc_info]
    assert ["there is no single event" in str(error) for error in errors] == [True]


async def test_attempts_end_with_success(
    app: FastAPI, board: Outboard, serving: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    handler = declare(board)
    async with serving(app, board) as client:
        for failing in ({1}, {1}, set(), {1}):
            handler.failing = failing
            await deliver_bulk(client, "/on", entries(range(2)))
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert [line[-len("(attempt 1 here)") :] for line in said] == [
        f"(attempt {number} here)" for number in (1, 2, 1)
    ]
