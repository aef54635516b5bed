"""One Redis behind daprd and ours: each reads what the other wrote, and what they write is the same."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio as client

from conformance.http1 import Answer, exchange
from conformance.question import Group, subscribed
from conformance.question import Question as Asked
from conformance.questions.files import component, documents
from conformance.questions.state_values import VALUES
from conformance.sidecars import APP_ID, Program, Running, launched, running, until_ready
from support.redis import RedisServer

pytestmark = [pytest.mark.anyio, pytest.mark.engine("daprd"), pytest.mark.timeout(120)]

STATE = "/v1.0/state/store"
TRANSPORT = ("accept-encoding", "accept", "connection", "content-length", "host", "user-agent")


@asynccontextmanager
async def both(
    programs: tuple[Program, Program], server: RedisServer, folder: Path
) -> AsyncIterator[tuple[Running, Running]]:
    """On one database; each app consumes in a group of its own, so that both get every event."""

    def group(name: str) -> Group:
        files = documents(
            component("ps", "pubsub.redis", redisHost=server.address, consumerID=name),
            component("store", "state.redis", redisHost=server.address),
        )
        question = Asked("shared", (), subscriptions=(subscribed("shared"),))
        return Group(name, (question,), {"components.yaml": files})

    first, second = programs
    async with (
        running(first, group("by-daprd"), folder / "daprd") as real,
        running(second, group("by-outboard"), folder / "outboard") as ours,
    ):
        yield real, ours


@asynccontextmanager
async def connected(server: RedisServer) -> AsyncIterator[Any]:
    """A client of the library, whose types say less than its commands return."""
    async with client.Redis(port=server.port) as connection:
        yield connection


async def ask(sidecar: Running, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await exchange(sidecar.port, method, path, body, {"content-type": "application/json", **named})
    assert isinstance(answer, Answer)
    assert answer.status < 300, answer.body
    return answer


@pytest.mark.parametrize(
    ("metadata", "starts"),
    [
        ({"redisPassword": "of-nobody"}, True),
        ({"redisUsername": "default", "redisPassword": "of-nobody"}, True),
        ({"redisUsername": "ann", "redisPassword": "of-nobody"}, False),
        ({"redisUsername": "ann"}, True),
        ({"redisDB": "-1"}, True),
        ({"redisDB": "99"}, False),
        ({"redisDB": "99", "redisPassword": "of-nobody"}, False),
        ({"failover": "true", "sentinelMasterName": "m"}, False),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("kind", ["state.redis", "pubsub.redis"])
async def test_both_start_with_a_setting_that_the_server_did_not_ask_for_or_neither(
    programs: tuple[Program, Program],
    redis: RedisServer,
    tmp_path: Path,
    kind: str,
    metadata: dict[str, str],
    starts: bool,
) -> None:
    files = {"redis.yaml": component("redis", kind, redisHost=redis.address, consumerID="c", **metadata)}
    for program in programs:
        async with launched(program, Group("setting", (), files), tmp_path / program.name) as sidecar:
            if starts:
                await until_ready(sidecar)
            else:
                assert await sidecar.process.wait() == 1


async def test_values_are_stored_alike_and_read_by_the_other(
    programs: tuple[Program, Program], redis: RedisServer, tmp_path: Path
) -> None:
    stored = [(name, text) for name, text in VALUES.items() if name != "infinite"]
    async with both(programs, redis, tmp_path) as sidecars, connected(redis) as server:
        for writer, reader in (sidecars, sidecars[::-1]):
            for name, text in stored:
                key = f"{writer.name}-{name}"
                await ask(writer, "POST", STATE, b'[{"key":"%s","value":%s}]' % (key.encode(), text))
                written = await ask(writer, "GET", f"{STATE}/{key}")
                read = await ask(reader, "GET", f"{STATE}/{key}")
                assert (read.body, read.header("etag")) == (written.body, "1"), name

        for name, _ in stored:
            mine, other = [await server.hgetall(f"{APP_ID}||{writer.name}-{name}") for writer in sidecars]
            assert mine.keys() == other.keys() == {b"data", b"version"}
            if mine[b"data"].startswith(b"{"):  # daprd's order of keys is another one each time
                assert json.loads(mine[b"data"]) == json.loads(other[b"data"])
            else:
                assert mine == other, name


async def test_etags_and_lives_go_from_one_to_the_other(
    programs: tuple[Program, Program], redis: RedisServer, tmp_path: Path
) -> None:
    async with both(programs, redis, tmp_path) as sidecars, connected(redis) as server:
        for first, second in (sidecars, sidecars[::-1]):
            key = f"{first.name}-etag"
            place, stored = f"{STATE}/{key}", f"{APP_ID}||{key}"
            item = {"key": key, "value": 1, "metadata": {"ttlInSeconds": "600"}}
            await ask(first, "POST", STATE, json.dumps([item]).encode())
            assert 590 <= await server.ttl(stored) <= 600

            etag = (await ask(second, "GET", place)).header("etag")
            options = {"concurrency": "first-write"}
            change = {
                "key": key,
                "value": 2,
                "etag": etag,
                "options": options,
                "metadata": {"ttlInSeconds": "-1"},
            }
            await ask(second, "POST", STATE, json.dumps([change]).encode())
            assert await server.ttl(stored) == -1

            refused = await exchange(
                first.port, "POST", STATE, b'[{"key":"%s","value":3}]' % key.encode(), {}
            )
            assert isinstance(refused, Answer)
            assert refused.status == 500  # the first write is remembered
            found = await ask(first, "GET", place)
            assert (found.body, found.header("etag")) == (b"2", "2")
            await ask(first, "DELETE", place, if_match="2")
            assert not await server.exists(stored)


async def test_events_of_each_reach_the_apps_of_both_alike(
    programs: tuple[Program, Program], redis: RedisServer, tmp_path: Path
) -> None:
    async with both(programs, redis, tmp_path) as sidecars, connected(redis) as server:
        for publisher in sidecars:
            query = "?metadata.partitionKey=k&metadata.odd=%3Ca%26%3E%20%C3%BC"
            await ask(
                publisher,
                "POST",
                f"/v1.0/publish/ps/shared{query}",
                b'{"by": "%s"}' % publisher.name.encode(),
            )
        async with asyncio.timeout(20):
            for each in sidecars:
                await each.app.until(("/shared",), 2)
        entries = await server.xrange("shared")

    assert [set(fields) for _, fields in entries] == [{b"data", b"metadata"}] * 2
    assert entries[0][1][b"metadata"] == entries[1][1][b"metadata"]
    got = [
        sorted(
            (each.body, sorted((name, value) for name, value in each.headers if name not in TRANSPORT))
            for each in sidecar.app.at(("/shared",))
        )
        for sidecar in sidecars
    ]
    assert len(got[0]) == 2
    assert got[0] == got[1]
