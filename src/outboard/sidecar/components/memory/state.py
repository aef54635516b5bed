"""`state.in-memory`: keys in this process; sidecars of one process share the store of the same name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from outboard.clock import Clock
from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.metadata.known import KnownMetadata
from outboard.sidecar.components.metadata.properties import Properties
from outboard.sidecar.components.port import Delete, Found, Set, StateTraits
from outboard.sidecar.components.state.values import check_options, etag_mismatch, go_integer, stored_bytes
from outboard.wire.dapr import TTL_IN_SECONDS

__all__ = ["METADATA", "InMemoryState", "Table", "check", "create"]

METADATA: Final = KnownMetadata(())
SWEEP_INTERVAL: Final = timedelta(seconds=1)
LONGEST_LIFE: Final = 9_223_372_036  # seconds: Go counts a duration's nanoseconds in 64 bits


@dataclass(frozen=True, slots=True)
class _StoredValue:
    data: bytes
    etag: str
    expires: datetime | None

    def lives(self, now: datetime) -> bool:
        return self.expires is None or self.expires > now


class Table:
    """What one store holds."""

    def __init__(self) -> None:
        self.entries: dict[str, _StoredValue] = {}
        self.swept: datetime | None = None


class InMemoryState:
    """A store whose every operation is one step of the event loop, so that nothing can come between."""

    # As daprd lists them; ACTOR and what serves it are not asked of a component here.
    traits = StateTraits(
        features=frozenset({"ETAG", "TRANSACTIONAL", "TTL", "DELETE_WITH_PREFIX", "KEYS_LIKE", "ACTOR"})
    )

    def __init__(self, table: Table, clock: Clock, new_etag: Callable[[], str]) -> None:
        self._table = table
        self._clock = clock
        self._new_etag = new_etag

    async def get(self, keys: Sequence[str]) -> Mapping[str, Found]:
        now = self._clock.now()
        entries = {key: self._live(key, now) for key in keys}
        return {
            key: Found(entry.data, entry.etag, entry.expires)
            for key, entry in entries.items()
            if entry is not None
        }

    async def keys(self, prefix: str, limit: int) -> Sequence[str]:
        """As `KeyListing`."""
        now = self._clock.now()
        return sorted(
            key for key, entry in self._table.entries.items() if key.startswith(prefix) and entry.lives(now)
        )[:limit]

    async def set(self, operation: Set) -> None:
        await self.transact([operation])

    async def delete(self, operation: Delete) -> None:
        check_options(operation.options)
        await self.transact([operation])

    async def transact(self, operations: Sequence[Set | Delete]) -> None:
        """Read every operation, check every ETag against what is there before, then apply all in order."""
        now = self._clock.now()
        self._sweep(now)
        changes = [(operation.key, self._entry(operation, now)) for operation in operations]
        for operation in operations:
            self._check(operation, now)
        for key, entry in changes:
            if entry is None:
                self._table.entries.pop(key, None)
            else:
                self._table.entries[key] = entry

    async def close(self) -> None:
        """Nothing to release: the table belongs to the process."""

    def _entry(self, operation: Set | Delete, now: datetime) -> _StoredValue | None:
        if isinstance(operation, Delete):  # of which daprd looks at no option in a transaction
            return None
        check_options(operation.options)
        seconds = _time_to_live(operation.metadata)
        expires = now + timedelta(seconds=seconds) if seconds else None
        return _StoredValue(stored_bytes(operation.value), self._new_etag(), expires)

    def _check(self, operation: Set | Delete, now: datetime) -> None:
        key, there = operation.key, self._live(operation.key, now)
        if not operation.etag:
            if there is not None and operation.options.concurrency == "first-write":
                raise etag_mismatch("item already exists and no etag was passed")
        elif there is None:
            raise etag_mismatch(f"state not exist or expired for key={key}")
        elif there.etag != operation.etag:
            detail = f"state etag not match for key={key}: current={there.etag}, expect={operation.etag}"
            raise etag_mismatch(detail)

    def _live(self, key: str, now: datetime) -> _StoredValue | None:
        entry = self._table.entries.get(key)
        return entry if entry is not None and entry.lives(now) else None

    def _sweep(self, now: datetime) -> None:
        table = self._table
        if table.swept is None or now - table.swept >= SWEEP_INTERVAL:
            table.entries = {key: entry for key, entry in table.entries.items() if entry.lives(now)}
            table.swept = now


def _time_to_live(metadata: Mapping[str, str]) -> int:
    """Whole seconds, 0 for ever. Raises ComponentError."""
    text = metadata.get(TTL_IN_SECONDS, "")
    return min(max(go_integer(text, "Atoi"), 0), LONGEST_LIFE) if text else 0


def check(properties: Properties, context: ComponentContext) -> None:
    """It has no settings of its own that could be wrong."""


async def create(properties: Properties, context: ComponentContext) -> InMemoryState:
    table = context.memory.of(Table, properties.component.name)
    return InMemoryState(table, context.clock, context.new_id)
