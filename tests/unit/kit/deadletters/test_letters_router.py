"""The same over HTTP, behind the app's own authentication."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, Header, HTTPException
from sqlalchemy import Engine

from support.inbox import engines_of
from support.letters import Collecting, deliver, letter
from support.scripted import FakeClock, ScriptedExchange
from support.serving import Serving

pytestmark = pytest.mark.anyio

ADMIN = {"x-admin": "yes"}


def admin(x_admin: Annotated[str, Header()] = "") -> None:
    if x_admin != "yes":
        raise HTTPException(401)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return engines_of(f"sqlite:///{(tmp_path / 'app.db').as_posix()}", "sqlite+aiosqlite")[0]


@pytest.fixture
async def client(engine: Engine, clock: FakeClock, serving: Serving) -> AsyncIterator[httpx.AsyncClient]:
    """With two letters."""
    service = Collecting(engine, clock)
    service.prepare(engine)
    service.app.include_router(service.letters.router([Depends(admin)]), prefix="/admin")
    async with serving(service.app, service.board) as client:
        for number in (1, 2):
            await deliver(client, letter(number))
        client.headers.update(ADMIN)
        yield client
    engine.dispose()


async def test_whoever_is_not_let_in_sees_nothing(client: httpx.AsyncClient) -> None:
    for method, path in (
        ("GET", ""), ("GET", "/groups"), ("GET", "/1"), ("POST", "/replay"), ("POST", "/drop"),
    ):  # fmt: skip
        answer = await client.request(method, f"/admin/dead-letters{path}", headers={"x-admin": "no"})
        assert answer.status_code == 401


@pytest.mark.parametrize("dependencies", [[], None, "admin"])
def test_a_router_for_everybody_is_refused(engine: Engine, clock: FakeClock, dependencies: Any) -> None:
    with pytest.raises(TypeError, match="dependencies"):
        Collecting(engine, clock).letters.router(dependencies)


async def test_letters_are_shown_and_masked(client: httpx.AsyncClient) -> None:
    (group,) = (await client.get("/admin/dead-letters/groups")).json()
    assert (group["count"], group["handler"]) == (2, "shop/orders")
    found = (await client.get("/admin/dead-letters", params={"group": group["group"], "limit": 1})).json()
    assert [each["event_id"] for each in found] == ["o-1"]
    one = (await client.get("/admin/dead-letters/2")).json()
    assert one["data"] == '{"id":2,"email":"***"}'
    assert "bob" not in str(one) + str(group)
    assert (await client.get("/admin/dead-letters/77")).status_code == 404
    assert (await client.get("/admin/dead-letters/x")).status_code == 422
    assert (await client.get("/admin/dead-letters", params={"stat": "x"})).status_code == 422


async def test_a_replay_is_a_dry_run_unless_said(
    client: httpx.AsyncClient, exchange: ScriptedExchange
) -> None:
    plan = (await client.post("/admin/dead-letters/replay", json={"ids": ["1"]})).json()
    assert (plan["dry_run"], plan["replayed"], exchange.events) == (True, 1, [])
    done = (await client.post("/admin/dead-letters/replay", json={"ids": ["1"], "dry_run": False})).json()
    again = (await client.post("/admin/dead-letters/replay", json={"ids": ["1"], "dry_run": False})).json()
    assert (done["replayed"], again["replayed"]) == (1, 0)
    assert [event["id"] for event in exchange.events] == ["o-1"]


async def test_data_and_topic_may_be_given(client: httpx.AsyncClient, exchange: ScriptedExchange) -> None:
    wanted = {"ids": ["1"], "data": None, "to": "other", "dry_run": False}
    assert (await client.post("/admin/dead-letters/replay", json=wanted)).json()["replayed"] == 1
    assert (exchange.events[0]["data"], exchange.topics) == (None, ["other"])


@pytest.mark.parametrize(
    "wanted",
    [{}, {"ids": ["x"]}, {"ids": ["1"], "limit": 10**6}, {"ids": ["1"], "to": "a||b"},
     {"ids": ["1"], "more": 1}, {"ids": ["1"], "data": {"id": "no"}}, {"since": "2026-01-01T00:00:00"}],
)  # fmt: skip
async def test_what_cannot_be_is_refused(client: httpx.AsyncClient, wanted: dict[str, Any]) -> None:
    answer = await client.post("/admin/dead-letters/replay", json=wanted)
    assert answer.status_code == 422, answer.text


async def test_letters_are_dropped(client: httpx.AsyncClient) -> None:
    all_of_them = {"everything": True}
    assert (await client.post("/admin/dead-letters/drop", json=all_of_them)).json() == {
        "dropped": 2,
        "dry_run": True,
    }
    answer = await client.post("/admin/dead-letters/drop", json={**all_of_them, "dry_run": False})
    assert answer.json() == {"dropped": 2, "dry_run": False}
    assert (await client.get("/admin/dead-letters")).json() == []
    assert (await client.post("/admin/dead-letters/drop", json={})).status_code == 422


async def test_a_database_that_is_away_is_a_503(client: httpx.AsyncClient, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE outboard_dead_letters")
    answer = await client.get("/admin/dead-letters")
    assert answer.status_code == 503
    assert "could not read letters" in answer.json()["detail"]
