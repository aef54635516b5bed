"""Dapr's messages of state, from the kit's values and to them. Pure.

A value goes as the JSON text that it is, without a content type: some stores keep what says to be JSON in
another way than what HTTP brings.

Source: Dapr, "State management API reference"; `dapr.proto.runtime.v1`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from dapr.proto.common.v1 import common_pb2
from dapr.proto.runtime.v1 import state_pb2

from outboard.errors import StateFailed
from outboard.kit.client.port import Concurrency, Consistency, StateDelete, StateItem, StateRead, StateSave

__all__ = ["delete", "get", "get_many", "read_item", "read_items", "save", "transact"]

CONCURRENCY: Final[dict[Concurrency | None, common_pb2.StateOptions.StateConcurrency.ValueType]] = {
    None: common_pb2.StateOptions.CONCURRENCY_UNSPECIFIED,
    "first-write": common_pb2.StateOptions.CONCURRENCY_FIRST_WRITE,
    "last-write": common_pb2.StateOptions.CONCURRENCY_LAST_WRITE,
}
CONSISTENCY: Final[dict[Consistency | None, common_pb2.StateOptions.StateConsistency.ValueType]] = {
    None: common_pb2.StateOptions.CONSISTENCY_UNSPECIFIED,
    "eventual": common_pb2.StateOptions.CONSISTENCY_EVENTUAL,
    "strong": common_pb2.StateOptions.CONSISTENCY_STRONG,
}


def get(store: str, key: str, read: StateRead) -> state_pb2.GetStateRequest:
    """Of GetState."""
    return state_pb2.GetStateRequest(
        store_name=store, key=key, consistency=CONSISTENCY[read.consistency], metadata=read.metadata
    )


def get_many(store: str, keys: Sequence[str], read: StateRead) -> state_pb2.GetBulkStateRequest:
    """Of GetBulkState, which knows no consistency."""
    return state_pb2.GetBulkStateRequest(store_name=store, keys=keys, metadata=read.metadata)


def save(store: str, saves: Sequence[StateSave]) -> state_pb2.SaveStateRequest:
    """Of SaveState."""
    return state_pb2.SaveStateRequest(store_name=store, states=map(_item, saves))


def delete(store: str, item: StateDelete) -> state_pb2.DeleteStateRequest:
    """Of DeleteState."""
    return state_pb2.DeleteStateRequest(
        store_name=store,
        key=item.key,
        etag=_etag(item),
        options=_options(item),
        metadata=item.metadata,
    )


def transact(
    store: str, operations: Iterable[StateSave | StateDelete]
) -> state_pb2.ExecuteStateTransactionRequest:
    """Of ExecuteStateTransaction."""
    parts = [
        state_pb2.TransactionalStateOperation(
            operationType="upsert" if isinstance(each, StateSave) else "delete", request=_item(each)
        )
        for each in operations
    ]
    return state_pb2.ExecuteStateTransactionRequest(storeName=store, operations=parts)


def read_item(key: str, answer: state_pb2.GetStateResponse) -> StateItem:
    """An answer without data and without an ETag says that nothing lies there."""
    return _read(key, answer.data, answer.etag)


def read_items(store: str, answer: state_pb2.GetBulkStateResponse) -> list[StateItem]:
    """Raises StateFailed where one could not be read."""
    for item in answer.items:
        if item.error:
            raise StateFailed(store, f"read key '{item.key}'", 200, "for this key", item.error)
    return [_read(item.key, item.data, item.etag) for item in answer.items]


def _read(key: str, data: bytes, etag: str) -> StateItem:
    return StateItem(key, data, etag or None) if data or etag else StateItem(key)


def _item(item: StateSave | StateDelete) -> common_pb2.StateItem:
    return common_pb2.StateItem(
        key=item.key,
        value=item.value if isinstance(item, StateSave) else b"",
        etag=_etag(item),
        options=_options(item),
        metadata=item.metadata,
    )


def _etag(item: StateSave | StateDelete) -> common_pb2.Etag | None:
    return common_pb2.Etag(value=item.etag) if item.etag else None


def _options(item: StateSave | StateDelete) -> common_pb2.StateOptions | None:
    if item.concurrency is None and item.consistency is None:
        return None
    return common_pb2.StateOptions(
        concurrency=CONCURRENCY[item.concurrency], consistency=CONSISTENCY[item.consistency]
    )
