"""What the gRPC API answers where the component fails, as daprd: on a Redis with keys of other types."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
import redis
from anyio.from_thread import BlockingPortal

from conformance.asking import Pair, pair
from conformance.comparing import without_script
from conformance.grpc_asking import Calling, Said, grpc_answers
from conformance.grpc_cases import (
    bulk,
    delete,
    delete_many,
    entry,
    get,
    get_many,
    item,
    publish,
    save,
    transact,
)
from conformance.question import Group
from conformance.questions.files import component, documents
from conformance.sidecars import Program
from support.redis import RedisServer

pytestmark = [pytest.mark.engine("daprd"), pytest.mark.engine("redis"), pytest.mark.timeout(120)]

CALLS: dict[str, tuple[Calling, ...]] = {
    "publish": (publish("ps", "text", b"x", "text/plain", a="b"),),
    "publish-raw": (publish("ps", "text", b"x", rawPayload="true"),),
    "bulk": tuple(
        bulk(name, "ps", "text", entry("1")) for name in ("BulkPublishEvent", "BulkPublishEventAlpha1")
    ),
    "get": (get("st", "list"),),
    "get-many": (get_many("st", "list"),),
    "save": (save("st", item("hash", b"1")), save("st", item("hash", b"1", "3"))),
    "save-several": (save("st", item("hash", b"1"), item("hash", b"2")),),
    "delete": (delete("st", "hash", "3"),),
    "delete-many": (delete_many("st", item("hash", b"", "3")),),
    "transaction": (transact("st", ("upsert", item("hash", b"1"))),),
}


@pytest.fixture(scope="module")
def both(
    programs: tuple[Program, Program],
    portal: BlockingPortal,
    redis_servers: Callable[..., RedisServer],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Pair]:
    server = redis_servers()
    host, _, port = server.address.rpartition(":")
    with redis.Redis(host, int(port)) as client:
        client.set("text", "no stream")
        client.rpush("list", "no hash")
        client.hset("hash", mapping={"data": "1", "version": "no number"})
    files = {
        "all.yaml": documents(
            component("ps", "pubsub.redis", redisHost=server.address),
            component("st", "state.redis", redisHost=server.address, keyPrefix="none"),
        )
    }
    group = Group("grpc-failures", (), files, app=False)
    with portal.wrap_async_context_manager(
        pair(programs, group, tmp_path_factory.mktemp("failures"))
    ) as both:
        yield both


@pytest.mark.parametrize("name", CALLS)
def test_the_same_failure(name: str, both: Pair, portal: BlockingPortal) -> None:
    async def ask() -> list[tuple[Said, ...]]:
        return list(
            await asyncio.gather(*(grpc_answers(each, CALLS[name]) for each in (both.real, both.ours)))
        )

    real, ours = map(without_script, portal.call(ask))
    assert ours == real
    assert name == "get-many" or all(said[0] != "OK" for said in ours)
