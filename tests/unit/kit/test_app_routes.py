"""An app with many handlers: the start looks at each of its routes a few times, however many there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from fastapi import APIRouter, Depends, FastAPI
from starlette.routing import BaseRoute

from outboard import Event, Outboard
from outboard.kit.subscriptions import app_routes, routes
from outboard.kit.subscriptions.app_routes import AppRoutes
from outboard.kit.subscriptions.declaration import Declaration
from outboard.kit.subscriptions.routes import every_route
from outboard.testing import Harness

pytestmark = pytest.mark.anyio


def app_of(board: Outboard, handlers: int) -> FastAPI:
    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)
    for number in range(handlers):

        async def handle(event: Event[object]) -> None: ...

        board.topic(f"t{number}").subscribe(f"/t{number}")(handle)
    return app


async def looked_at(handlers: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many routes the start of an app with so many handlers looks at."""
    seen = 0

    def counting(found: Sequence[BaseRoute]) -> Iterator[object]:
        nonlocal seen
        for route in every_route(found):
            seen += 1
            yield route

    board = Outboard(app_id="a", environ={})
    app = app_of(board, handlers)
    with monkeypatch.context() as patch:
        patch.setattr(app_routes, "every_route", counting)
        async with app.router.lifespan_context(app):
            pass
    return seen


async def test_a_start_does_not_look_at_all_routes_for_each_handler(monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = await looked_at(10, monkeypatch), await looked_at(100, monkeypatch)
    assert many < 15 * few


async def test_first_events_do_not_look_at_all_routes_for_each_handler(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks = 0

    def counting(found: Sequence[BaseRoute]) -> Iterator[object]:
        nonlocal looks
        looks += 1
        return every_route(found)

    board = Outboard(app_id="a", environ={})
    app = app_of(board, 20)
    harness = Harness()
    async with harness.serving(app, board):
        monkeypatch.setattr(routes, "every_route", counting)
        for number in range(20):
            await board.publish(f"t{number}", {})
        await harness.settled()
    assert looks == 1


async def test_a_handler_that_is_declared_after_the_first_event_is_looked_at_too() -> None:
    board = Outboard(app_id="a", environ={})
    app = app_of(board, 1)
    direct = routes.DirectRoutes()
    assert [direct.lead_to(each, app) for each in declared(app)] == [True]

    @board.topic("late").subscribe("/late")
    async def late(event: Event[object]) -> None: ...

    assert [direct.lead_to(each, app) for each in declared(app)] == [True, True]
    assert [direct.lead_to(each, FastAPI()) for each in declared(app)] == [False, False]


async def test_one_way_with_a_dependency_is_enough_to_need_fastapi() -> None:
    board = Outboard(app_id="a", environ={})
    app, router = FastAPI(lifespan=board.lifespan), APIRouter()
    board.mount(app)

    @board.topic("one").subscribe("/one", router=router)
    async def one(event: Event[object]) -> None: ...

    app.include_router(router, prefix="/a")
    app.include_router(router, prefix="/b", dependencies=[Depends(lambda: None)])
    assert [routes.DirectRoutes().lead_to(each, app) for each in declared(app)] == [False]


def declared(app: FastAPI) -> list[Declaration]:
    found = [routes.declaration_of(route) for route in every_route(app.routes)]
    return list({id(each): each for each in found if each is not None}.values())


def test_the_first_route_that_takes_a_request_is_found_among_those_that_may() -> None:
    board = Outboard(app_id="a", environ={})
    app = FastAPI(lifespan=board.lifespan)

    @app.post("/{anything}")
    async def catch_all() -> None: ...

    board.mount(app)
    router = APIRouter(prefix="/late")

    @board.topic("one").subscribe("/one")
    async def one(event: Event[object]) -> None: ...

    @board.topic("two").subscribe("/two", router=router)
    async def two(event: Event[object]) -> None: ...

    app.include_router(router)
    found = AppRoutes(app)
    assert getattr(found.taking("POST", "/one"), "path", None) == "/one"
    assert getattr(found.taking("POST", "/three"), "path", None) == "/{anything}"
    assert found.taking("GET", "/one") is None
    assert [each.path for each in found.exact("POST", "/late/two")] == ["/late/two"]
    assert getattr(found.taking("POST", "/late/two"), "path", None) == "/late/two"
