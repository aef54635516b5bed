from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from outboard import EtagMismatch, NotConnected, Outboard, State, StateEntry, StateFailed, StateStoreNotFound
from outboard.errors import EtagInvalid, InvalidName, StateInvalid
from outboard.wire.http import Response
from support.scripted import ScriptedExchange

pytestmark = pytest.mark.anyio

JSON = {"content-type": "application/json"}


class Preferences(BaseModel):
    theme: str
    tags: tuple[str, ...] = ()


@pytest.fixture
def preferences(board: Outboard) -> State[Preferences]:
    return board.state(Preferences)


async def test_get_is_typed(
    board: Outboard, preferences: State[Preferences], exchange: ScriptedExchange
) -> None:
    exchange.answers.append(Response(200, {**JSON, "etag": "3"}, b'{"theme":"dark","tags":["a"]}'))
    async with board.connected(exchange=exchange):
        assert await preferences.get("ana") == Preferences(theme="dark", tags=("a",))
        assert await preferences.get("bob") is None
        assert await preferences.entry("bob") == StateEntry("bob", None, None)
    assert exchange.requests[0].target == "/v1.0/state/statestore/ana"


async def test_null_is_something(board: Outboard, exchange: ScriptedExchange) -> None:
    exchange.answers.append(Response(200, {**JSON, "etag": "1"}, b"null"))
    async with board.connected(exchange=exchange):
        assert await board.state().entry("k") == StateEntry("k", None, "1")


async def test_untyped_in_one_line(board: Outboard, exchange: ScriptedExchange) -> None:
    exchange.answers.extend([Response(204), Response(200, JSON, b'{"a":[1,null]}')])
    async with board.connected(exchange=exchange):
        await board.state().save("key", {"a": [1, None]})
        assert await board.state().get("key") == {"a": [1, None]}
    assert json.loads(exchange.requests[0].body) == [{"key": "key", "value": {"a": [1, None]}}]


async def test_save_with_everything(
    board: Outboard, preferences: State[Preferences], exchange: ScriptedExchange
) -> None:
    async with board.connected(exchange=exchange):
        await preferences.save(
            "ana",
            Preferences(theme="dark"),
            etag="3",
            ttl=timedelta(days=1),
            consistency="strong",
            metadata={"x": "y"},
            timeout=0.5,
        )
    assert json.loads(exchange.requests[0].body) == [
        {
            "key": "ana",
            "etag": "3",
            "metadata": {"x": "y", "ttlInSeconds": "86400"},
            "options": {"concurrency": "first-write", "consistency": "strong"},
            "value": {"theme": "dark", "tags": []},
        }
    ]
    assert exchange.timeouts == [0.5]


async def test_several(board: Outboard, preferences: State[Preferences], exchange: ScriptedExchange) -> None:
    found = b'[{"key":"bob"},{"key":"ana","data":{"theme":"dark"},"etag":"1"}]'
    exchange.answers.extend([Response(204), Response(200, JSON, found)])
    async with board.connected(exchange=exchange):
        await preferences.save_many(
            {"ana": Preferences(theme="dark"), "bob": Preferences(theme="light")}, ttl=2
        )
        entries = await preferences.get_many(["ana", "bob", "ana"])
    assert [item["key"] for item in json.loads(exchange.requests[0].body)] == ["ana", "bob"]
    assert entries == {
        "ana": StateEntry("ana", Preferences(theme="dark"), "1"),
        "bob": StateEntry("bob", None, None),
    }
    assert list(entries) == ["ana", "bob"]


async def test_delete(board: Outboard, preferences: State[Preferences], exchange: ScriptedExchange) -> None:
    async with board.connected(exchange=exchange):
        await preferences.delete("a/b")
        await preferences.delete("ana", etag="3", consistency="eventual")
    assert exchange.requests[0].target == "/v1.0/state/statestore/a%2Fb"
    assert exchange.query(1) == {"concurrency": "first-write", "consistency": "eventual"}
    assert exchange.requests[1].headers["if-match"] == "3"


