"""State over HTTP.

Source: Dapr, "State management API reference"; daprd 1.18 for the errors.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, TypeVar

from outboard.gojson import decoding
from outboard.gojson.jsonsyntax import syntax_error
from outboard.gojson.rawjson import JsonTextError, quote, raw_value
from outboard.sidecar.api.http.errors import simple
from outboard.sidecar.api.http.messages import EMPTY, ApiRequest, BodyTooLarge, Reply
from outboard.sidecar.api.http.state_bodies import StateItem, options_of, read_items, read_keys
from outboard.sidecar.api.http.state_errors import (
    MALFORMED,
    illegal_key,
    not_configured,
    not_found,
    not_queryable,
    not_transactional,
    outbox_failed,
    query_failed,
    save_failed,
    status_of,
)
from outboard.sidecar.api.http.transaction_bodies import (
    Operation,
    Requested,
    UnknownOperation,
    read_item,
    read_transaction,
)
from outboard.sidecar.components.port import (
    Delete,
    Found,
    Sealing,
    Set,
    Transactional,
)
from outboard.sidecar.resiliency.failure import Failure
from outboard.sidecar.state.keys import IllegalKey, stored_key
from outboard.sidecar.state.outbox.planning import Traced, Write
from outboard.sidecar.state.outbox.relaying import Outbox, OutboxFailed
from outboard.sidecar.state.saving import SaveFailed, save_all
from outboard.sidecar.state.stores import LoadedStateStore

__all__ = ["StateApi"]

T = TypeVar("T")

TRANSACTIONAL: Final = "TRANSACTIONAL"
BODY_PREFIX: Final = "failed deserializing HTTP body: "


class StateApi:
    """The handlers of `/v1.0/state/...`."""

    def __init__(self, stores: Mapping[str, LoadedStateStore], app_id: str, outbox: Outbox) -> None:
        self._stores = stores
        self._app_id = app_id
        self._outbox = outbox

    async def get(self, request: ApiRequest) -> Reply:
        """GET `/v1.0/state/{store}/{key}`: 200 with the value, 204 where nothing is there."""
        store, key = self._store(request), request.parameters["key"]
        stored = self._stored(store, key)
        try:
            found = await store.outbound.run(lambda: store.component.get([stored]))
        except Failure as error:
            message = f"fail to get {key} from state store {store.name}: {error}"
            raise simple(500, "ERR_STATE_GET", message) from error
        value = found.get(stored)
        if value is not None and value.problem:
            raise simple(
                500, "ERR_STATE_GET", f"fail to get {key} from state store {store.name}: {value.problem}"
            )
        return EMPTY if value is None else Reply(200, value.data, _headers_of(value))

    async def save(self, request: ApiRequest) -> Reply:
        """POST or PUT `/v1.0/state/{store}` with a list of items; several are saved side by side."""
        store = self._store(request)
        items = await self._read(request, read_items, prefix="")
        operations = [self._set(store, item, request.metadata).as_set() for item in items]
        try:
            await save_all(store, operations)
        except SaveFailed as failure:
            raise save_failed(store.name, failure.errors, several=failure.several) from failure
        except Failure as error:
            raise save_failed(store.name, [error], several=False) from error
        return EMPTY

    async def delete(self, request: ApiRequest) -> Reply:
        """DELETE `/v1.0/state/{store}/{key}`: 204, too where nothing was there."""
        store, key = self._store(request), request.parameters["key"]
        stored = self._stored(store, key)
        query = request.query
        try:
            options = options_of(query.get("concurrency", ""), query.get("consistency", ""))
            etag = request.headers.get("if-match") or None
            operation = Delete(stored, etag, request.metadata, options)
            await store.outbound.run(lambda: store.component.delete(operation))
        except Failure as error:
            status = status_of(error)
            message = f"failed deleting state with key {key}: {error}"
            raise simple(status, "ERR_STATE_DELETE", message) from error
        return EMPTY

    async def bulk_get(self, request: ApiRequest) -> Reply:
        """POST or PUT `/v1.0/state/{store}/bulk` with keys: a list with what is there for each."""
        store = self._store(request)
        keys = await self._read(request, read_keys)
        stored = [self._stored(store, key) for key in keys]
        try:
            found = await store.outbound.run(lambda: store.component.get(stored))
        except Failure as error:
            raise simple(500, "ERR_STATE_BULK_GET", str(error)) from error
        names = list(zip(keys, stored, strict=True))
        if store.component.traits.finds_first:
            return _bulk_reply(_found_first(names, found))
        return _bulk_reply([(key, found.get(name)) for key, name in names])

    async def transact(self, request: ApiRequest) -> Reply:
        """POST or PUT `/v1.0/state/{store}/transaction`: all operations or none."""
        store = self._store(request)
        component = store.component
        if not isinstance(component, Transactional) or TRANSACTIONAL not in component.traits.features:
            raise not_transactional(store.name)
        requested = await self._read(request, read_transaction)
        operations = [self._operation(store, each, request.metadata) for each in requested]
        if not operations:
            return EMPTY
        writes = [_write(*operation) for operation in operations]
        settled = await self._with_events(request, store, writes)
        try:
            await store.outbound.run(lambda: component.transact(settled))
        except Failure as error:
            message = f"error while executing state transaction: {error}"
            raise simple(500, "ERR_STATE_TRANSACTION", message) from error
        return EMPTY

    async def query(self, request: ApiRequest) -> Reply:
        """POST or PUT `/v1.0-alpha1/state/{store}/query`: no store of this sidecar can be queried."""
        name = request.parameters["store"]
        if not self._stores:
            raise not_configured(name)
        if name not in self._stores:
            raise not_found(name)
        component = self._stores[name].component
        if told := component.traits.query_refusal:
            problem = None if isinstance(component, Sealing) else syntax_error(await request.body())
            if problem is not None:
                ending = "unexpected end of JSON input" if problem.endswith("EOF") else problem
                told = f"failed to parse JSON query body: {ending}"
            raise query_failed(name, told)
        raise not_queryable(name)

    def _store(self, request: ApiRequest) -> LoadedStateStore:
        name = request.parameters["store"]
        if not self._stores:
            raise not_configured(name, self._app_id)
        if name not in self._stores:
            raise not_found(name, self._app_id)
        return self._stores[name]

    def _stored(self, store: LoadedStateStore, key: str, field: str | None = None) -> str:
        try:
            return stored_key(store.key_prefix, key)
        except IllegalKey as error:
            raise illegal_key(store.name, key if field is None else field, str(error)) from error

    async def _read(
        self,
        request: ApiRequest,
        read: Callable[[bytes], T],
        prefix: str = BODY_PREFIX,
    ) -> T:
        try:
            return read(await request.body())
        except (decoding.DecodeError, BodyTooLarge) as error:
            raise simple(400, MALFORMED, f"{prefix}{error}") from error

    def _set(self, store: LoadedStateStore, item: StateItem, metadata: Mapping[str, str]) -> StateItem:
        if not item.key:
            raise simple(400, MALFORMED, '"key" is a required field')
        return item.at(self._stored(store, item.key), metadata)

    def _operation(
        self, store: LoadedStateStore, requested: Requested, metadata: Mapping[str, str]
    ) -> tuple[Operation, StateItem]:
        try:
            operation, item = read_item(requested)
        except UnknownOperation as error:
            raise simple(400, "ERR_NOT_SUPPORTED_STATE_OPERATION", str(error)) from error
        except decoding.DecodeError as error:
            raise simple(400, MALFORMED, f"{BODY_PREFIX}{error}") from error
        return operation, item.at(self._stored(store, item.key, field=""), metadata)

    async def _with_events(
        self, request: ApiRequest, store: LoadedStateStore, writes: Sequence[Write]
    ) -> Sequence[Set | Delete]:
        """The operations to do, once the store's outbox has their events."""
        if store.outbox is None:
            return [write.operation for write in writes]
        if isinstance(store.component, Sealing):
            writes = [_sealed(write, store.component) for write in writes]
        trace = request.trace
        traced = Traced() if trace is None else Traced(trace.traceparent, trace.tracestate)
        try:
            return await self._outbox.prepare(store.outbox, writes, traced)
        except OutboxFailed as failure:
            raise outbox_failed(self._app_id, str(failure)) from failure


