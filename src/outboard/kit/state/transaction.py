"""Changes of a store: what one is, and several that are made together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Generic, TypeVar, get_args

from outboard.kit.arguments import check_instance, check_one_of, check_texts
from outboard.kit.client.port import Concurrency, Consistency, StateDelete, StateOperations, StateSave
from outboard.kit.names import Key, check_state_key
from outboard.kit.state.codec import StateCodec
from outboard.kit.ttl import Ttl, ttl_metadata

__all__ = ["Transaction", "save_of", "transaction"]


def save_of(
    key: Key,
    value: bytes,
    etag: str | None,
    ttl: Ttl | None,
    metadata: Mapping[str, str] | None,
    concurrency: Concurrency | None = None,
    consistency: Consistency | None = None,
) -> StateSave:
    """One value to be written; with an ETag the first write wins unless `concurrency` says otherwise.

    Raises InvalidName for the key, ValueError for a `ttl` that is not positive, TypeError for other types.
    """
    check_texts("metadata", metadata)
    check_instance("etag", etag, str, "a text")
    check_one_of("concurrency", concurrency, get_args(Concurrency))
    check_one_of("consistency", consistency, get_args(Consistency))
    pairs = {**(metadata or {}), **ttl_metadata(ttl)}
    if etag and concurrency is None:
        concurrency = "first-write"
    return StateSave(check_state_key(key), value, etag, concurrency, consistency, pairs)


T = TypeVar("T")


class Transaction(Generic[T]):
    """Collects changes, in order. Nothing is sent before the block ends."""

    def __init__(self, store: str, codec: StateCodec[T]) -> None:
        self._store = store
        self._codec = codec
        self._operations: list[StateSave | StateDelete] = []

    def save(self, key: Key, value: T, *, etag: str | None = None, ttl: Ttl | None = None) -> None:
        """Write `value`; with an `etag`, only if the key still has it. Raises InvalidName, StateInvalid."""
        text = self._codec.encode(self._store, check_state_key(key), value)
        self._operations.append(save_of(key, text, etag, ttl, None))

    def delete(self, key: Key, *, etag: str | None = None) -> None:
        """Remove what lies under `key`; with an `etag`, only if the key still has it. Raises InvalidName."""
        check_instance("etag", etag, str, "a text")
        concurrency: Concurrency | None = "first-write" if etag else None
        self._operations.append(StateDelete(check_state_key(key), etag, concurrency))

    def add(self, operations: Sequence[StateSave | StateDelete]) -> None:
        """Take what another transaction has collected."""
        self._operations += operations

    @property
    def operations(self) -> tuple[StateSave | StateDelete, ...]:
        """What was asked for so far."""
        return tuple(self._operations)


@asynccontextmanager
async def transaction(
    store: str, codec: StateCodec[T], sidecar: StateOperations, timeout: float
) -> AsyncIterator[Transaction[T]]:
    """Send what was collected when the block ends without an exception."""
    changes = Transaction(store, codec)
    yield changes
    if changes.operations:
        await sidecar.transact(store, changes.operations, timeout)
