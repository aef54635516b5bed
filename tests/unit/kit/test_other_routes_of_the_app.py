"""Apps with routes of their own: a second `/dapr/subscribe`, a catch-all, a health endpoint, a path."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Body, Depends, FastAPI, Header, Request, Response
from pydantic import BaseModel
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from outboard import Event, Outboard
from outboard.errors import HandlerUnsuitable
from outboard.testing import Harness
from support.serving import Serving

pytestmark = pytest.mark.anyio

OWN = {"pubsubname": "pubsub", "topic": "tasks", "route": "/on"}
OTHER = {"pubsubname": "pubsub", "topic": "orders", "route": "/orders"}


class Task(BaseModel):
    id: int


async def on_task(event: Event[Task]) -> None: ...


class DaprApp:
    """As that of dapr-ext-fastapi 1.18: its route is there at once, and lists what is declared later."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._subscriptions: list[dict[str, object]] = []
        app.add_api_route("/dapr/subscribe", self._get_subscriptions, methods=["GET"])

    def subscribe(self, topic: str, route: str) -> Callable[[Callable[..., object]], None]:
        def declare(handler: Callable[..., object]) -> None:
            self._app.add_api_route(route, handler, methods=["POST"])
            self._subscriptions.append({"pubsubname": "pubsub", "topic": topic, "route": route})

        return declare

    def _get_subscriptions(self) -> list[dict[str, object]]:
        return self._subscriptions


def app_of(board: Outboard) -> FastAPI:
    board.topic("tasks", Task).subscribe("/on")(on_task)
    return FastAPI(lifespan=board.lifespan)


async def answered(serving: Serving, app: FastAPI, board: Outboard, path: str = "/dapr/subscribe") -> Any:
    async with serving(app, board) as client:
        response = await client.get(path)
        return response.status_code, response.json()


def extension(app: FastAPI) -> None:
    DaprApp(app).subscribe("orders", "/orders")(lambda event: None)


def by_hand(app: FastAPI) -> None:
    @app.get("/dapr/subscribe")
    async def subscriptions() -> list[dict[str, str]]:
        return [OTHER]


def on_a_router(app: FastAPI) -> None:
    async def who(user_agent: Annotated[str, Header()]) -> str:
        return user_agent

    router = APIRouter()

    @router.get("/subscribe", dependencies=[Depends(who)])
    def subscriptions(request: Request) -> list[dict[str, str]]:
        return [OTHER]

    app.include_router(router, prefix="/dapr")


def of_starlette(app: FastAPI) -> None:
    app.router.routes.append(Route("/dapr/subscribe", lambda request: json_of(OTHER)))


def mounted_at_the_root(app: FastAPI) -> None:
    old = FastAPI()
    by_hand(old)
    app.mount("/", old)


def json_of(*items: object) -> Response:
    from starlette.responses import JSONResponse

    return JSONResponse(list(items))


@pytest.mark.parametrize("other", [extension, by_hand, on_a_router, of_starlette, mounted_at_the_root])
@pytest.mark.parametrize("is_first", [True, False])
async def test_the_answer_has_the_subscriptions_of_both(
    board: Outboard, serving: Serving, other: Callable[[FastAPI], None], is_first: bool
) -> None:
    app = app_of(board)
    if is_first:
        other(app)
    board.mount(app)
    if not is_first:
        other(app)
    assert await answered(serving, app, board) == (200, [OWN, OTHER])


async def test_the_events_of_both_arrive(outboard: Harness) -> None:
    board = Outboard(app_id="a", environ={})
    app = app_of(board)
    orders: list[Any] = []

    def on_order(event: Annotated[Any, Body()]) -> dict[str, str]:
        orders.append(event["data"])
        return {"status": "SUCCESS"}

    DaprApp(app).subscribe("orders", "/orders")(on_order)
    board.mount(app)
    async with outboard.serving(app, board):
        await board.publish("orders", {"id": 1})
        await board.publish("tasks", {"id": 2})
        await outboard.settled()
    assert orders == [{"id": 1}]


async def test_two_boards_in_one_app(board: Outboard, serving: Serving) -> None:
    app = app_of(board)
    second = Outboard(app_id="todo", environ={})
    second.topic("orders", Task).subscribe("/orders")(on_task)
    board.mount(app)
    second.mount(app)
    status, items = await answered(serving, app, board)
    assert status == 200
    assert sorted(items, key=str) == sorted([OWN, OTHER], key=str)


async def test_a_catch_all_is_not_asked(board: Outboard, serving: Serving) -> None:
    app = app_of(board)

    @app.get("/{path:path}")
    async def page(path: str) -> str:
        return "<html>"

    board.mount(app)
    assert await answered(serving, app, board) == (200, [OWN])
    assert await answered(serving, app, board, "/healthz") == (200, {"status": "ok"})


