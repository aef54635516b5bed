"""The paths of handlers: as the sidecar calls them, or refused at start."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from pydantic import BaseModel

from outboard import Event, Outboard
from outboard.errors import HandlerUnsuitable, RouterNotIncluded
from outboard.kit.subscriptions.paths import called_path
from outboard.testing import Harness
from support.serving import Serving

pytestmark = pytest.mark.anyio


class Task(BaseModel):
    id: int


async def on_task(event: Event[Task]) -> None: ...


async def start(board: Outboard, *routers: APIRouter, **including: Any) -> FastAPI:
    app = FastAPI(lifespan=board.lifespan)
    for router in routers:
        app.include_router(router, **including)
    board.mount(app)
    async with app.router.lifespan_context(app):
        return app


@pytest.mark.parametrize(
    ("route", "called"),
    [
        # What daprd calls: tests/conformance/questions/delivery.py, ROUTES
        ("/", "/"),
        ("/events/t/", "/events/t"),
        ("//double//x", "/double/x"),
        ("/a/./b", "/a/b"),
        ("/dots/../dotted", "/dotted"),
        ("/..", "/"),
        ("/ü", "/ü"),
        ("/%C3%BC", "/ü"),
        ("/a b", "/a b"),
        ("/a%20b", "/a b"),
        ("/a%2520b", "/a%20b"),
        ("/a%2Fb", "/a/b"),
        ("/a+b;c=d&e:f@g~h", "/a+b;c=d&e:f@g~h"),
        ("/.a/b.", "/.a/b."),
        ("/100%", None),
        ("/a%zz", None),
        ("/a\tb", None),
    ],
)
def test_the_path_that_the_sidecar_calls(route: str, called: str | None) -> None:
    assert called_path(route) == called


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/events/t/", "has the path '/events/t/', but the sidecar calls '/events/t'"),
        ("/a//b", "calls '/a/b'"),
        ("/a/./b", "calls '/a/b'"),
        ("/a/../b", "calls '/b'"),
        ("/a%20b", "calls '/a b'"),
        ("//", "calls '/'"),
        ("/100%", "cannot call"),
    ],
)
async def test_a_path_that_the_sidecar_would_call_otherwise_is_refused(
    board: Outboard, path: str, said: str
) -> None:
    board.topic("tasks", Task).subscribe(path)(on_task)
    with pytest.raises(HandlerUnsuitable) as caught:
        await start(board)
    assert said in str(caught.value)
    assert "on_task (" in str(caught.value)


async def test_the_root_of_a_router_with_a_prefix_is_refused_with_the_way_to_write_it(
    board: Outboard,
) -> None:
    router = APIRouter(prefix="/events")
    board.topic("tasks", Task).subscribe("/", router=router)(on_task)
    with pytest.raises(HandlerUnsuitable, match=r"calls '/events'.*`subscribe\(\"\"\)`"):
        await start(board, router)


async def test_a_prefix_with_a_parameter_is_refused(board: Outboard) -> None:
    router = APIRouter(prefix="/{tenant}")
    board.topic("tasks", Task).subscribe("/on", router=router)(on_task)
    with pytest.raises(HandlerUnsuitable, match=r"'/\{tenant\}/on'.*no parameters"):
        await start(board, router)


def test_an_empty_path_needs_a_router(board: Outboard) -> None:
    with pytest.raises(HandlerUnsuitable, match="on a router with a prefix it may be empty"):
        board.topic("tasks", Task).subscribe("")(on_task)


@pytest.mark.parametrize(
    ("path", "prefix", "including"),
    [
        ("", "/events", ""),
        ("", "", "/events"),
        ("", "/v1", "/events"),
        ("/", "", ""),
        ("/a b", "", ""),
        ("/ü", "/ä", ""),
        ("/a+b;c=d&e:f@g~h", "", ""),
        ("/a[b]|c^d\"e<f>'`\\", "", ""),
    ],
)
async def test_the_event_comes_to_a_path_that_is_taken(
    outboard: Harness, path: str, prefix: str, including: str
) -> None:
    board = Outboard(app_id="a", environ={})
    router = APIRouter(prefix=prefix)
    tasks = board.topic("tasks", Task)
    tasks.subscribe(path, router=router)(on_task)
    app = FastAPI(lifespan=board.lifespan)
    app.include_router(router, prefix=including)
    board.mount(app)
    async with outboard.serving(app, board):
        sent = await tasks.publish(Task(id=1))
        assert (await outboard.handled(tasks)).id == sent.id


async def test_a_route_of_the_app_with_the_same_name_is_not_taken_for_the_handler_s(
    board: Outboard, serving: Serving
) -> None:
    app = FastAPI(lifespan=board.lifespan)

    @app.get("/elsewhere", name="tasks")
    async def elsewhere() -> None: ...

    router = APIRouter()
    board.topic("tasks", Task).subscribe("/on", router=router, name="tasks")(on_task)
    app.include_router(router)
    board.mount(app)
    async with serving(app, board) as client:
        (item,) = (await client.get("/dapr/subscribe")).json()
    assert item["route"] == "/on"


async def test_two_handlers_may_have_the_same_name(board: Outboard, serving: Serving) -> None:
    app = FastAPI(lifespan=board.lifespan)
    for topic in ("a", "b"):
        board.topic(topic, Task).subscribe(f"/{topic}", name="on")(on_task)
    board.mount(app)
    async with serving(app, board) as client:
        items = (await client.get("/dapr/subscribe")).json()
    assert [item["route"] for item in items] == ["/a", "/b"]


async def test_a_handler_of_an_app_that_is_mounted_in_another_is_found(
    board: Outboard, serving: Serving
) -> None:
    router, inner = APIRouter(), FastAPI()
    board.topic("tasks", Task).subscribe("/on", router=router)(on_task)
    inner.include_router(router)
    app = FastAPI(lifespan=board.lifespan)
    app.mount("/inner", inner)
    board.mount(app)
    async with serving(app, board) as client:
        (item,) = (await client.get("/dapr/subscribe")).json()
    assert item["route"] == "/inner/on"


async def test_a_handler_without_a_way_to_it_is_refused(board: Outboard) -> None:
    board.topic("tasks", Task).subscribe("", router=APIRouter())(on_task)
    with pytest.raises(RouterNotIncluded):
        await start(board)
