"""State in values: no request and no reply of any protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from outboard.hops.journal import Journal
from outboard.resources.resiliency import Policies
from outboard.sidecar.components.port import ComponentError, Delete, Found, Set, StateOptions, StateTraits
from outboard.sidecar.errors import ApiError, BadRequest, ErrorInfo, Help, ResourceInfo
from outboard.sidecar.logs import SidecarLog
from outboard.sidecar.publishing.pubsubs import PubSubPublisher
from outboard.sidecar.resiliency.guard import Resilience
from outboard.sidecar.state.items import RequestedItem
from outboard.sidecar.state.outbox.relay import StateOutbox
from outboard.sidecar.state.service import StateService
from outboard.sidecar.state.stores import LoadedStateStore
from support.sidecars import AutojumpClock

pytestmark = pytest.mark.anyio


class Store:
    """Keeps what is set, under the keys that it is given."""

    def __init__(self, *, finds_first: bool = False, query_refusal: str = "") -> None:
        features = frozenset({"TRANSACTIONAL"})
        self.traits = StateTraits(features, finds_first=finds_first, query_refusal=query_refusal)
        self.kept: dict[str, bytes] = {}
        self.broken = False

    async def get(self, keys: Sequence[str]) -> Mapping[str, Found]:
        if self.broken:
            raise ComponentError("broken")
        return {key: Found(data) for key, data in self.kept.items() if key in keys}

    async def set(self, operation: Set) -> None:
        self.kept[operation.key] = str(operation.value).encode()

    async def delete(self, operation: Delete) -> None:
        self.kept.pop(operation.key, None)

    async def transact(self, operations: Sequence[Set | Delete]) -> None:
        for each in operations:
            await (self.set(each) if isinstance(each, Set) else self.delete(each))

    async def close(self) -> None: ...


class StoreWithoutTransactions(Store):
    def __init__(self) -> None:
        super().__init__()
        self.traits = StateTraits()


def service_with(**stores: Store) -> StateService:
    clock, log = AutojumpClock(), SidecarLog("api", "info", "v")
    resilience = Resilience(clock, lambda: 0.5, log)
    loaded = {
        name: LoadedStateStore(name, store, "api", resilience.guard(name, "output", Policies()))
        for name, store in stores.items()
    }
    publisher = PubSubPublisher({}, "api", Journal("api", clock))
    outbox = StateOutbox("api", "default", publisher, clock, lambda: 0.5, lambda: "new", log)
    return StateService(loaded, "api", outbox)


async def test_keys_have_their_prefix_in_the_store_alone() -> None:
    store = Store()
    service = service_with(s=store)
    loaded = service.store("s")
    await service.save(loaded, [RequestedItem("a", 1), RequestedItem("b", 2)], {})
    assert store.kept == {"api||a": b"1", "api||b": b"2"}
    assert await service.get(loaded, "a") == Found(b"1")
    assert await service.get_many(loaded, ["b", "c"]) == [("b", Found(b"2")), ("c", None)]
    await service.delete(loaded, "a", etag=None, metadata={}, options=StateOptions())
    assert await service.get(loaded, "a") is None


async def test_a_store_that_finds_first_tells_in_its_own_order() -> None:
    service = service_with(s=Store(finds_first=True))
    loaded = service.store("s")
    await service.save(loaded, [RequestedItem("a", 1)], {})
    found = await service.get_many(loaded, ["z", "a", "a"])
    assert found == [("a", Found(b"1")), ("z", None)]


async def test_which_store_is_looked_for_first() -> None:
    with pytest.raises(ApiError, match="state store s is not configured") as caught:
        service_with().store("s")
    assert (caught.value.status, caught.value.code) == (500, "ERR_STATE_STORE_NOT_CONFIGURED")
    with pytest.raises(ApiError, match="state store s is not found") as caught:
        service_with(other=Store()).store("s")
    assert caught.value.details == (ErrorInfo("DAPR_STATE_NOT_FOUND", {"appID": "api"}),)


async def test_a_key_with_the_separator_is_told_with_its_field() -> None:
    service = service_with(s=Store())
    with pytest.raises(ApiError) as caught:
        await service.get(service.store("s"), "a||b")
    violation, resource, info = caught.value.details
    assert isinstance(violation, BadRequest)
    assert (violation.field, resource) == ("a||b", ResourceInfo("state", "s"))
    assert (info, caught.value.category) == (ErrorInfo("DAPR_STATE_ILLEGAL_KEY"), "state")


async def test_a_transaction_is_read_one_after_the_other_before_anything_is_done() -> None:
    store = Store()
    service = service_with(s=store)
    loaded = service.transactional_store("s")
    with pytest.raises(ApiError, match="can't contain"):
        await service.transact(
            loaded, [("upsert", RequestedItem("a", 1)), ("delete", RequestedItem("b||"))], {}, None
        )
    assert not store.kept
    await service.transact(
        loaded, [("upsert", RequestedItem("a", 1)), ("upsert", RequestedItem("b", 2))], {}, None
    )
    await service.transact(loaded, [("delete", RequestedItem("a"))], {}, None)
    assert store.kept == {"api||b": b"2"}


def test_a_store_without_transactions_says_so_with_a_place_to_read() -> None:
    with pytest.raises(ApiError, match="doesn't support transactions") as caught:
        service_with(s=StoreWithoutTransactions()).transactional_store("s")
    assert any(isinstance(each, Help) for each in caught.value.details)


async def test_a_query_is_refused_and_read_only_where_daprd_reads_it() -> None:
    async def read() -> bytes:
        return b"{"

    async def never() -> bytes:
        raise AssertionError

    with pytest.raises(ApiError, match="does not support querying"):
        await service_with(s=Store()).query("s", never)
    with pytest.raises(ApiError, match="failed to parse JSON query body: unexpected end of JSON input"):
        await service_with(s=Store(query_refusal="no")).query("s", read)


async def test_what_a_component_says_is_in_the_message() -> None:
    store = Store()
    store.broken = True
    service = service_with(s=store)
    with pytest.raises(ApiError, match="fail to get k from state store s: broken"):
        await service.get(service.store("s"), "k")
