"""What `state.redis` does otherwise than other stores, as daprd's: it is asked of a real Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis.asyncio as client

from outboard.sidecar.components.port import (
    ComponentError,
    Delete,
    EtagInvalidError,
    EtagMismatchError,
    Set,
    StateOptions,
)
from outboard.sidecar.components.redis.state import RedisState
from support.redis import RedisServer
from support.redis_component import redis_state

pytestmark = pytest.mark.anyio

FIRST_WRITE = StateOptions(concurrency="first-write")
LAST_WRITE = StateOptions(concurrency="last-write")


@pytest.fixture
async def server(redis: RedisServer) -> AsyncIterator[Any]:
    async with client.Redis(port=redis.port, db=5) as connection:
        await connection.flushdb()
        yield connection


@pytest.fixture
async def state(redis: RedisServer, server: Any) -> AsyncIterator[RedisState]:
    async with redis_state(redisHost=redis.address, redisDB="5") as state:
        yield state


async def test_the_layout(state: RedisState, server: Any) -> None:
    await state.set(Set("k", {"b": 1.23456789, "a": "<"}))
    await state.set(Set("k", b"\x00", options=FIRST_WRITE))
    await state.set(Set("j", {"b": 1.23456789, "a": "<"}))

    assert await server.hgetall("k") == {b"data": b"\x00", b"version": b"2", b"first-write": b"0"}
    assert await server.hgetall("j") == {b"data": b'{"a":"<","b":1.234568}', b"version": b"1"}


async def test_etags(state: RedisState) -> None:
    await state.set(Set("k", 1, etag="7"))  # where nothing is there, any will do
    await state.set(Set("k", 2, etag="+1"))
    await state.set(Set("k", 3, etag="1", options=LAST_WRITE))
    with pytest.raises(
        EtagInvalidError, match=r'^invalid etag value: strconv\.Atoi: parsing "x": invalid syntax$'
    ):
        await state.set(Set("k", 4, etag="x"))
    with pytest.raises(EtagMismatchError, match="ERR failed to delete k"):
        await state.delete(Delete("k", etag="03"))

    found = (await state.get(["k"]))["k"]
    assert (found.data, found.etag) == (b"3", "3")
    await state.delete(Delete("k", etag="3"))
    assert await state.get(["k"]) == {}


async def test_a_key_that_is_written_while_it_is_read(
    state: RedisState, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = state._redis.command

    async def command_after_a_write(*asked: Any) -> Any:
        if asked[0] == "EXISTS":
            await server.hset("k", mapping={"data": b"1", "version": b"1"})
        return await command(*asked)

    monkeypatch.setattr(state._redis, "command", command_after_a_write)
    assert (await state.get(["k"]))["k"].data == b"1"

    await server.hset("j", mapping={"other": b"1"})
    assert "required hash field" in (await state.get(["j"]))["j"].problem


async def test_after_a_first_write_every_write_needs_the_etag(state: RedisState) -> None:
    await state.set(Set("k", 1))
    await state.set(Set("k", 2, options=FIRST_WRITE))

    with pytest.raises(ComponentError, match=r"^failed to set key k: ERR failed to set key k$") as caught:
        await state.set(Set("k", 3))
    assert not isinstance(caught.value, EtagMismatchError)
    await state.set(Set("k", 4, etag="2"))

    assert (await state.get(["k"]))["k"].data == b"4"


async def test_lives(state: RedisState, server: Any) -> None:
    await state.set(Set("k", 1, metadata={"ttlInSeconds": "600"}))
    await state.set(Set("k", 2))
    assert 590 <= await server.ttl("k") <= 600

    await state.set(Set("k", 3, metadata={"ttlInSeconds": "-1"}))
    assert await server.ttl("k") == -1

    with pytest.raises(ComponentError, match=r"^failed to set key k ttl: ERR invalid expire time"):
        await state.set(Set("k", 4, metadata={"ttlInSeconds": "9000000000000000000"}))
    assert (await state.get(["k"]))["k"].data == b"4"


async def test_a_life_for_all_values(redis: RedisServer, server: Any) -> None:
    async with redis_state(redisHost=redis.address, redisDB="5", ttlInSeconds="600") as state:
        await state.set(Set("k", 1))
        await state.set(Set("long", 1, metadata={"ttlInSeconds": "0"}))

    assert 590 <= await server.ttl("k") <= 600
    assert await server.ttl("long") == -1


async def test_a_transaction_that_fails_is_not_undone(state: RedisState) -> None:
    await state.set(Set("k", 1))

    with pytest.raises(ComponentError, match=r"^ERR failed to set key k$") as caught:
        await state.transact([Set("before", 1), Set("k", 2, etag="9"), Set("behind", 1), Delete("absent")])

    assert not isinstance(caught.value, EtagMismatchError)
    assert set(await state.get(["before", "k", "behind"])) == {"before", "k", "behind"}
    assert (await state.get(["k"]))["k"].data == b"1"


async def test_first_write_does_not_count_in_a_transaction(state: RedisState, server: Any) -> None:
    await state.transact([Set("k", 1, options=FIRST_WRITE)])

    assert not await server.hexists("k", "first-write")


async def test_content_type_json_in_a_transaction_needs_redisjson(state: RedisState) -> None:
    as_json = {"contentType": "application/json"}

    with pytest.raises(ComponentError, match="a server without RedisJSON takes no item of content type"):
        await state.transact([Set("a", 1), Set("k", 1, metadata=as_json), Delete("a", metadata=as_json)])
    await state.set(Set("single", 1, metadata=as_json))

    assert set(await state.get(["a", "k", "single"])) == {"a", "single"}


async def test_keys_of_other_programs(state: RedisState, server: Any) -> None:
    await server.set("text", "plain")
    await server.rpush("list", "item")
    await server.hset("hash", "field", "1")

    found = await state.get(["text", "list", "hash", "absent"])
    assert (found["text"].data, found["text"].etag) == (b"plain", None)
    assert found["list"].problem == "WRONGTYPE Operation against a key holding the wrong kind of value"
    assert found["hash"].problem == "required hash field 'data' or 'version' was not found"
    assert "absent" not in found

    await state.set(Set("list", 1))
    assert (await state.get(["list"]))["list"].data == b"1"
