"""What every state store must do, asked of each adapter; beyond that, what each promises.

An adapter is a class with its `promises` and the fixtures `store` and `passing`; where it has a server, also
`crashing`.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from random import random
from typing import ClassVar, Protocol, TypeAlias

import pytest
import redis.asyncio as client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.state_promises import STATES, Passing, StatePromises
from outboard.clock import Clock, SystemClock
from outboard.gojson.values import Json
from outboard.sidecar.components.memory.state import InMemoryState, Table
from outboard.sidecar.components.port import (
    ComponentError,
    Delete,
    EtagMismatchError,
    KeyListing,
    Set,
    StateOptions,
    StateStore,
    Transactional,
)
from outboard.sidecar.components.redis.client.connecting import connect
from outboard.sidecar.components.redis.client.settings import RedisSettings
from outboard.sidecar.components.redis.state import RedisState
from outboard.sidecar.components.sqlite.state import SqliteSettings, SqliteState
from support.redis import RedisServer
from support.servers import Server

FIRST_WRITE = StateOptions(concurrency="first-write")

JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


class MovableClock(Clock, Protocol):
    def advance(self, seconds: float) -> None: ...


class Store(StateStore, Transactional, Protocol):
    """What the contract is asked of: a transactional store."""


Crashing: TypeAlias = tuple[Store, Server]
"""A store, and the server that it alone uses."""


async def value_of(store: Store, key: str) -> bytes | None:
    found = (await store.get([key])).get(key)
    return None if found is None else found.data


async def etag_of(store: Store, key: str) -> str:
    etag = (await store.get([key]))[key].etag
    assert etag
    return etag


@pytest.mark.anyio
class StateStoreContract:
    promises: ClassVar[StatePromises]

    @property
    def _lifetime(self) -> dict[str, str]:
        return {"ttlInSeconds": str(self.promises.lifetime)}

    async def test_what_was_never_set_is_not_there(self, store: Store) -> None:
        assert await store.get(["app||nothing"]) == {}

    async def test_a_value_is_read_as_it_was_set(self, store: Store) -> None:
        await store.set(Set("app||k", {"b": [1.5, None, True], "a": "é"}))

        data = await value_of(store, "app||k")
        assert data is not None
        if self.promises.sorted_members:
            assert data == '{"a":"é","b":[1.5,null,true]}'.encode()
        assert json.loads(data) == {"b": [1.5, None, True], "a": "é"}

    @given(value=JSON)
    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    async def test_any_json_comes_back_equal(self, store: Store, value: Json) -> None:
        await store.set(Set("app||k", value))

        data = await value_of(store, "app||k")

        assert data is not None
        assert _rounded(json.loads(data), 6) == _rounded(value, 6)
        if self.promises.digits is None:
            assert json.loads(data, parse_int=float) == value

    @pytest.mark.promise("binary")
    @given(data=st.binary())
    @settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    async def test_bytes_come_back_untouched(self, store: Store, data: bytes) -> None:
        await store.set(Set("app||k", data))

        assert await value_of(store, "app||k") == data

    async def test_a_number_that_json_cannot_hold_is_refused_and_the_old_value_stays(
        self, store: Store
    ) -> None:
        await store.set(Set("app||k", 1))

        with pytest.raises(ComponentError, match=r"64-bit float|float64"):
            await store.set(Set("app||k", 10**400))

        assert await value_of(store, "app||k") == b"1"

    async def test_several_keys_are_read_at_once_absent_ones_left_out(self, store: Store) -> None:
        await store.set(Set("app||a", 1))
        await store.set(Set("app||b", 2))

        found = await store.get(["app||b", "app||missing", "app||a", "app||b"])

        assert {key: item.data for key, item in found.items()} == {"app||a": b"1", "app||b": b"2"}

    async def test_more_keys_than_a_statement_takes(self, store: Store) -> None:
        await store.transact([Set(f"k{index}", index) for index in range(1_200)])

        found = await store.get([f"k{index}" for index in range(1_200)])

        assert len(found) == 1_200
        assert found["k1199"].data == b"1199"

    async def test_a_large_value(self, store: Store) -> None:
        text = "größe " * 150_000
        await store.set(Set("app||large", text))

        data = await value_of(store, "app||large")
        assert data is not None
        assert json.loads(data) == text

    @pytest.mark.promise("server")
    async def test_what_was_set_is_there_after_its_server_crashed(self, crashing: Crashing) -> None:
        store, server = crashing
        await store.set(Set("app||before", 1))
        server.kill()
        with pytest.raises(ComponentError):
            await store.set(Set("app||during", 2))
        server.start()
        await store.set(Set("app||after", 3))

        found = await store.get(["app||before", "app||after"])
        assert {key: item.data for key, item in found.items()} == {"app||before": b"1", "app||after": b"3"}

    async def test_every_write_changes_the_etag(self, store: Store) -> None:
        etags = []
        for value in (1, 1, 2):
            await store.set(Set("k", value))
            etags.append(await etag_of(store, "k"))

        assert len(set(etags)) == 3

    @pytest.mark.promise("last_write_checks")
    async def test_a_stale_etag_writes_nothing_with_last_write_either(self, store: Store) -> None:
        await self.test_a_stale_etag_writes_nothing(store, StateOptions("last-write"))

    @pytest.mark.parametrize("options", [StateOptions(consistency="strong"), FIRST_WRITE])
    async def test_a_stale_etag_writes_nothing(self, store: Store, options: StateOptions) -> None:
        await store.set(Set("k", "old"))
        stale = await etag_of(store, "k")
        await store.set(Set("k", "new", etag=stale))

        with pytest.raises(EtagMismatchError, match=r"^possible etag mismatch\. error from state store"):
            await store.set(Set("k", "mine", etag=stale, options=options))
        with pytest.raises(EtagMismatchError):
            await store.delete(Delete("k", etag=stale, options=options))

        assert await value_of(store, "k") == b'"new"'

    @pytest.mark.promise("etag_of_absent")
    async def test_an_etag_for_nothing_does_not_match(self, store: Store) -> None:
        with pytest.raises(EtagMismatchError):
            await store.set(Set("absent", 1, etag=self.promises.no_etag))
        with pytest.raises(EtagMismatchError):
            await store.delete(Delete("absent", etag=self.promises.no_etag))

        assert await store.get(["absent"]) == {}

    async def test_an_empty_etag_is_none(self, store: Store) -> None:
        await store.set(Set("k", 1, etag=""))
        await store.set(Set("k", 2, etag=""))
        await store.delete(Delete("k", etag=""))

        assert await store.get(["k"]) == {}

    @pytest.mark.promise("first_write_checks")
    async def test_first_write_without_etag_is_for_what_is_not_there(self, store: Store) -> None:
        await store.set(Set("k", "first"))

        with pytest.raises(EtagMismatchError):
            await store.set(Set("k", "second", options=FIRST_WRITE))

        assert await value_of(store, "k") == b'"first"'

    async def test_first_write_without_etag_wins_only_once(self, store: Store) -> None:
        await store.set(Set("k", "first", options=FIRST_WRITE))

        with pytest.raises(ComponentError):
            await store.set(Set("k", "second", options=FIRST_WRITE))

        assert await value_of(store, "k") == b'"first"'

    async def test_first_write_with_the_current_etag(self, store: Store) -> None:
        await store.set(Set("k", 1))

        await store.set(Set("k", 2, etag=await etag_of(store, "k"), options=FIRST_WRITE))

        assert await value_of(store, "k") == b"2"

    async def test_delete(self, store: Store) -> None:
        await store.set(Set("k", 1))

        await store.delete(Delete("k", etag=await etag_of(store, "k")))
        await store.delete(Delete("k"))

        assert await store.get(["k"]) == {}

    @pytest.mark.parametrize("wrong", [StateOptions(concurrency="nope"), StateOptions(consistency="nope")])  # type: ignore[arg-type]
    async def test_unknown_options_are_refused(self, store: Store, wrong: StateOptions) -> None:
        with pytest.raises(ComponentError, match="model 'nope'"):
            await store.set(Set("k", 1, options=wrong))
        with pytest.raises(ComponentError, match="model 'nope'"):
            await store.delete(Delete("k", options=wrong))

    async def test_time_to_live(self, store: Store, clock: MovableClock, passing: Passing) -> None:
        half = self.promises.lifetime / 2
        await store.set(Set("k", 1, metadata=self._lifetime))
        await passing(half)
        (found,) = (await store.get(["k"])).values()
        if self.promises.expiry:
            assert found.expires is not None
            difference = found.expires - clock.now() - timedelta(seconds=half)
            assert abs(difference.total_seconds()) <= self.promises.expiry_within

        await passing(half)

        assert await store.get(["k"]) == {}

    @pytest.mark.promise("etag_of_absent")
    @pytest.mark.promise("expired_for_writers")
    async def test_what_has_expired_is_not_there_for_writers_either(
        self, store: Store, passing: Passing
    ) -> None:
        await store.set(Set("k", "old", metadata=self._lifetime))
        old = await etag_of(store, "k")
        await passing(self.promises.lifetime)

        with pytest.raises(EtagMismatchError):
            await store.set(Set("k", "mine", etag=old))
        with pytest.raises(EtagMismatchError):
            await store.delete(Delete("k", etag=old))
        await store.set(Set("k", "new", options=FIRST_WRITE))

        assert await value_of(store, "k") == b'"new"'

    @pytest.mark.parametrize("ttl", [{"ttlInSeconds": "0"}, {"ttlInSeconds": "-1"}])
    async def test_a_write_can_end_the_time_to_live(
        self, store: Store, passing: Passing, ttl: dict[str, str]
    ) -> None:
        await store.set(Set("k", 1, metadata=self._lifetime))
        await store.set(Set("k", 2, metadata=ttl))
        await passing(1_000_000)

        assert await value_of(store, "k") == b"2"

    @pytest.mark.promise("renewal")
    @pytest.mark.parametrize("ttl", [{}, {"ttlInSeconds": "0"}, {"ttlInSeconds": "-1"}, {"ttlInSeconds": ""}])
    async def test_a_write_without_time_to_live_clears_it(
        self, store: Store, passing: Passing, ttl: dict[str, str]
    ) -> None:
        await store.set(Set("k", 1, metadata=self._lifetime))
        await store.set(Set("k", 2, metadata=ttl))
        await passing(1_000_000)

        assert (await store.get(["k"]))["k"].expires is None

    @pytest.mark.parametrize(
        ("ttl", "said"),
        [("x", "invalid syntax"), ("1.5", "invalid syntax"), ("9" * 20, "value out of range")],
    )
    async def test_a_wrong_time_to_live_writes_nothing(self, store: Store, ttl: str, said: str) -> None:
        with pytest.raises(ComponentError, match=f'parsing "{ttl}": {said}'):
            await store.set(Set("k", 1, metadata={"ttlInSeconds": ttl}))

        assert await store.get(["k"]) == {}

    async def test_a_transaction_applies_in_order(self, store: Store) -> None:
        await store.set(Set("gone", 1))

        await store.transact([Set("k", 1), Delete("gone"), Delete("k"), Set("k", 2), Delete("absent")])

        assert {key: found.data for key, found in (await store.get(["k", "gone"])).items()} == {"k": b"2"}

    @pytest.mark.promise("atomic")
    async def test_a_transaction_is_all_or_nothing(self, store: Store) -> None:
        await store.set(Set("kept", 1))

        with pytest.raises(EtagMismatchError):
            await store.transact([Set("new", 1), Delete("kept"), Set("kept", 2, etag="stale")])

        assert {key: found.data for key, found in (await store.get(["new", "kept"])).items()} == {
            "kept": b"1"
        }

    async def test_keys_are_kept_apart_whatever_is_in_them(self, store: Store) -> None:
        keys = ["", "'; DROP TABLE state; --", "%", "_", "A", "a", "é", "a\x00b"]
        for index, key in enumerate(keys):
            await store.set(Set(key, index))

        found = await store.get(keys)

        assert [found[key].data for key in keys] == [str(index).encode() for index in range(len(keys))]


def ids() -> itertools.count[int]:
    return itertools.count(1)


def _rounded(value: object, digits: int) -> object:
    """`value` with its numbers as floats of so many digits behind the point."""
    match value:
        case bool() | None | str():
            return value
        case int() | float():
            return pytest.approx(float(value), abs=0.6 * 10**-digits)
        case list():
            return [_rounded(item, digits) for item in value]
        case dict():
            return {key: _rounded(item, digits) for key, item in value.items()}
    raise TypeError(value)


@pytest.fixture
def passing(clock: MovableClock) -> Passing:
    async def passing(seconds: float) -> None:
        clock.advance(seconds)

    return passing


@pytest.mark.anyio
class KeyListingContract:
    """What a store must do that can list its keys, as ours can. daprd has no API for it."""

    async def test_keys_are_listed_by_their_beginning_in_order(self, store: Store) -> None:
        assert isinstance(store, KeyListing)
        for key in ("app||b", "app||a[1]*?", "app||a1", "app||ä", "other||a", "app|"):
            await store.set(Set(key, 1))

        assert await store.keys("app||", 10) == ["app||a1", "app||a[1]*?", "app||b", "app||ä"]
        assert await store.keys("app||a[", 10) == ["app||a[1]*?"]
        assert await store.keys("app||", 2) == ["app||a1", "app||a[1]*?"]
        assert await store.keys("nobody||", 10) == []
        assert len(await store.keys("", 10)) == 6

    async def test_more_keys_than_are_looked_at_in_one_step(self, store: Store) -> None:
        assert isinstance(store, KeyListing)
        await store.transact([Set(f"app||{number:04}", number) for number in range(1_500)])

        assert await store.keys("app||", 2_000) == [f"app||{number:04}" for number in range(1_500)]

    async def test_what_has_expired_is_not_listed(self, store: Store, passing: Passing) -> None:
        assert isinstance(store, KeyListing)
        await store.set(Set("app||a", 1, metadata={"ttlInSeconds": "10"}))
        await store.set(Set("app||b", 1))
        await passing(11)

        assert await store.keys("app||", 10) == ["app||b"]


class TestInMemoryState(KeyListingContract, StateStoreContract):
    promises = STATES["in-memory"]

    @pytest.fixture
    def store(self, clock: MovableClock) -> Store:
        count = ids()
        return InMemoryState(Table(), clock, lambda: f"etag-{next(count)}")


class TestSqliteState(KeyListingContract, StateStoreContract):
    promises = STATES["sqlite"]

    @pytest.fixture
    async def store(self, clock: MovableClock, tmp_path: Path) -> AsyncIterator[Store]:
        count = ids()
        store = SqliteState(SqliteSettings(str(tmp_path / "s.db")), clock, lambda: f"etag-{next(count)}")
        await store.open()
        yield store
        await store.close()


async def age_keys(server: client.Redis, seconds: float) -> None:
    """Take so much from the time that every key has left."""
    for key in await server.keys():
        left = await server.pttl(key)
        if left > 0:
            await server.pexpire(key, int(left - seconds * 1_000))


async def connected(server: RedisServer) -> RedisState:
    settings = RedisSettings(((server.host, server.port),))
    return RedisState(await connect(settings, "statestore", SystemClock(), random))


class TestRedisState(KeyListingContract, StateStoreContract):
    promises = STATES["redis"]

    @pytest.fixture
    async def server(self, redis: RedisServer) -> AsyncIterator[client.Redis]:
        async with client.Redis.from_url(redis.url) as server:
            await server.flushdb()
            yield server

    @pytest.fixture
    async def store(self, redis: RedisServer, server: client.Redis) -> AsyncIterator[Store]:
        store = await connected(redis)
        yield store
        await store.close()

    @pytest.fixture
    async def crashing(self, own_redis: RedisServer) -> AsyncIterator[Crashing]:
        store = await connected(own_redis)
        yield store, own_redis
        await store.close()

    @pytest.fixture
    def passing(self, server: client.Redis) -> Passing:
        async def passing(seconds: float) -> None:
            await age_keys(server, seconds)

        return passing
