from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import pytest

from outboard.resources.resiliency import Policies, RetryPolicy
from outboard.sidecar.components.port import (
    ComponentError,
    Delete,
    EtagInvalidError,
    EtagMismatchError,
    Found,
    Set,
    StateTraits,
)
from outboard.sidecar.logs import SidecarLog
from outboard.sidecar.resiliency.guard import Resilience
from outboard.sidecar.state.stores import LoadedStateStore, WriteFailed, write_all
from support.sidecars import AutojumpClock

pytestmark = pytest.mark.anyio


class Store:
    """Fails each key with the errors that were prepared for it, then takes it."""

    traits = StateTraits()

    def __init__(self, **errors: list[ComponentError]) -> None:
        self.errors = errors
        self.attempts: defaultdict[str, int] = defaultdict(int)

    async def set(self, operation: Set) -> None:
        self.attempts[operation.key] += 1
        if self.errors.get(operation.key):
            raise self.errors[operation.key].pop(0)

    async def get(self, keys: Sequence[str]) -> Mapping[str, Found]:
        raise AssertionError

    async def delete(self, operation: Delete) -> None:
        raise AssertionError

    async def close(self) -> None: ...


def loaded(store: Store, retries: int = 0) -> LoadedStateStore:
    resilience = Resilience(AutojumpClock(), lambda: 0.5, SidecarLog("api", "info", "v"))
    policies = Policies(retry=RetryPolicy(duration=1.0, max_retries=retries))
    return LoadedStateStore("st", store, "", resilience.guard("st", "output", policies))


def sets(*keys: str) -> list[Set]:
    return [Set(key, 1) for key in keys]


async def test_only_what_failed_is_set_again() -> None:
    store = Store(b=[ComponentError("busy"), ComponentError("busy")])
    await write_all(loaded(store, retries=2), sets("a", "b", "c"))
    assert store.attempts == {"a": 1, "b": 3, "c": 1}


async def test_a_conflict_of_etags_is_never_tried_again() -> None:
    store = Store(a=[EtagMismatchError("a changed")], b=[EtagInvalidError("b")], c=[ComponentError("busy")])

    await write_all(loaded(store, retries=3), sets("a", "b", "c"))

    assert store.attempts == {"a": 1, "b": 1, "c": 2}


async def test_where_all_that_failed_is_conflicts_it_ends_at_once() -> None:
    store = Store(a=[EtagMismatchError("a changed")], b=[EtagInvalidError("b")])

    with pytest.raises(WriteFailed) as caught:
        await write_all(loaded(store, retries=3), sets("a", "b", "c"))

    assert [str(error) for error in caught.value.errors] == ["a changed", "b"]
    assert caught.value.several
    assert store.attempts == {"a": 1, "b": 1, "c": 1}


async def test_the_errors_of_the_last_attempt_count() -> None:
    store = Store(a=[EtagMismatchError("a changed")], b=[ComponentError("1"), ComponentError("2")])

    with pytest.raises(WriteFailed) as caught:
        await write_all(loaded(store, retries=1), sets("a", "b"))

    assert ([str(error) for error in caught.value.errors], caught.value.several) == (["2"], False)


async def test_nothing_is_no_attempt() -> None:
    await write_all(loaded(Store()), [])
