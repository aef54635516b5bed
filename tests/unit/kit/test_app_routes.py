"""An app with many handlers: the start looks at each of its routes a few times, however many there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute

from outboard import Event, Outboard
from outboard.kit.subscriptions import app_routes
from outboard.kit.subscriptions.app_routes import AppRoutes
from outboard.kit.subscriptions.routes import every_route

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

    def counting(routes: Sequence[BaseRoute]) -> Iterator[object]:
        nonlocal seen
        for route in every_route(routes):
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
    routes = AppRoutes(app)
    assert getattr(routes.taking("POST", "/one"), "path", None) == "/one"
    assert getattr(routes.taking("POST", "/three"), "path", None) == "/{anything}"
    assert routes.taking("GET", "/one") is None
    assert [each.path for each in routes.exact("POST", "/late/two")] == ["/late/two"]
    assert getattr(routes.taking("POST", "/late/two"), "path", None) == "/late/two"