def _write(operation: Operation, item: StateItem) -> Write:
    done = item.as_set() if operation == "upsert" else item.as_delete()
    return Write(done, item.content_type)


def _sealed(write: Write, store: Sealing) -> Write:
    """The event of a value that is kept encrypted has the encrypted value, as in daprd."""
    return (
        replace(write, operation=store.sealed(write.operation)) if isinstance(write.operation, Set) else write
    )


def _expiry(found: Found) -> dict[str, str]:
    if found.expires is None:
        return {}
    return {"ttlExpireTime": _utc(found.expires)}


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _headers_of(found: Found) -> dict[str, str]:
    headers = {} if found.etag is None else {"etag": found.etag}
    return {**headers, **{f"metadata.{name.lower()}": value for name, value in _expiry(found).items()}}


def _found_first(
    names: Sequence[tuple[str, str]], found: Mapping[str, Found]
) -> list[tuple[str, Found | None]]:
    """What is there in the store's order, then the keys without a value.

    `names` are the keys as they are asked for and stored.

    A key that is asked for twice and is there leaves an entry without a name, as in daprd.
    """
    asked = {stored: key for key, stored in names}
    entries: list[tuple[str, Found | None]] = [(asked[stored], value) for stored, value in found.items()]
    entries += [(key, None) for key, stored in names if stored not in found]
    return entries + [("", None)] * (len(names) - len(entries))


def _bulk_reply(found: Sequence[tuple[str, Found | None]]) -> Reply:
    try:
        entries = [_bulk_entry(key, value) for key, value in found]
    except JsonTextError:  # a stored value: daprd's encoder fails with the status already sent
        return Reply(200, traced=False)
    return Reply(200, f"[{','.join(entries)}]\n".encode("utf-8", "replace"))


def _bulk_entry(key: str, found: Found | None) -> str:
    members = [f'"key":{quote(key)}']
    if found is not None and found.problem:
        members.append(f'"error":{quote(found.problem)}')
    elif found is not None:
        members.append(f'"data":{raw_value(found.data.decode("utf-8", "replace"))}')
        if found.etag is not None:
            members.append(f'"etag":{quote(found.etag)}')
        if found.expires is not None:
            members.append(f'"metadata":{json.dumps(_expiry(found), separators=(",", ":"))}')
    return f"{{{','.join(members)}}}"
