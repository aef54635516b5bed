"""The methods of state.

Source: Dapr, "State management API reference"; daprd 1.18.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, cast

from dapr.proto.common.v1 import common_pb2
from dapr.proto.runtime.v1 import state_pb2
from google.protobuf.message import Message

from outboard.gojson import decoding
from outboard.gojson.jsonsyntax import syntax_error
from outboard.gojson.values import Json
from outboard.sidecar.api.grpc.call import EMPTY, Call, Method, method
from outboard.sidecar.components.port import Found
from outboard.sidecar.errors import ApiError
from outboard.sidecar.state.items import Operation, RequestedItem, metadata_of, options_of
from outboard.sidecar.state.service import StateService
from outboard.sidecar.state.stores import LoadedStateStore

__all__ = ["state_methods"]

CONCURRENCY: Final[Mapping[int, str]] = {1: "first-write", 2: "last-write"}
CONSISTENCY: Final[Mapping[int, str]] = {1: "eventual", 2: "strong"}
JSON: Final = "application/json"


def state_methods(service: StateService) -> Mapping[str, Method]:
    """By name."""
    calls = _State(service)
    return {
        "GetState": method(state_pb2.GetStateRequest, calls.get),
        "GetBulkState": method(state_pb2.GetBulkStateRequest, calls.get_many),
        "SaveState": method(state_pb2.SaveStateRequest, calls.save),
        "DeleteState": method(state_pb2.DeleteStateRequest, calls.delete),
        "DeleteBulkState": method(state_pb2.DeleteBulkStateRequest, calls.delete_many),
        "ExecuteStateTransaction": method(state_pb2.ExecuteStateTransactionRequest, calls.transact),
        "QueryStateAlpha1": method(state_pb2.QueryStateRequest, calls.query),
    }


class _State:
    def __init__(self, service: StateService) -> None:
        self._service = service

    async def get(self, request: state_pb2.GetStateRequest, call: Call) -> Message:
        """An empty answer where nothing is there."""
        store, metadata = self._service.store(request.store_name), dict(request.metadata)
        consistency = CONSISTENCY.get(request.consistency, "")
        found = await self._service.get(store, request.key, metadata, consistency)
        if found is None:
            return state_pb2.GetStateResponse()
        return state_pb2.GetStateResponse(data=found.data, etag=found.etag or "", metadata=metadata_of(found))

    async def get_many(self, request: state_pb2.GetBulkStateRequest, call: Call) -> Message:
        store = self._service.store(request.store_name)
        keys, metadata = list(request.keys), dict(request.metadata)
        found = await self._service.get_many(store, keys, metadata) if keys else ()
        return state_pb2.GetBulkStateResponse(items=[_bulk_item(key, value) for key, value in found])

    async def save(self, request: state_pb2.SaveStateRequest, call: Call) -> Message:
        store = self._service.store(request.store_name)
        await self._service.save(store, self._to_save(store, request.states), {})
        return EMPTY

    async def delete(self, request: state_pb2.DeleteStateRequest, call: Call) -> Message:
        """Succeeds too where nothing was there."""
        store = self._service.store(request.store_name)
        options = options_of(*_options(request.options))
        metadata, etag = dict(request.metadata), request.etag.value or None
        await self._service.delete(store, request.key, etag=etag, metadata=metadata, options=options)
        return EMPTY

    async def delete_many(self, request: state_pb2.DeleteBulkStateRequest, call: Call) -> Message:
        store = self._service.store(request.store_name)
        await self._service.delete_many(store, map(_item, request.states))
        return EMPTY

    async def transact(self, request: state_pb2.ExecuteStateTransactionRequest, call: Call) -> Message:
        """All operations or none. The request's own metadata reaches none of them: as in daprd."""
        store = self._service.transactional_store(request.storeName)
        await self._service.transact(store, self._operations(store, request.operations), {}, call.trace)
        return EMPTY

    def _to_save(
        self, store: LoadedStateStore, items: Iterable[common_pb2.StateItem]
    ) -> Iterator[RequestedItem]:
        for item in items:
            if not item.key:
                raise ApiError(400, "ERR_STATE_SAVE", "state key cannot be empty")
            if dict(item.metadata).get("contentType") != JSON:
                yield _item(item, item.value)
                continue
            self._service.check_key(store, item.key)  # before the value is read
            yield _item(item, _json(item.value))

    def _operations(
        self, store: LoadedStateStore, operations: Iterable[state_pb2.TransactionalStateOperation]
    ) -> Iterator[tuple[Operation, RequestedItem]]:
        for each in operations:
            name = each.operationType
            if name not in {"upsert", "delete"}:
                self._service.check_key(store, each.request.key, "")  # which daprd looks at first
                message = f"operation type {name} not supported"
                raise ApiError(400, "ERR_NOT_SUPPORTED_STATE_OPERATION", message)
            yield cast("Operation", name), _item(each.request, each.request.value)

    async def query(self, request: state_pb2.QueryStateRequest, call: Call) -> Message:
        """What was found."""

        async def read() -> bytes:
            return request.query.encode()

        found = await self._service.query(request.store_name, read, dict(request.metadata))
        results = [
            state_pb2.QueryStateItem(key=key, data=value.data, etag=value.etag or "", error=value.problem)
            for key, value in found.results
        ]
        return state_pb2.QueryStateResponse(results=results, token=found.token, metadata=found.metadata)


def _bulk_item(key: str, found: Found | None) -> state_pb2.BulkStateItem:
    if found is None:
        return state_pb2.BulkStateItem(key=key)
    if found.problem:
        return state_pb2.BulkStateItem(key=key, error=found.problem)
    return state_pb2.BulkStateItem(
        key=key, data=found.data, etag=found.etag or "", metadata=metadata_of(found)
    )


def _json(value: bytes) -> Json:
    """A value that says it is JSON is stored as JSON. Raises ApiError, bare as in daprd, where it is none."""
    problem = syntax_error(value)
    if problem is not None:
        raise ApiError(500, "", "unexpected end of JSON input" if problem.endswith("EOF") else problem)
    try:
        return decoding.decode(value)
    except decoding.DecodeError as error:
        raise ApiError(500, "", str(error)) from error


def _item(item: common_pb2.StateItem, value: Json | bytes = None) -> RequestedItem:
    etag, metadata = item.etag.value or None, dict(item.metadata)
    return RequestedItem(item.key, value, etag, metadata, *_options(item.options))


def _options(options: common_pb2.StateOptions) -> tuple[str, str]:
    """Concurrency and consistency."""
    return CONCURRENCY.get(options.concurrency, ""), CONSISTENCY.get(options.consistency, "")
