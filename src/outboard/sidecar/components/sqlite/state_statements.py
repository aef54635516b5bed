"""What `state.sqlite` tells SQLite, in daprd's own tables, and what it makes of a row. Pure.

`{state}` and `{metadata}` in a statement stand for the names of the tables.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from outboard.sidecar.components.port import ComponentError, Delete, Found, Set
from outboard.sidecar.components.state.values import check_options, go_integer, stored_bytes
from outboard.wire.dapr import TTL_IN_SECONDS

__all__ = ["LIVE", "SCHEMA", "SCHEMA_VERSION", "Statement", "found_in", "stamp", "statement_for"]

SCHEMA_VERSION: Final = 1
LONGEST_LIFE: Final = 9_223_372_036  # seconds: Go counts a duration's nanoseconds in 64 bits
SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS {metadata} (key text NOT NULL PRIMARY KEY, value text NOT NULL)",
    """CREATE TABLE IF NOT EXISTS {state} (
        key TEXT NOT NULL PRIMARY KEY,
        value TEXT NOT NULL,
        is_binary BOOLEAN NOT NULL,
        etag TEXT NOT NULL,
        expiration_time TIMESTAMP DEFAULT NULL,
        update_time TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
    )""",
    "INSERT OR IGNORE INTO {metadata} (key, value) VALUES ('migrations', '1')",
)
LIVE: Final = "(expiration_time IS NULL OR expiration_time > :now)"
ROW: Final = "(key, value, is_binary, etag, expiration_time, update_time)"
VALUES: Final = "(:key, :value, :is_binary, :new_etag, :expires, :now)"
ASSIGN: Final = (
    "value = :value, is_binary = :is_binary, etag = :new_etag, expiration_time = :expires, update_time = :now"
)


@dataclass(frozen=True, slots=True)
class Statement:
    """One change. Where it changes no row and may not `may_miss`, somebody else was first."""

    sql: str
    parameters: Mapping[str, object]
    may_miss: bool = False


def statement_for(operation: Set | Delete, now: datetime, new_etag: str) -> Statement:
    """The change that `operation` makes. Raises ComponentError for options or a value that cannot be."""
    check_options(operation.options)
    at = {"key": operation.key, "etag": operation.etag or None, "now": stamp(now)}
    if isinstance(operation, Delete):
        return Statement(_delete_sql(operation), at, may_miss=not operation.etag)
    life = _time_to_live(operation.metadata)
    data = stored_bytes(operation.value)
    binary = isinstance(operation.value, bytes)
    row = {
        "value": (base64.b64encode(data) if binary else data).decode(),
        "is_binary": binary,
        "new_etag": new_etag,
        "expires": stamp(now + timedelta(seconds=life)) if life else None,
    }
    return Statement(_set_sql(operation), at | row)


def found_in(value: str, is_binary: int, etag: str, expires: str | None) -> Found:
    data = base64.b64decode(value) if is_binary else value.encode()
    at = None if expires is None else datetime.fromisoformat(expires).replace(tzinfo=UTC)
    return Found(data, etag, at)


def stamp(moment: datetime) -> str:
    """As SQLite's own `CURRENT_TIMESTAMP`, which daprd writes and compares with."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _set_sql(operation: Set) -> str:
    if operation.etag:
        return f"UPDATE {{state}} SET {ASSIGN} WHERE key = :key AND etag = :etag AND {LIVE}"
    insert = f"INSERT INTO {{state}} {ROW} VALUES {VALUES} ON CONFLICT (key) DO UPDATE SET {ASSIGN}"
    return f"{insert} WHERE NOT {LIVE}" if operation.options.concurrency == "first-write" else insert


def _delete_sql(operation: Delete) -> str:
    same = f" AND etag = :etag AND {LIVE}" if operation.etag else ""
    return f"DELETE FROM {{state}} WHERE key = :key{same}"


def _time_to_live(metadata: Mapping[str, str]) -> int:
    """Whole seconds, 0 for ever (absent, 0 or -1). Raises ComponentError."""
    text = metadata.get(TTL_IN_SECONDS, "")
    if not text:
        return 0
    wrong = f"error parsing TTL: incorrect value for metadata '{TTL_IN_SECONDS}'"
    try:
        seconds = go_integer(text, "ParseInt")
    except ComponentError as error:
        raise ComponentError(f"{wrong}: {error}") from error
    if not -1 <= seconds <= LONGEST_LIFE:
        raise ComponentError(f"{wrong}: must be -1 or greater")
    return max(seconds, 0)
