"""A state store, typed by what lies in it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar, Unpack, get_args

from outboard.kit.arguments import check_instance, check_number, check_one_of, check_texts, wrong
from outboard.kit.client.port import (
    Concurrency,
    Consistency,
    StateDelete,
    StateItem,
    StateOperations,
    StateRead,
)
from outboard.kit.names import Key, check_state_key
from outboard.kit.state.arguments import (
    DeleteArguments,
    ReadArguments,
    ReadManyArguments,
    SaveArguments,
    SaveManyArguments,
)
from outboard.kit.state.codec import StateCodec
from outboard.kit.state.transaction import Transaction, save_of, transaction
from outboard.kit.threads import ThreadCalls
from outboard.kit.ttl import Ttl

__all__ = ["State", "StateEntry", "SyncState"]

T = TypeVar("T")
K = TypeVar("K", bound=Key)
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class StateEntry(Generic[T]):
    """What lies under a key. `etag` is None, and so is `value`, where nothing does."""

    key: str
    value: T | None
    etag: str | None


@dataclass(frozen=True, eq=False, slots=True)
class State(Generic[T]):
    """The values of one state store, as `T`. `board.state(...)` makes it.

    A key is a text, a whole number (written in decimal) or a UUID (in lower case, with hyphens). Every call
    takes `timeout` in seconds (the board's unless given), and raises SidecarUnavailable,
    UnexpectedAnswer, TokenRejected, StateStoreNotFound, StateFailed, and InvalidName for a key that Dapr does
    not take; NotConnected and WrongEventLoop where it is not awaited on the loop of the app.
    Source: Dapr, "State management API reference".
    """

    store: str
    codec: StateCodec[T]
    timeout: float
    sidecar: Callable[[str], StateOperations]
    calls: Callable[[str], ThreadCalls]

    @property
    def sync(self) -> SyncState[T]:
        """The same for synchronous code: a `def` endpoint or handler, a thread, a script."""
        return SyncState(self)

    async def get(
        self,
        key: Key,
        *,
        consistency: Consistency | None = None,
        metadata: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> T | None:
        """The value, None where nothing lies there; `timeout` in seconds. Raises StateInvalid for one that is
        no `T`.
        """
        entry = await self.entry(key, consistency=consistency, metadata=metadata, timeout=timeout)
        return entry.value

    async def entry(
        self,
        key: Key,
        *,
        consistency: Consistency | None = None,
        metadata: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> StateEntry[T]:
        """The value with the ETag under which `save` and `delete` may change it; `timeout` in seconds.

        Raises StateInvalid.
        """
        read = _read(consistency, metadata)
        text = check_state_key(key)
        sidecar = self.sidecar(f"reading key '{text}'")
        return self._entry(await sidecar.get_state(self.store, text, read, self._timeout(timeout)))

    async def get_many(
        self,
        keys: Iterable[K],
        *,
        metadata: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> dict[K, StateEntry[T]]:
        """An entry for each key, in their order, also where nothing lies there; `timeout` in seconds.

        Raises StateInvalid.
        """
        if isinstance(keys, str) or not isinstance(keys, Iterable):
            wrong("keys", "several keys, such as a list of them", keys)
        texts = {key: check_state_key(key) for key in keys}
        wanted = list(dict.fromkeys(texts.values()))
        sidecar = self.sidecar(f"reading {len(wanted)} keys")
        read = _read(None, metadata)
        items = await sidecar.get_states(self.store, wanted, read, self._timeout(timeout))
        found = {item.key: self._entry(item) for item in items}
        return {key: found[text] for key, text in texts.items()}

    async def save(
        self,
        key: Key,
        value: T,
        *,
        etag: str | None = None,
        ttl: Ttl | None = None,
        concurrency: Concurrency | None = None,
        consistency: Consistency | None = None,
        metadata: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> None:
        """Write `value`.

        With an `etag`, only if the key still has it: EtagMismatch otherwise (first write wins).
        `concurrency="first-write"` without an `etag` writes only where nothing lies yet, in stores that can.
        `ttl` (seconds, or a timedelta) is the time after which the value is gone.
        Raises EtagMismatch, EtagInvalid, StateInvalid.
        """
        text = check_state_key(key)
        written = self.codec.encode(self.store, text, value)
        save = save_of(text, written, etag, ttl, metadata, concurrency, consistency)
        sidecar = self.sidecar(f"saving key '{text}'")
        await sidecar.save_states(self.store, [save], self._timeout(timeout))

    async def save_many(
        self,
        values: Mapping[K, T],
        *,
        ttl: Ttl | None = None,
        metadata: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> None:
        """Write several values in one request; `timeout` in seconds. Not atomic: `transaction` is.

        Raises StateInvalid.
        """
        if not isinstance(values, Mapping):
            wrong("values", "a mapping from keys to values", values)
        texts = ((check_state_key(key), value) for key, value in values.items())
        saves = [
            save_of(key, self.codec.encode(self.store, key, value), None, ttl, metadata)
            for key, value in texts
        ]
        sidecar = self.sidecar(f"saving {len(saves)} keys")
        await sidecar.save_states(self.store, saves, self._timeout(timeout))

    async def delete(
        self,
        key: Key,
        *,
        etag: str | None = None,
        consistency: Consistency | None = None,
        metadata: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> None:
        """Remove what lies under `key`, if anything does; `timeout` in seconds.

        Raises EtagMismatch, EtagInvalid.
        """
        concurrency: Concurrency | None = "first-write" if etag else None
        check_instance("etag", etag, str, "a text")
        pairs = _read(consistency, metadata).metadata
        delete = StateDelete(check_state_key(key), etag, concurrency, consistency, pairs)
        sidecar = self.sidecar(f"deleting key '{delete.key}'")
        await sidecar.delete_state(self.store, delete, self._timeout(timeout))

    def transaction(self, *, timeout: float | None = None) -> AbstractAsyncContextManager[Transaction[T]]:
        """Several changes, all or none: they are sent when the block ends, unless it ends in an exception.

            async with preferences.transaction() as changes:
                changes.save("ana", value)
                changes.delete("bob")

        `timeout`, in seconds, bounds the request. Raises EtagMismatch, and StateFailed where the store knows
        no transactions.
        """
        sidecar = self.sidecar("a transaction")
        return transaction(self.store, self.codec, sidecar, self._timeout(timeout))

    def _timeout(self, timeout: float | None) -> float:
        check_number("timeout", timeout)
        return self.timeout if timeout is None else timeout

    def _entry(self, item: StateItem) -> StateEntry[T]:
        value = None if item.value is None else self.codec.decode(self.store, item.key, item.value)
        return StateEntry(item.key, value, item.etag)


@dataclass(frozen=True, eq=False, slots=True)
class SyncState(Generic[T]):
    """A state store for synchronous code, while the app runs or `with board.connected():` does.

    Each call does on the board's event loop what `state` does when it is awaited, and waits for it: with the
    same parameters, results and errors. Raises EventLoopBlocked on the thread of that loop.
    """

    state: State[T]

    def get(self, key: Key, **arguments: Unpack[ReadArguments]) -> T | None:
        """As `State.get`."""
        return self._run("reading from", lambda: self.state.get(key, **arguments))

    def entry(self, key: Key, **arguments: Unpack[ReadArguments]) -> StateEntry[T]:
        """As `State.entry`."""
        return self._run("reading from", lambda: self.state.entry(key, **arguments))

    def get_many(self, keys: Iterable[K], **arguments: Unpack[ReadManyArguments]) -> dict[K, StateEntry[T]]:
        """As `State.get_many`."""
        return self._run("reading from", lambda: self.state.get_many(keys, **arguments))

    def save(self, key: Key, value: T, **arguments: Unpack[SaveArguments]) -> None:
        """As `State.save`."""
        self._run("saving to", lambda: self.state.save(key, value, **arguments))

    def save_many(self, values: Mapping[K, T], **arguments: Unpack[SaveManyArguments]) -> None:
        """As `State.save_many`."""
        self._run("saving to", lambda: self.state.save_many(values, **arguments))

    def delete(self, key: Key, **arguments: Unpack[DeleteArguments]) -> None:
        """As `State.delete`."""
        self._run("deleting from", lambda: self.state.delete(key, **arguments))

    @contextmanager
    def transaction(self, *, timeout: float | None = None) -> Iterator[Transaction[T]]:
        """As `State.transaction`, with a plain `with`. Nothing is sent before the block ends."""
        changes = Transaction(self.state.store, self.state.codec)
        self.state.calls("a transaction")  # who is not connected hears of it before the block
        yield changes
        self._run("a transaction on", lambda: _send(self.state, changes, timeout))

    def _run(self, what: str, function: Callable[[], Coroutine[object, None, R]]) -> R:
        operation = f"{what} state store '{self.state.store}'"
        return self.state.calls(operation).run(operation, function)


async def _send(state: State[T], changes: Transaction[T], timeout: float | None) -> None:
    async with state.transaction(timeout=timeout) as sent:
        sent.add(changes.operations)


def _read(consistency: Consistency | None, metadata: Mapping[str, str] | None) -> StateRead:
    check_one_of("consistency", consistency, get_args(Consistency))
    check_texts("metadata", metadata)
    return StateRead(consistency, dict(metadata or {}))
