"""The handlers of state.

Source: Dapr, "State management API reference"; daprd 1.18.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from outboard.gojson import decoding
from outboard.gojson.rawjson import JsonTextError, quote, raw_value
from outboard.sidecar.api.http.errors import MALFORMED, UNREADABLE
from outboard.sidecar.api.http.messages import EMPTY, ApiRequest, BodyTooLarge, Reply
from outboard.sidecar.api.http.state_bodies import read_items, read_keys
from outboard.sidecar.api.http.transaction_bodies import (
    Requested,
    UnknownOperation,
    read_item,
    read_transaction,
)
from outboard.sidecar.components.port import Found
from outboard.sidecar.components.remote_state import Queried
from outboard.sidecar.errors import ApiError
from outboard.sidecar.state.items import Operation, RequestedItem, metadata_of, options_of
from outboard.sidecar.state.service import StateService

__all__ = ["StateApi"]

T = TypeVar("T")


class StateApi:
    """The handlers of `/v1.0/state/...`."""

    def __init__(self, service: StateService) -> None:
        self._service = service

    async def get(self, request: ApiRequest) -> Reply:
        """GET `/v1.0/state/{store}/{key}`: 200 with the value, 204 where nothing is there."""
        store = self._service.store(request.parameters["store"])
        consistency = request.query.get("consistency", "")
        found = await self._service.get(store, request.parameters["key"], request.metadata, consistency)
        return EMPTY if found is None else Reply(200, found.data, _headers_of(found))

    async def save(self, request: ApiRequest) -> Reply:
        """POST or PUT `/v1.0/state/{store}` with a list of items; several are saved side by side."""
        store = self._service.store(request.parameters["store"])
        items = await _read(request, read_items, prefix="")
        await self._service.save(store, items, request.metadata)
        return EMPTY

    async def delete(self, request: ApiRequest) -> Reply:
        """DELETE `/v1.0/state/{store}/{key}`: 204, too where nothing was there."""
        store, query = self._service.store(request.parameters["store"]), request.query
        await self._service.delete(
            store,
            request.parameters["key"],
            etag=request.headers.get("if-match") or None,
            metadata=request.metadata,
            options=options_of(query.get("concurrency", ""), query.get("consistency", "")),
        )
        return EMPTY

    async def bulk_get(self, request: ApiRequest) -> Reply:
        """POST or PUT `/v1.0/state/{store}/bulk` with keys: a list with what is there for each."""
        store = self._service.store(request.parameters["store"])
        keys = await _read(request, read_keys)
        found = list(await self._service.get_many(store, keys, request.metadata))[: len(keys)]
        # A key that is asked for twice and told once leaves an entry without a name, as in daprd.
        return _bulk_reply(found + [("", None)] * (len(keys) - len(found)))

    async def transact(self, request: ApiRequest) -> Reply:
        """POST or PUT `/v1.0/state/{store}/transaction`: all operations or none."""
        store = self._service.transactional_store(request.parameters["store"])
        requested = await _read(request, read_transaction)
        await self._service.transact(store, _operations(requested), request.metadata, request.trace)
        return EMPTY

    async def query(self, request: ApiRequest) -> Reply:
        """POST or PUT `/v1.0-alpha1/state/{store}/query`: what was found; 204 for nothing."""
        found = await self._service.query(request.parameters["store"], request.body, request.metadata)
        return _query_reply(found) if found.results else EMPTY


async def _read(request: ApiRequest, read: Callable[[bytes], T], prefix: str = UNREADABLE) -> T:
    try:
        return read(await request.body())
    except (decoding.DecodeError, BodyTooLarge) as error:
        raise ApiError(400, MALFORMED, f"{prefix}{error}") from error


def _operations(requested: Iterable[Requested]) -> Iterator[tuple[Operation, RequestedItem]]:
    for each in requested:
        try:
            operation = read_item(each)
        except UnknownOperation as error:
            raise ApiError(400, "ERR_NOT_SUPPORTED_STATE_OPERATION", str(error)) from error
        except decoding.DecodeError as error:
            raise ApiError(400, MALFORMED, f"{UNREADABLE}{error}") from error
        yield operation


def _headers_of(found: Found) -> dict[str, str]:
    headers = {} if found.etag is None else {"etag": found.etag}
    return {**headers, **{f"metadata.{name.lower()}": value for name, value in metadata_of(found).items()}}


def _bulk_reply(found: Sequence[tuple[str, Found | None]]) -> Reply:
    try:
        entries = [_bulk_entry(key, value) for key, value in found]
    except JsonTextError:  # a stored value: daprd's encoder fails with the status already sent
        return Reply(200, traced=False)
    return Reply(200, f"[{','.join(entries)}]\n".encode("utf-8", "replace"))


def _query_reply(found: Queried) -> Reply:
    try:
        results = ",".join(_query_item(key, value) for key, value in found.results)
    except JsonTextError as error:
        raise ApiError(500, "ERR_MALFORMED_RESPONSE", str(error)) from error
    token = f',"token":{quote(found.token)}' if found.token else ""
    told = json.dumps(dict(sorted(found.metadata.items())), separators=(",", ":"))
    metadata = f',"metadata":{told}' if found.metadata else ""
    return Reply(200, f'{{"results":[{results}]{token}{metadata}}}'.encode("utf-8", "replace"))


def _query_item(key: str, found: Found) -> str:
    data = raw_value(found.data.decode("utf-8", "replace")) if found.data else "null"
    etag = f',"etag":{quote(found.etag)}' if found.etag else ""
    error = f',"error":{quote(found.problem)}' if found.problem else ""
    return f'{{"key":{quote(key)},"data":{data}{etag}{error}}}'


def _bulk_entry(key: str, found: Found | None) -> str:
    members = [f'"key":{quote(key)}']
    if found is not None and found.problem:
        members.append(f'"error":{quote(found.problem)}')
    elif found is not None:
        members.append(f'"data":{raw_value(found.data.decode("utf-8", "replace"))}')
        if found.etag is not None:
            members.append(f'"etag":{quote(found.etag)}')
        if told := metadata_of(found):
            members.append(f'"metadata":{json.dumps(told, separators=(",", ":"))}')
    return f"{{{','.join(members)}}}"
