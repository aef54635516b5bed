"""`state.NAME` of a pluggable component."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from outboard.gojson import encoding
from outboard.sidecar.components.pluggable.connection import PluggedProcess
from outboard.sidecar.components.pluggable.failures import own_answer, row_mismatch, written_failure
from outboard.sidecar.components.pluggable.messages import Rpc, rpc
from outboard.sidecar.components.pluggable.services import PACKAGE, STATE
from outboard.sidecar.components.port import ComponentError, Delete, Found, Set, StateOptions, StateTraits
from outboard.sidecar.components.remote_state import Queried, StateQuery
from outboard.sidecar.components.state.values import stored_bytes

__all__ = ["PluggableState", "open_state"]

logger = logging.getLogger(__name__)

INIT: Final = rpc(STATE, "Init")
FEATURES: Final = rpc(STATE, "Features")
GET: Final = rpc(STATE, "Get")
SET: Final = rpc(STATE, "Set")
DELETE: Final = rpc(STATE, "Delete")
BULK_GET: Final = rpc(STATE, "BulkGet")
BULK_SET: Final = rpc(STATE, "BulkSet")
BULK_DELETE: Final = rpc(STATE, "BulkDelete")
TRANSACT: Final = rpc(
    f"{PACKAGE}.TransactionalStateStore",
    "Transact",
    "TransactionalStateRequest",
    "TransactionalStateResponse",
)
QUERY: Final = rpc(f"{PACKAGE}.QueriableStateStore", "Query")
MOST: Final = rpc(f"{PACKAGE}.TransactionalStoreMultiMaxSize", "MultiMaxSize")
CONCURRENCY: Final = {"first-write": 1, "last-write": 2}
CONSISTENCY: Final = {"eventual": 1, "strong": 2}
DESCENDING: Final = 1
MOST_TIMEOUT: Final = 5.0
"""Seconds, as daprd's."""
ANY_NUMBER: Final = -1
NO_VALUE: Final = "an attempt to set a nil value was received, try to use Delete instead"


async def open_state(process: PluggedProcess, properties: Mapping[str, str]) -> PluggableState:
    """Initialize the component with its metadata. Raises ComponentError."""
    return PluggableState(process, await process.begin(INIT, FEATURES, properties))


class PluggableState:
    """A StateStore, Transactional and RemoteState, whose process is another one."""

    def __init__(self, process: PluggedProcess, features: frozenset[str]) -> None:
        self.traits = StateTraits(features)
        self._process = process
        self._most: int | None = None

    async def get(self, keys: Sequence[str]) -> Mapping[str, Found]:
        """Raises ComponentError."""
        if len(keys) == 1:
            found = await self.get_one(keys[0], "", {})
            return {} if found is None else {keys[0]: found}
        return {key: found for key, found in await self.get_many(keys, {}) if found is not None}

    async def get_one(self, key: str, consistency: str, metadata: Mapping[str, str]) -> Found | None:
        """As RemoteState."""
        asked = {"key": key, "metadata": dict(metadata), "consistency": CONSISTENCY.get(consistency, 0)}
        answer = await self._call(GET, own_answer, **asked)
        return _found(answer) if answer.data else None

    async def get_many(
        self, keys: Sequence[str], metadata: Mapping[str, str]
    ) -> Sequence[tuple[str, Found | None]]:
        """As RemoteState."""
        items = [{"key": key, "metadata": dict(metadata)} for key in keys]
        answer = await self._call(BULK_GET, own_answer, items=items, options={})
        return [
            (each.key, _found(each, each.error) if each.data or each.error else None) for each in answer.items
        ]

    async def set(self, operation: Set) -> None:
        await self._call(SET, written_failure, **_setting(operation))

    async def delete(self, operation: Delete) -> None:
        await self._call(DELETE, written_failure, **_deletion(operation))

    async def set_many(self, operations: Sequence[Set]) -> None:
        """As RemoteState."""
        await self._call(BULK_SET, written_failure, items=[*map(_setting, operations)], options={})

    async def delete_many(self, operations: Sequence[Delete]) -> None:
        """As RemoteState."""
        await self._call(BULK_DELETE, row_mismatch, items=[*map(_deletion, operations)], options={})

    async def transact(self, operations: Sequence[Set | Delete]) -> None:
        """All or nothing. daprd reads no conflict of ETags in the answer, so it is an error as any other."""
        asked = [
            {"set": _setting(each)} if isinstance(each, Set) else {"delete": _deletion(each)}
            for each in operations
        ]
        await self._call(TRANSACT, own_answer, operations=asked)

    async def query(self, query: StateQuery, metadata: Mapping[str, str]) -> Queried:
        """As RemoteState."""
        filters = {key: {"value": encoding.encode(value)} for key, value in query.filters.items()}
        sort = [{"key": each.key, "order": DESCENDING * each.descending} for each in query.sort]
        page = {"limit": query.limit, "token": query.token}
        asked = {"filter": filters, "sort": sort, "pagination": page}
        answer = await self._call(QUERY, own_answer, query=asked, metadata=dict(metadata))
        found = [(each.key, _found(each, each.error)) for each in answer.items]
        return Queried(found, answer.token, dict(answer.metadata))

    async def most_operations(self) -> int:
        """As RemoteState; asked once."""
        if self._most is None:
            try:
                async with asyncio.timeout(MOST_TIMEOUT):
                    self._most = (await self._call(MOST, own_answer)).max_size
            except (ComponentError, TimeoutError) as error:
                logger.error("failed to get multi max size from state store %s", error)  # noqa: TRY400
                self._most = ANY_NUMBER
        return self._most or ANY_NUMBER

    async def close(self) -> None:
        await self._process.close()

    async def _call(
        self, call: Rpc, translate: Callable[[ComponentError], ComponentError], **fields: object
    ) -> Any:
        """Raises ComponentError."""
        try:
            return await self._process.call(call, **fields)
        except ComponentError as error:
            raise translate(error) from error


def _found(answer: Any, problem: str = "") -> Found:
    """Of an answer about one key; one that does not know the key itself has no `metadata` either."""
    etag = answer.etag.value if answer.HasField("etag") else None
    metadata = dict(answer.metadata) if "metadata" in answer.DESCRIPTOR.fields_by_name else {}
    return Found(answer.data, etag, problem=problem, metadata=metadata)


def _setting(operation: Set) -> dict[str, object]:
    """Raises ComponentError for a value that cannot be set."""
    if operation.value is None:
        raise ComponentError(NO_VALUE)
    return {**_deletion(operation), "value": stored_bytes(operation.value)}


def _deletion(operation: Set | Delete) -> dict[str, object]:
    return {
        "key": operation.key,
        "etag": None if operation.etag is None else {"value": operation.etag},
        "metadata": dict(operation.metadata),
        "options": _options(operation.options),
    }


def _options(options: StateOptions) -> dict[str, int]:
    """What Dapr does not know is not specified."""
    return {
        "concurrency": CONCURRENCY.get(options.concurrency, 0),
        "consistency": CONSISTENCY.get(options.consistency, 0),
    }