@pytest.mark.parametrize("answer", [Response(status_code=404), json_of(), PlainTextResponse("null")])
async def test_others_may_have_no_subscriptions(board: Outboard, serving: Serving, answer: Response) -> None:
    app = app_of(board)
    board.mount(app)
    app.add_api_route("/dapr/subscribe", lambda: answer)
    assert await answered(serving, app, board) == (200, [OWN])


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Response(status_code=503), "answers HTTP 503 for the subscriptions of the app"),
        (PlainTextResponse("<html>"), "answers no list"),
        (PlainTextResponse('{"a": 1}'), "answers no list"),
    ],
)
async def test_an_answer_that_cannot_be_merged_is_named(
    board: Outboard, serving: Serving, caplog: pytest.LogCaptureFixture, answer: Response, said: str
) -> None:
    async def listing() -> Response:
        return answer

    app = app_of(board)
    board.mount(app)
    app.add_api_route("/dapr/subscribe", listing)
    status, body = await answered(serving, app, board)
    assert status == 500
    for text in (body["error"], caplog.text):
        assert said in text
        assert f"listing ({__file__}:" in text


async def test_a_topic_of_both_is_refused_with_both_places(
    board: Outboard, serving: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    app = app_of(board)
    DaprApp(app).subscribe("tasks", "/tasks")(lambda event: None)
    board.mount(app)
    status, body = await answered(serving, app, board)
    assert status == 500
    for place in ("topic 'tasks' on 'pubsub'", f"on_task ({__file__}", "DaprApp._get_subscriptions ("):
        assert place in body["error"]
    assert body["error"] in caplog.text


async def test_the_other_route_is_not_asked_for_a_stranger(serving: Serving) -> None:
    board = Outboard(app_id="todo", environ={"APP_API_TOKEN": "t"})
    app = app_of(board)
    asked: list[str] = []
    board.mount(app)
    app.add_api_route("/dapr/subscribe", lambda: asked.append("asked"))
    status, _ = await answered(serving, app, board)
    assert (status, asked) == (401, [])


@pytest.mark.parametrize("is_first", [True, False])
async def test_a_health_endpoint_of_the_app_is_its_own(
    board: Outboard, serving: Serving, is_first: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "outboard.subscriptions")
    app = app_of(board)
    if is_first:
        board.mount(app)

    @app.get("/healthz")
    async def database() -> str:
        return "the database is there"

    if not is_first:
        board.mount(app)
    assert await answered(serving, app, board, "/healthz") == (200, "the database is there")
    assert "database" in caplog.text and "/healthz" in caplog.text


def everything(app: FastAPI) -> None:
    @app.post("/{path:path}")
    async def everything(path: str) -> None: ...


def by_id(app: FastAPI) -> None:
    @app.api_route("/events/{id}", methods=["POST", "PUT"])
    async def by_id(id: str) -> None: ...


def legacy(app: FastAPI) -> None:
    app.mount("/events", FastAPI())


@pytest.mark.parametrize(
    ("other", "named"), [(everything, "everything ("), (by_id, "by_id ("), (legacy, "mounted at '/events'")]
)
async def test_a_handler_that_another_route_hides_is_refused(
    board: Outboard, other: Callable[[FastAPI], None], named: str
) -> None:
    router = APIRouter(prefix="/events")
    board.topic("tasks", Task).subscribe("/on", router=router)(on_task)
    app = FastAPI(lifespan=board.lifespan)
    other(app)
    app.include_router(router)
    board.mount(app)
    with pytest.raises(HandlerUnsuitable) as caught:
        async with app.router.lifespan_context(app):
            pass
    assert "never gets an event" in str(caught.value)
    assert named in str(caught.value) and "on_task (" in str(caught.value)


@pytest.mark.parametrize("other", [everything, by_id, legacy])
async def test_what_comes_behind_a_handler_does_not_hide_it(
    board: Outboard, other: Callable[[FastAPI], None]
) -> None:
    router = APIRouter(prefix="/events")
    board.topic("tasks", Task).subscribe("/on", router=router)(on_task)
    app = FastAPI(lifespan=board.lifespan)
    app.include_router(router)
    other(app)
    board.mount(app)
    async with app.router.lifespan_context(app):
        pass


async def test_a_route_of_another_method_hides_nothing(board: Outboard) -> None:
    app = app_of(board)

    @app.get("/on")
    async def page() -> None: ...

    @app.websocket("/on")
    async def feed() -> None: ...

    board.mount(app)
    async with app.router.lifespan_context(app):
        pass


@pytest.mark.parametrize("is_first", [True, False])
async def test_a_route_of_the_app_that_a_handler_would_hide_is_named(board: Outboard, is_first: bool) -> None:
    app = app_of(board)
    if is_first:
        board.mount(app)

    @app.post("/on")
    async def order() -> None: ...

    if not is_first:
        board.mount(app)
    with pytest.raises(HandlerUnsuitable) as caught:
        async with app.router.lifespan_context(app):
            pass
    assert "order (" in str(caught.value) and "would never be called" in str(caught.value)
    assert "on_task (" in str(caught.value)
