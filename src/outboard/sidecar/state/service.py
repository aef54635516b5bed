"""State for the app: get, save, delete, many at once, and transactions with their events.

Source: Dapr, "State management API reference"; daprd 1.18 for the order of the checks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, TypeVar

from outboard.gojson.jsonsyntax import syntax_error
from outboard.resources.left_out import LeftOut
from outboard.sidecar.components.port import (
    NO_METADATA,
    Delete,
    Found,
    Sealing,
    Set,
    StateOptions,
    Transactional,
)
from outboard.sidecar.components.remote_state import OwnAnswerError, Queried, RemoteState
from outboard.sidecar.metrics.meters import Meters
from outboard.sidecar.metrics.timed import timed
from outboard.sidecar.resiliency.failure import Failure
from outboard.sidecar.state import errors
from outboard.sidecar.state.items import Operation, RequestedItem
from outboard.sidecar.state.keys import IllegalKey, original_key, stored_key
from outboard.sidecar.state.outbox.plan import Traced, Write
from outboard.sidecar.state.outbox.relay import OutboxFailed, StateOutbox
from outboard.sidecar.state.queries import QueryInvalid, read_query
from outboard.sidecar.state.stores import LoadedStateStore, WriteFailed, write_all
from outboard.wire.tracing import TraceContext

__all__ = ["StateService"]

T = TypeVar("T")

TRANSACTIONAL: Final = "TRANSACTIONAL"


class StateService:
    """The loaded state stores, as one app uses them. All that it raises is ApiError.

    `left_out` is what is not there and why; calls of the stores are counted in `meters`, if given. Whoever
    asks names its store first, with `store`: daprd looks for that before it reads anything else.
    """

    def __init__(
        self,
        stores: Mapping[str, LoadedStateStore],
        app_id: str,
        outbox: StateOutbox,
        left_out: Sequence[LeftOut] = (),
        meters: Meters | None = None,
    ) -> None:
        self._left_out = left_out
        self._stores = stores
        self._app_id = app_id
        self._outbox = outbox
        self._meters = meters

    def store(self, name: str) -> LoadedStateStore:
        """The store of that name."""
        if not self._stores:
            raise errors.not_configured(name, self._left_out, self._app_id)
        if name not in self._stores:
            raise errors.not_found(name, self._left_out, self._app_id)
        return self._stores[name]

    def transactional_store(self, name: str) -> LoadedStateStore:
        """The store of that name, which can do several operations as one."""
        store = self.store(name)
        _transactional(store)
        return store

    async def get(
        self,
        store: LoadedStateStore,
        key: str,
        metadata: Mapping[str, str] = NO_METADATA,
        consistency: str = "",
    ) -> Found | None:
        """What is there; None for nothing."""
        stored, remote = _stored(store, key), store.remote

        async def one() -> Found | None:
            if remote is not None:
                return await remote.get_one(stored, consistency, metadata)
            return (await store.component.get([stored])).get(stored)

        try:
            value = await self._run(store, "get", one)
        except Failure as error:
            raise errors.get_failed(store.name, key, str(error), error) from error
        if value is not None and value.problem:
            raise errors.get_failed(store.name, key, value.problem)
        return value

    async def get_many(
        self, store: LoadedStateStore, keys: Sequence[str], metadata: Mapping[str, str] = NO_METADATA
    ) -> Sequence[tuple[str, Found | None]]:
        """What is there for each key, in the order in which daprd tells it."""
        stored, remote = [_stored(store, key) for key in keys], store.remote
        if remote is not None:
            return await self._get_remote(store, remote, dict(zip(stored, keys, strict=True)), metadata)
        try:
            found = await self._run(store, "bulk_get", lambda: store.component.get(stored))
        except Failure as error:
            raise errors.bulk_get_failed(error) from error
        names = list(zip(keys, stored, strict=True))
        if store.component.traits.finds_first:
            return _found_first(names, found)
        return [(key, found.get(name)) for key, name in names]

    async def _get_remote(
        self,
        store: LoadedStateStore,
        remote: RemoteState,
        asked: Mapping[str, str],
        metadata: Mapping[str, str],
    ) -> Sequence[tuple[str, Found | None]]:
        """What the store tells, under the keys as they were asked for: `asked`, by those that it knows."""
        try:
            found = await self._run(store, "bulk_get", lambda: remote.get_many([*asked], metadata))
        except Failure as error:
            raise errors.bulk_get_failed(error) from error
        return [(asked.get(key, key), value) for key, value in found]

    async def save(
        self, store: LoadedStateStore, items: Iterable[RequestedItem], metadata: Mapping[str, str]
    ) -> None:
        """Save all, several side by side. `metadata` is the request's."""
        operations = [_set(store, item, metadata) for item in items]
        if not operations:
            return
        try:
            await self._counted(store, "set", write_all(store, operations))
        except WriteFailed as failure:
            raise errors.save_failed(store.name, failure.errors, several=failure.several) from failure
        except Failure as error:
            raise errors.save_failed(store.name, [error], several=False) from error

    async def delete(
        self,
        store: LoadedStateStore,
        key: str,
        *,
        etag: str | None,
        metadata: Mapping[str, str],
        options: StateOptions,
    ) -> None:
        """Succeeds too where nothing is there."""
        operation = Delete(_stored(store, key), etag, metadata, options)
        try:
            await self._run(store, "delete", lambda: store.component.delete(operation))
        except Failure as error:
            raise errors.delete_failed(key, error) from error

    async def delete_many(self, store: LoadedStateStore, items: Iterable[RequestedItem]) -> None:
        """Delete all, several side by side."""
        operations = [item.at(_stored(store, item.key), {}).as_delete() for item in items]
        if not operations:
            return
        try:
            await self._counted(store, "bulk_delete", write_all(store, operations))
        except WriteFailed as failure:
            raise errors.bulk_delete_failed(store.name, failure.errors, several=failure.several) from failure
        except Failure as error:
            raise errors.bulk_delete_failed(store.name, [error], several=False) from error

    def check_key(self, store: LoadedStateStore, key: str, field: str | None = None) -> None:
        """Raises ApiError where nothing may be stored at `key`; `field` is named for it."""
        _stored(store, key, field)

    async def transact(
        self,
        store: LoadedStateStore,
        operations: Iterable[tuple[Operation, RequestedItem]],
        metadata: Mapping[str, str],
        trace: TraceContext | None,
    ) -> None:
        """Do all or nothing; the events of the store's outbox are published first.

        `operations` are read one after the other, so that what is wrong is told in the order of the request.
        """
        component = _transactional(store)
        writes = [_write(store, operation, item, metadata) for operation, item in operations]
        if not writes:
            return
        if store.remote is not None:
            most = await store.remote.most_operations()
            if 0 < most < len(writes):
                raise errors.too_many_operations(store.name, len(writes), most)
        settled = await self._with_events(store, writes, trace)
        try:
            await self._run(store, "transaction", lambda: component.transact(settled))
        except Failure as error:
            raise errors.transaction_failed(error) from error

    async def query(
        self, name: str, read: Callable[[], Awaitable[bytes]], metadata: Mapping[str, str] = NO_METADATA
    ) -> Queried:
        """What a store that is another process finds: no other can be queried. `read` gives the query."""
        if not self._stores:
            raise errors.not_configured(name, self._left_out)
        if name not in self._stores:
            raise errors.not_found(name, self._left_out)
        store = self._stores[name]
        if store.remote is not None:
            return await self._query(store, store.remote, await read(), metadata)
        refusal = store.component.traits.query_refusal
        if not refusal:
            raise errors.not_queryable(name)
        problem = None if isinstance(store.component, Sealing) else syntax_error(await read())
        if problem is not None:
            ending = "unexpected end of JSON input" if problem.endswith("EOF") else problem
            refusal = f"failed to parse JSON query body: {ending}"
        raise errors.query_failed(name, refusal)

    async def _query(
        self, store: LoadedStateStore, remote: RemoteState, text: bytes, metadata: Mapping[str, str]
    ) -> Queried:
        try:
            query = read_query(text)
        except QueryInvalid as error:
            raise errors.query_failed(store.name, f"failed to parse JSON query body: {error}") from error
        try:
            found = await self._run(store, "query", lambda: remote.query(query, metadata))
        except OwnAnswerError as error:
            raise errors.own_answer(error) from error
        except Failure as error:
            raise errors.query_failed(store.name, str(error)) from error
        return replace(found, results=[(original_key(key), value) for key, value in found.results])

    def _run(
        self, store: LoadedStateStore, operation: str, attempt: Callable[[], Awaitable[T]]
    ) -> Awaitable[T]:
        """Do it under the policies of the store; `operation` is how daprd counts it."""
        return self._counted(store, operation, store.outbound.run(attempt))

    def _counted(self, store: LoadedStateStore, operation: str, work: Awaitable[T]) -> Awaitable[T]:
        meters = self._meters
        return work if meters is None else timed(work, partial(meters.used_state, store.name, operation))

    async def _with_events(
        self, store: LoadedStateStore, writes: Sequence[Write], trace: TraceContext | None
    ) -> Sequence[Set | Delete]:
        """The operations to do, once the store's outbox has their events."""
        if store.outbox is None:
            return [write.operation for write in writes]
        if isinstance(store.component, Sealing):
            writes = [_sealed(write, store.component) for write in writes]
        traced = Traced() if trace is None else Traced(trace.traceparent, trace.tracestate)
        try:
            return await self._outbox.prepare(store.outbox, writes, traced)
        except OutboxFailed as failure:
            raise errors.outbox_failed(self._app_id, str(failure)) from failure


