from __future__ import annotations

import json

import pytest

from outboard.errors import EtagMismatch, SidecarUnavailable, StateFailed
from outboard.kit.client.http import HttpSidecar
from outboard.kit.client.port import Publication, StateDelete, StateItem, StateRead, StateSave
from outboard.kit.client.settings import Settings
from outboard.wire.http import ExchangeFailed, Response
from support.scripted import FakeClock, ScriptedExchange

pytestmark = pytest.mark.anyio

JSON = {"content-type": "application/json"}


@pytest.fixture
def sidecar(exchange: ScriptedExchange, clock: FakeClock) -> HttpSidecar:
    return HttpSidecar.through(exchange, Settings(api_token="sesame"), clock, lambda: 0.5)


async def test_publish(sidecar: HttpSidecar, exchange: ScriptedExchange) -> None:
    metadata = {"partitionKey": "a&b=c/ü"}
    await sidecar.publish(Publication("p", "a/b", b"{}", metadata, {"traceparent": "00-1"}), 1.0)
    request = exchange.requests[0]
    assert request.method == "POST"
    assert request.target == "/v1.0/publish/p/a%2Fb?metadata.partitionKey=a%26b%3Dc%2F%C3%BC"
    assert request.headers == {
        "traceparent": "00-1",
        "content-type": "application/cloudevents+json",
        "dapr-api-token": "sesame",
    }
    assert request.body == b"{}"


async def test_no_token_is_sent_where_none_is_set(exchange: ScriptedExchange, clock: FakeClock) -> None:
    plain = HttpSidecar.through(exchange, Settings(), clock, lambda: 0.5)
    await plain.get_state("s", "k", StateRead(), 1.0)
    assert "dapr-api-token" not in exchange.requests[0].headers


async def test_get(sidecar: HttpSidecar, exchange: ScriptedExchange) -> None:
    exchange.answers.append(Response(200, {**JSON, "etag": "7"}, b'{"a":1}'))
    item = await sidecar.get_state("s", "a/b", StateRead("strong", {"x": "y"}), 1.0)
    assert item == StateItem("a/b", b'{"a":1}', "7")
    assert exchange.requests[0].target == "/v1.0/state/s/a%2Fb?consistency=strong&metadata.x=y"
    assert await sidecar.get_state("s", "k", StateRead(), 1.0) == StateItem("k")


async def test_get_many_keeps_the_order_of_the_keys(sidecar: HttpSidecar, exchange: ScriptedExchange) -> None:
    found = [b'{"key":"c"}', b'{"key":"b","data":null,"etag":"2"}']
    found.append(b'{"key":"a","data":{"n":12345678901234567890},"etag":"1"}')
    exchange.answers.append(Response(200, JSON, b"[" + b",".join(found) + b"]"))
    items = await sidecar.get_states("s", ["a", "b", "c", "d"], StateRead(), 1.0)
    assert items == [
        StateItem("a", b'{"n":12345678901234567890}', "1"),
        StateItem("b", b"null", "2"),
        StateItem("c"),
        StateItem("d"),
    ]
    assert json.loads(exchange.requests[0].body) == {"keys": ["a", "b", "c", "d"]}


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b"nonsense", b'[{"key":"a","error":"disk"}]'])
async def test_get_many_that_went_wrong(
    sidecar: HttpSidecar, exchange: ScriptedExchange, body: bytes
) -> None:
    exchange.answers.append(Response(200, JSON, body))
    with pytest.raises(StateFailed):
        await sidecar.get_states("s", ["a"], StateRead(), 1.0)


async def test_save_passes_the_value_as_it_is(sidecar: HttpSidecar, exchange: ScriptedExchange) -> None:
    save = StateSave("k", b"[1.0]", "7", "first-write", "strong", {"ttlInSeconds": "3"})
    await sidecar.save_states("s", [save, StateSave("l", b"null")], 1.0)
    assert exchange.requests[0].target == "/v1.0/state/s"
    assert json.loads(exchange.requests[0].body) == [
        {
            "key": "k",
            "etag": "7",
            "metadata": {"ttlInSeconds": "3"},
            "options": {"concurrency": "first-write", "consistency": "strong"},
            "value": [1.0],
        },
        {"key": "l", "value": None},
    ]


async def test_delete(sidecar: HttpSidecar, exchange: ScriptedExchange) -> None:
    await sidecar.delete_state("s", StateDelete("..", "7", "first-write"), 1.0)
    request = exchange.requests[0]
    assert (request.method, request.target) == ("DELETE", "/v1.0/state/s/%2E%2E?concurrency=first-write")
    assert request.headers["if-match"] == "7"


async def test_transaction(sidecar: HttpSidecar, exchange: ScriptedExchange) -> None:
    await sidecar.transact("s", [StateSave("a", b"1"), StateDelete("b", "7")], 1.0)
    assert exchange.requests[0].target == "/v1.0/state/s/transaction"
    assert json.loads(exchange.requests[0].body) == {
        "operations": [
            {"operation": "upsert", "request": {"key": "a", "value": 1}},
            {"operation": "delete", "request": {"key": "b", "etag": "7"}},
        ]
    }


async def test_a_guarded_write_is_not_repeated_because_it_could_meet_itself(
    sidecar: HttpSidecar, exchange: ScriptedExchange
) -> None:
    dropped = ExchangeFailed("server disconnected", dropped=True)
    exchange.answers.append(dropped)
    with pytest.raises(SidecarUnavailable):
        await sidecar.save_states("s", [StateSave("k", b"1", etag="7")], 1.0)
    exchange.answers.append(dropped)
    await sidecar.save_states("s", [StateSave("k", b"1")], 1.0)
    assert len(exchange.requests) == 3


async def test_a_conflict_names_the_keys(sidecar: HttpSidecar, exchange: ScriptedExchange) -> None:
    exchange.answers.append(
        Response(409, {}, b'{"errorCode":"ERR_STATE_SAVE","message":"possible etag mismatch"}')
    )
    with pytest.raises(EtagMismatch) as caught:
        await sidecar.save_states("s", [StateSave("k", b"1", etag="7"), StateSave("l", b"1")], 1.0)
    assert caught.value.key == "k"
