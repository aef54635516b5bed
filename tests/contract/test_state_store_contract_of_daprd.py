"""The same of daprd's own state stores, over HTTP: what ours promise is measured by them."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
import redis.asyncio as client

from contract.daprd_over_http import component, running_daprd
from contract.daprd_state_over_http import DaprdState
from contract.state_promises import STATES_OF_DAPRD, Passing
from contract.test_state_store_contract import Crashing, StateStoreContract, Store, age_keys
from outboard.clock import SystemClock
from support.kafka_component import unique
from support.redis import RedisServer

pytestmark = pytest.mark.engine("daprd")


@pytest.fixture
def clock() -> SystemClock:
    return SystemClock()


class TestInMemoryStateOfDaprd(StateStoreContract):
    promises = STATES_OF_DAPRD["in-memory"]

    @pytest.fixture
    async def store(self, daprd: Path, tmp_path: Path) -> AsyncIterator[Store]:
        async with running_daprd(daprd, tmp_path, component("state.in-memory")) as client:
            yield DaprdState(client, "k")

    @pytest.fixture
    def passing(self) -> Passing:
        longest = self.promises.lifetime + 0.2
        return lambda seconds: asyncio.sleep(min(seconds, longest))


class TestSqliteStateOfDaprd(StateStoreContract):
    promises = STATES_OF_DAPRD["sqlite"]

    @pytest.fixture
    async def store(self, daprd: Path, tmp_path: Path) -> AsyncIterator[Store]:
        document = component("state.sqlite", connectionString=str(tmp_path / "state.db"))
        async with running_daprd(daprd, tmp_path, document) as client:
            yield DaprdState(client, "k")

    @pytest.fixture
    def passing(self, tmp_path: Path) -> Passing:
        async def passing(seconds: float) -> None:
            """Take so much from the time that every row has left."""
            with closing(sqlite3.connect(tmp_path / "state.db")) as database, database:
                database.execute(
                    "UPDATE state SET expiration_time = datetime(expiration_time, ?)", [f"-{seconds} seconds"]
                )

        return passing


class TestRedisStateOfDaprd(StateStoreContract):
    promises = STATES_OF_DAPRD["redis"]

    @pytest.fixture
    async def store(self, daprd: Path, redis: RedisServer, tmp_path: Path) -> AsyncIterator[Store]:
        document = component("state.redis", redisHost=redis.address)
        async with running_daprd(daprd, tmp_path, document) as client:
            yield DaprdState(client, unique("contract"))

    @pytest.fixture
    async def crashing(self, daprd: Path, own_redis: RedisServer, tmp_path: Path) -> AsyncIterator[Crashing]:
        document = component("state.redis", redisHost=own_redis.address)
        async with running_daprd(daprd, tmp_path, document) as client:
            yield DaprdState(client, unique("contract")), own_redis

    @pytest.fixture
    async def passing(self, redis: RedisServer) -> AsyncIterator[Passing]:
        async with client.Redis.from_url(redis.url) as server:
            yield lambda seconds: age_keys(server, seconds)
