"""Handlers as FastAPI routes: what is injected, what runs when, and what the sidecar is told."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import pytest
from fastapi import (
    APIRouter,
    BackgroundTasks,
    Depends,
    FastAPI,
    Header,
    HTTPException,
    Request,
    Response,
)
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.requests import HTTPConnection
from starlette.types import Message

from outboard import DeliveryStatus, Event, Outboard, current_event
from outboard.kit.subscriptions.result import detail_in
from support.scripted import ScriptedExchange
from support.serving import Serving

pytestmark = pytest.mark.anyio


class Task(BaseModel):
    id: int
    title: str


class Log:
    """What happened, in order."""

    def __init__(self) -> None:
        self.lines: list[str] = []


log = Log()


@pytest.fixture(autouse=True)
def _clear() -> Iterator[None]:
    log.lines.clear()
    yield


async def session() -> AsyncIterator[str]:
    log.lines.append("begin")
    try:
        yield "session"
    except BaseException:
        log.lines.append("rollback")
        raise
    log.lines.append("commit")


async def broken_session() -> AsyncIterator[str]:
    yield "session"
    raise ConnectionError("the commit failed")


async def forbidden() -> None:
    raise HTTPException(404, "nothing here")


async def event_id(event: Annotated[Event[Task], Depends(current_event)]) -> str:
    return event.id


Session = Annotated[str, Depends(session)]
EventId = Annotated[str, Depends(event_id)]


@pytest.fixture
def app(board: Outboard) -> FastAPI:
    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)
    return app


async def deliver(
    serving: Serving, app: FastAPI, board: Outboard, envelope: dict[str, Any], path: str = "/on"
) -> tuple[int, dict[str, str]]:
    async with serving(app, board) as client:
        response = await client.post(path, json=envelope)
        return response.status_code, response.json()


SUCCESS = (200, {"status": "SUCCESS"})
RETRY = (200, {"status": "RETRY"})


async def test_a_handler_gets_its_event_and_what_it_depends_on(
    app: FastAPI, board: Outboard, serving: Serving, envelope: dict[str, Any]
) -> None:
    got: list[Any] = []

    @board.topic("tasks", Task).subscribe("/on")
    async def on_task(
        event: Event[Task],
        session: Session,
        id: EventId,
        request: Request,
        connection: HTTPConnection,
        response: Response,
        partition: Annotated[str | None, Header(alias="__partition")] = None,
    ) -> None:
        got.extend(
            [event, session, id, request.url.path, connection.url.path, await request.json(), partition]
        )

    assert await deliver(serving, app, board, envelope) == SUCCESS
    event = got[0]
    assert isinstance(event, Event)
    assert (event.id, event.source, event.type, event.data) == (
        "e-1",
        "backend",
        "task.created",
        Task(id=1, title="milk"),
    )
    assert got[1:] == ["session", "e-1", "/on", "/on", envelope, None]
    assert log.lines == ["begin", "commit"]


async def test_a_function_stays_a_function(board: Outboard) -> None:
    async def on_task(event: Event[Task]) -> None: ...

    assert board.topic("tasks", Task).subscribe("/on")(on_task) is on_task


async def test_a_plain_function_runs_in_a_thread(
    app: FastAPI, board: Outboard, serving: Serving, envelope: dict[str, Any]
) -> None:
    threads: list[int] = []

    @board.topic("tasks", Task).subscribe("/on")
    def on_task(event: Event[Task], session: Session) -> None:
        threads.append(threading.get_ident())

    assert await deliver(serving, app, board, envelope) == SUCCESS
    assert threads != [threading.get_ident()]


async def test_an_exception_is_retry_and_rolls_back(
    app: FastAPI,
    board: Outboard,
    serving: Serving,
    envelope: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    @board.topic("tasks", Task).subscribe("/on")
    async def on_task(event: Event[Task], session: Session) -> None:
        raise LookupError("not yet")

    assert await deliver(serving, app, board, envelope) == RETRY
    assert log.lines == ["begin", "rollback"]
    record = next(record for record in caplog.records if record.name == "outboard.subscriptions")
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None and isinstance(record.exc_info[1], LookupError)
    assert "event 'e-1' of topic 'tasks'" in record.getMessage()


async def test_the_detail_of_an_http_exception_is_logged(
    app: FastAPI,
    board: Outboard,
    serving: Serving,
    envelope: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    topic = board.topic("tasks", Task)

    @topic.subscribe("/on")
    async def on_task(event: Event[Task]) -> None:
        raise HTTPException(404, "no such customer")

    @topic.subscribe("/of-dependency", match="a")
    async def of_dependency(event: Event[Task], allowed: Annotated[None, Depends(forbidden)]) -> None: ...

    @topic.subscribe("/of-parameter", match="b")
    async def of_parameter(event: Event[Task], limit: int) -> None: ...

    for path, said in (
        ("/on", "was answered RETRY: HTTP 404 was answered for it: no such customer (attempt 1"),
        ("/of-dependency", "HTTP 404 was answered for it: nothing here"),
        ("/of-parameter", "not valid): query.limit: Field required"),
    ):
        caplog.clear()
        assert await deliver(serving, app, board, envelope, path) == RETRY
        assert said in caplog.text
        assert "will be delivered again" not in caplog.text


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", ""),
        (b"<html>", ""),
        (b"[1]", ""),
        (b"{}", ""),
        (b'{"detail":null}', ""),
        (b'{"detail":"why"}', "why"),
        (b'{"detail":{"code":7}}', "{'code': 7}"),
        (b'{"detail":[{"loc":["query","n"],"msg":"too large","input":"secret"},7]}', "query.n: too large"),
    ],
)
def test_the_detail_in_an_answer(body: bytes, detail: str) -> None:
    assert detail_in(body) == detail


async def test_a_failing_commit_is_retry(
    app: FastAPI, board: Outboard, serving: Serving, envelope: dict[str, Any]
) -> None:
    @board.topic("tasks", Task).subscribe("/on")
    async def on_task(event: Event[Task], session: Annotated[str, Depends(broken_session)]) -> None: ...

    assert await deliver(serving, app, board, envelope) == RETRY


async def test_a_failing_background_task_is_retry(
    app: FastAPI, board: Outboard, serving: Serving, envelope: dict[str, Any]
) -> None:
    def fail() -> None:
        raise OSError("disk full")

    @board.topic("tasks", Task).subscribe("/on")
    async def on_task(event: Event[Task], tasks: BackgroundTasks) -> None:
        tasks.add_task(fail)

    assert await deliver(serving, app, board, envelope) == RETRY


async def test_404_of_a_dependency_is_retry_because_daprd_would_drop_it(
    app: FastAPI, board: Outboard, serving: Serving, envelope: dict[str, Any]
) -> None:
    @board.topic("tasks", Task).subscribe("/on")
    async def on_task(event: Event[Task], allowed: Annotated[None, Depends(forbidden)]) -> None: ...

    assert await deliver(serving, app, board, envelope) == RETRY


async def test_a_parameter_that_is_missing_is_retry_and_never_422(
    app: FastAPI, board: Outboard, serving: Serving, envelope: dict[str, Any]
) -> None:
    @board.topic("tasks", Task).subscribe("/on")
    async def on_task(event: Event[Task], limit: int) -> None: ...

    assert await deliver(serving, app, board, envelope) == RETRY


async def test_an_exception_handler_cannot_make_a_failure_a_success(
    app: FastAPI, board: Outboard, serving: Serving, envelope: dict[str, Any]
) -> None:
    @app.exception_handler(LookupError)
    async def answer(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({})

    @board.topic("tasks", Task).subscribe("/on")
    async def on_task(event: Event[Task]) -> None:
        raise LookupError

    assert await deliver(serving, app, board, envelope) == RETRY


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (None, SUCCESS),
        (DeliveryStatus.SUCCESS, SUCCESS),
        (DeliveryStatus.RETRY, RETRY),
        ({"status": "RETRY"}, RETRY),
        ({"status": "SUCCESS"}, SUCCESS),
        ({"other": 1}, SUCCESS),
        ("retry", RETRY),
        (Response(status_code=204), SUCCESS),
        (Response(status_code=404), RETRY),
        (Task(id=1, title="x"), SUCCESS),
    ],
)
async def test_what_a_handler_returns(
    app: FastAPI, board: Outboard, serving: Serving, envelope: dict[str, Any], result: Any, expected: object
) -> None:
    @board.topic("tasks", Task).subscribe("/on")
    async def on_task(event: Event[Task]) -> DeliveryStatus | None:
        return result  # type: ignore[no-any-return]

    assert await deliver(serving, app, board, envelope) == expected


async def test_overrides_and_dependencies_of_routers_apply(
    board: Outboard, serving: Serving, envelope: dict[str, Any]
) -> None:
    async def audit() -> None:
        log.lines.append("audit")

    async def trail() -> None:
        log.lines.append("trail")

    async def fake_session() -> str:
        return "fake"

    app = FastAPI(lifespan=board.lifespan)
    router = APIRouter(prefix="/events", dependencies=[Depends(audit)])

    @board.topic("tasks", Task).subscribe("/on", router=router)
    async def on_task(event: Event[Task], session: Session) -> None:
        log.lines.append(session)

    app.include_router(router, prefix="/v1", dependencies=[Depends(trail)])
    board.mount(app)
    app.dependency_overrides[session] = fake_session
    assert await deliver(serving, app, board, envelope, "/v1/events/on") == SUCCESS
    assert log.lines == ["trail", "audit", "fake"]


async def test_what_one_delivery_leaves_in_the_state_stays_with_it(
    app: FastAPI, board: Outboard, serving: Serving, envelope: dict[str, Any]
) -> None:
    seen: list[bool] = []

    @board.topic("tasks", Task).subscribe("/on")
    async def on_task(event: Event[Task], request: Request) -> None:
        seen.append(hasattr(request.state, "mark"))
        request.state.mark = True

    async with serving(app, board) as client:
        for _ in range(2):
            await client.post("/on", json=envelope)
    assert seen == [False, False]


async def test_a_catch_all_of_the_app_takes_no_events(
    board: Outboard, serving: Serving, envelope: dict[str, Any]
) -> None:
    app = FastAPI(lifespan=board.lifespan)
    router = APIRouter()
    seen: list[str] = []

    @board.topic("tasks", Task).subscribe("/before")
    async def before(event: Event[Task]) -> None:
        seen.append("before")

    @router.post("/{path:path}")
    async def everything_else(path: str) -> str:
        return path

    app.include_router(router)
    board.mount(app)

    @board.topic("other-tasks", Task).subscribe("/after")
    async def after(event: Event[Task]) -> None:
        seen.append("after")

    for path in ("/before", "/after"):
        assert await deliver(serving, app, board, envelope, path) == SUCCESS
    assert seen == ["before", "after"]
    assert (await deliver(serving, app, board, envelope, "/elsewhere"))[0] == 200


async def test_other_methods_are_not_the_handler_s(app: FastAPI, board: Outboard, serving: Serving) -> None:
    @board.topic("tasks", Task).subscribe("/on")
    async def on_task(event: Event[Task]) -> None: ...

    async with serving(app, board) as client:
        assert (await client.get("/on")).status_code == 405
        assert "/on" not in (await client.get("/openapi.json")).json()["paths"]


async def test_current_event_elsewhere_is_a_clear_error(
    app: FastAPI, board: Outboard, serving: Serving
) -> None:
    @app.get("/elsewhere")
    async def elsewhere(id: EventId) -> str:
        return id

    async with serving(app, board) as client:
        with pytest.raises(RuntimeError, match="outside of an event handler"):
            await client.get("/elsewhere")


async def test_binary_events_and_data_in_base64_are_read(
    app: FastAPI, board: Outboard, serving: Serving, envelope: dict[str, Any]
) -> None:
    got: list[Task] = []

    @board.topic("tasks", Task).subscribe("/on")
    async def on_task(event: Event[Task]) -> None:
        got.append(event.data)

    headers = {"ce-id": "1", "ce-source": "s", "ce-type": "t", "ce-specversion": "1.0"}
    in_base64 = {**envelope, "data_base64": "eyJpZCI6MiwidGl0bGUiOiJiIn0="}
    del in_base64["data"]
    async with serving(app, board) as client:
        answers = [
            await client.post("/on", json={"id": 1, "title": "a"}, headers=headers),
            await client.post("/on", json=in_base64),
        ]
    assert [answer.json() for answer in answers] == [{"status": "SUCCESS"}] * 2
    assert got == [Task(id=1, title="a"), Task(id=2, title="b")]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("dapr-api-token", "sésame")], 200),
        ([], 401),
        ([("dapr-api-token", "")], 401),
        ([("dapr-api-token", "sesame")], 401),
        ([("dapr-api-token", "sésame"), ("dapr-api-token", "sésame")], 401),
        ([("app-api-token", "sésame")], 401),
        ([("dapr-api-token", "sésame"), ("dapr-caller-app-id", "other")], 403),
    ],
)
async def test_only_the_sidecar_may_deliver(
    exchange: ScriptedExchange,
    serving: Serving,
    envelope: dict[str, Any],
    headers: list[tuple[str, str]],
    status: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    board = Outboard(environ={"APP_API_TOKEN": "sésame"})
    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)

    @board.topic("tasks", Task).subscribe("/on")
    async def on_task(event: Event[Task]) -> None:
        log.lines.append("handled")

    encoded = [(name.encode(), value.encode()) for name, value in headers]
    async with serving(app, board) as client:
        response = await client.post("/on", json=envelope, headers=encoded)
        subscribe = await client.get("/dapr/subscribe", headers=encoded)
        health = await client.get("/healthz")
    assert response.status_code == status
    assert subscribe.status_code == (401 if status == 401 else 200)
    assert health.status_code == 200
    assert log.lines == (["handled"] if status == 200 else [])
    assert "sésame" not in caplog.text


async def test_invocation_is_refused_without_a_token_too(
    app: FastAPI, board: Outboard, serving: Serving, envelope: dict[str, Any]
) -> None:
    @board.topic("tasks", Task).subscribe("/on")
    async def on_task(event: Event[Task]) -> None: ...

    async with serving(app, board) as client:
        response = await client.post("/on", json=envelope, headers={"Dapr-Caller-App-Id": "other"})
    assert response.status_code == 403


async def test_a_delivery_that_breaks_off_is_not_handled(
    app: FastAPI, board: Outboard, serving: Serving
) -> None:
    @board.topic("tasks", Task).subscribe("/on")
    async def on_task(event: Event[Task]) -> None:
        log.lines.append("handled")

    messages: list[Message] = [{"type": "http.request", "body": b'{"id":', "more_body": True}]
    sent: list[Message] = []

    async def receive() -> Message:
        return messages.pop() if messages else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/cloudevents+json")]
    scope = {"type": "http", "method": "POST", "path": "/on", "query_string": b"", "headers": headers}
    async with serving(app, board):
        await app(scope, receive, send)
    assert (sent, log.lines) == ([], [])
