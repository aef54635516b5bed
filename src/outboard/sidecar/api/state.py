"""State over HTTP.

Source: Dapr, "State management API reference"; daprd 1.18 for the errors.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, NoReturn, TypeVar, cast

from outboard.clock import Clock
from outboard.sidecar.api import decoding
from outboard.sidecar.api.errors import simple
from outboard.sidecar.api.http import EMPTY, ApiRequest, BodyTooLarge, Reply
from outboard.sidecar.api.operations import (
    StateItem,
    options_of,
    read_items,
    read_keys,
    read_operations,
)
from outboard.sidecar.api.state_errors import (
    MALFORMED,
    illegal_key,
    not_configured,
    not_found,
    not_transactional,
    save_failed,
    status_of,
)
from outboard.sidecar.components.port import (
    ComponentError,
    Delete,
    Found,
    Set,
    Transactional,
)
from outboard.sidecar.events.rawjson import JsonTextError, quote, raw_value
from outboard.sidecar.publishing.publisher import guarded
from outboard.sidecar.state_keys import IllegalKey, stored_key
from outboard.sidecar.stores import LoadedStateStore

__all__ = ["StateApi"]

T = TypeVar("T")

TRANSACTIONAL: Final = "TRANSACTIONAL"


class StateApi:
    """The handlers of `/v1.0/state/...`."""

    def __init__(
        self,
        stores: Mapping[str, LoadedStateStore],
        app_id: str,
        clock: Clock,
        random: Callable[[], float],
    ) -> None:
        self._stores = stores
        self._app_id = app_id
        self._clock = clock
        self._random = random

    async def get(self, request: ApiRequest) -> Reply:
        """GET `/v1.0/state/{store}/{key}`: 200 with the value, 204 where nothing is there."""
        store, key = self._store(request), request.parameters["key"]
        stored = self._stored(store, key)
        try:
            found = await self._guarded(store, lambda: store.component.get([stored]))
        except ComponentError as error:
            message = f"fail to get {key} from state store {store.name}: {error}"
            raise simple(500, "ERR_STATE_GET", message) from error
        value = found.get(stored)
        return EMPTY if value is None else Reply(200, value.data, _headers_of(value))

    async def save(self, request: ApiRequest) -> Reply:
        """POST or PUT `/v1.0/state/{store}` with a list of items; several are saved side by side."""
        store = self._store(request)
        items = await self._read(request, read_items, prefix="")
        operations = [self._set(store, item, request.metadata) for item in items]
        outcomes = await asyncio.gather(
            *(self._attempt(store, operation) for operation in operations), return_exceptions=True
        )
        errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        if errors:
            self._fail_save(store, errors, several=len(operations) > 1)
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
            await self._guarded(store, lambda: store.component.delete(operation))
        except ComponentError as error:
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
            found = await self._guarded(store, lambda: store.component.get(stored))
        except ComponentError as error:
            raise simple(500, "ERR_STATE_BULK_GET", str(error)) from error
        return _bulk_reply(keys, [found.get(key) for key in stored])

    async def transact(self, request: ApiRequest) -> Reply:
        """POST or PUT `/v1.0/state/{store}/transaction`: all operations or none."""
        store = self._store(request)
        component = store.component
        if not isinstance(component, Transactional) or TRANSACTIONAL not in component.features:
            raise not_transactional(store.name)
        items = await self._read(request, read_operations)
        operations = [self._operation(store, item, request.metadata) for item in items]
        if not operations:
            return EMPTY
        try:
            settled = [self._with_options(*operation) for operation in operations]
            await self._guarded(store, lambda: component.transact(settled))
        except ComponentError as error:
            message = f"error while executing state transaction: {error}"
            raise simple(500, "ERR_STATE_TRANSACTION", message) from error
        return EMPTY

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
        prefix: str = "failed deserializing HTTP body: ",
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
        self, store: LoadedStateStore, named: tuple[str, StateItem], metadata: Mapping[str, str]
    ) -> tuple[str, StateItem]:
        name, item = named
        if name not in {"upsert", "delete"}:
            code = "ERR_NOT_SUPPORTED_STATE_OPERATION"
            raise simple(400, code, f"operation type {name} not supported")
        return name, item.at(self._stored(store, item.key, field=""), metadata)

    def _with_options(self, name: str, item: StateItem) -> Set | Delete:
        return item.as_set() if name == "upsert" else item.as_delete()

    async def _attempt(self, store: LoadedStateStore, item: StateItem) -> None:
        operation = item.as_set()
        await self._guarded(store, lambda: store.component.set(operation))

    async def _guarded(self, store: LoadedStateStore, operation: Callable[[], Awaitable[T]]) -> T:
        return await guarded(operation, store.outbound, self._clock, self._random)

    def _fail_save(
        self, store: LoadedStateStore, errors: Sequence[BaseException], *, several: bool
    ) -> NoReturn:
        unexpected = next((error for error in errors if not isinstance(error, ComponentError)), None)
        if unexpected is not None:
            raise unexpected
        failures = cast("Sequence[ComponentError]", errors)
        raise save_failed(store.name, failures, several=several)


def _expiry(found: Found) -> dict[str, str]:
    if found.expires is None:
        return {}
    return {"ttlExpireTime": _utc(found.expires)}


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _headers_of(found: Found) -> dict[str, str]:
    headers = {} if found.etag is None else {"etag": found.etag}
    return {**headers, **{f"metadata.{name.lower()}": value for name, value in _expiry(found).items()}}


def _bulk_reply(keys: Sequence[str], found: Sequence[Found | None]) -> Reply:
    try:
        entries = [_bulk_entry(key, value) for key, value in zip(keys, found, strict=True)]
    except JsonTextError:
        return Reply(
            200
        )  # a stored value that is no JSON: daprd's encoder fails with the status already sent
    return Reply(200, f"[{','.join(entries)}]\n".encode("utf-8", "replace"))


def _bulk_entry(key: str, found: Found | None) -> str:
    members = [f'"key":{quote(key)}']
    if found is not None:
        members.append(f'"data":{raw_value(found.data.decode("utf-8", "replace"))}')
        if found.etag is not None:
            members.append(f'"etag":{quote(found.etag)}')
        if found.expires is not None:
            members.append(f'"metadata":{json.dumps(_expiry(found), separators=(",", ":"))}')
    return f"{{{','.join(members)}}}"