async def test_a_transaction_is_sent_whole_when_the_block_ends(
    board: Outboard, preferences: State[Preferences], exchange: ScriptedExchange
) -> None:
    async with board.connected(exchange=exchange), preferences.transaction(timeout=2) as changes:
        changes.save("ana", Preferences(theme="dark"), etag="3", ttl=60)
        changes.delete("bob", etag="4")
        assert exchange.requests == []
    assert exchange.timeouts == [2]
    upsert, delete = json.loads(exchange.requests[0].body)["operations"]
    assert upsert["request"]["metadata"] == {"ttlInSeconds": "60"}
    assert upsert["request"]["value"]["theme"] == "dark"
    assert delete == {
        "operation": "delete",
        "request": {"key": "bob", "etag": "4", "options": {"concurrency": "first-write"}},
    }


async def test_a_transaction_that_fails_inside_sends_nothing(
    board: Outboard, preferences: State[Preferences], exchange: ScriptedExchange
) -> None:
    async with board.connected(exchange=exchange):
        with pytest.raises(LookupError):
            async with preferences.transaction() as changes:
                changes.delete("bob")
                raise LookupError
        async with preferences.transaction():
            pass
    assert exchange.requests == []


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (
            Response(409, {}, b'{"errorCode":"ERR_STATE_SAVE","message":"possible etag mismatch"}'),
            EtagMismatch,
        ),
        (Response(400, {}, b'{"errorCode":"ERR_STATE_SAVE","message":"invalid etag value"}'), EtagInvalid),
        (Response(400, {}, b'{"errorCode":"ERR_STATE_STORE_NOT_FOUND","message":""}'), StateStoreNotFound),
        (Response(500, {}, b'{"errorCode":"ERR_STATE_SAVE","message":"disk"}'), StateFailed),
    ],
)
async def test_outcomes_are_exceptions(
    board: Outboard, exchange: ScriptedExchange, response: Response, expected: type[Exception]
) -> None:
    exchange.answers.append(response)
    async with board.connected(exchange=exchange):
        with pytest.raises(expected):
            await board.state().save("k", 1, etag="3")


@pytest.mark.parametrize("value", [float("nan"), object(), {"a": float("inf")}, {1, "\ud800"}])
async def test_what_json_cannot_hold_is_not_saved(
    board: Outboard, exchange: ScriptedExchange, value: object
) -> None:
    async with board.connected(exchange=exchange):
        with pytest.raises(StateInvalid):
            await board.state().save("k", value)
    assert exchange.requests == []


async def test_values_that_are_no_model_of_it(
    board: Outboard, preferences: State[Preferences], exchange: ScriptedExchange
) -> None:
    exchange.answers.append(Response(200, JSON, b'{"theme": 7, "password": "sesame"}'))
    unfit: Any = {"tags": ["sesame"]}
    async with board.connected(exchange=exchange):
        for operation in (preferences.get("ana"), preferences.save("ana", unfit)):
            with pytest.raises(StateInvalid, match=r"Preferences.*theme") as caught:
                await operation
            assert "sesame" not in str(caught.value)


async def test_what_could_not_be_read_is_not_saved(board: Outboard, exchange: ScriptedExchange) -> None:
    class Dark(Preferences):
        contrast: int = 1

    class Scale(BaseModel):
        factor: float

    preferences, scales = board.state(Preferences), board.state(Scale)
    async with board.connected(exchange=exchange):
        with pytest.raises(StateInvalid, match=r"value\.contrast would be lost"):
            await preferences.save("ana", Dark(theme="dark"))
        with pytest.raises(StateInvalid, match=r"value\.factor is NaN"):
            await scales.save_many({"ana": Scale(factor=float("nan"))})
        with pytest.raises(StateInvalid, match=r"value\.contrast"):
            async with preferences.transaction() as changes:
                changes.save("ana", Dark(theme="dark"))
    assert exchange.requests == []


async def test_keys_and_connection_are_checked(board: Outboard, exchange: ScriptedExchange) -> None:
    async with board.connected(exchange=exchange):
        for key in ("", "a||b"):
            with pytest.raises(InvalidName):
                await board.state().get(key)
            with pytest.raises(InvalidName):
                await board.state().save(key, 1)
    with pytest.raises(NotConnected):
        await board.state().get("k")
    assert exchange.requests == []