def _transactional(store: LoadedStateStore) -> Transactional:
    component = store.component
    if isinstance(component, Transactional) and TRANSACTIONAL in component.traits.features:
        return component
    raise errors.not_transactional(store.name)


def _stored(store: LoadedStateStore, key: str, field: str | None = None) -> str:
    try:
        return stored_key(store.key_prefix, key)
    except IllegalKey as error:
        raise errors.illegal_key(store.name, key, str(error), key if field is None else field) from error


def _set(store: LoadedStateStore, item: RequestedItem, metadata: Mapping[str, str]) -> Set:
    if not item.key:
        raise errors.key_missing()
    return item.at(_stored(store, item.key), metadata).as_set()


def _write(
    store: LoadedStateStore, operation: Operation, item: RequestedItem, metadata: Mapping[str, str]
) -> Write:
    placed = item.at(_stored(store, item.key, field=""), metadata)
    return Write(placed.as_set() if operation == "upsert" else placed.as_delete(), placed.content_type)


def _sealed(write: Write, store: Sealing) -> Write:
    """The event of a value that is kept encrypted has the encrypted value, as in daprd."""
    if isinstance(write.operation, Set):
        return replace(write, operation=store.sealed(write.operation))
    return write


def _found_first(
    names: Sequence[tuple[str, str]], found: Mapping[str, Found]
) -> list[tuple[str, Found | None]]:
    """What is there in the store's order, then the keys without a value.

    `names` are the keys as they are asked for and stored; one that is asked for twice is told once.
    """
    asked = {stored: key for key, stored in names}
    entries: list[tuple[str, Found | None]] = [(asked[stored], value) for stored, value in found.items()]
    return entries + [(key, None) for key, stored in names if stored not in found]
