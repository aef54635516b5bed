"""The tables of a log, and the marks by which its file is known.

Offsets count the events of the whole file, never go back and are never used twice (AUTOINCREMENT: a plain row
id would begin anew once every event is deleted). The order of offsets is the order of commits, as SQLite has
one writer at a time.

A group's `committed` is the offset up to which it has handled a partition. Of the events behind it those up
to `reached` are handled, too, if they are not among the `unsettled`. `owner` is the member that may handle
the partition, and move these: nobody else's commit is taken. `skip` is an event that a person wants to be
passed over, the first that was not settled. It stays when that is done: whoever has the partition goes on
behind it.

Version 2 has what stands behind `owner`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

__all__ = ["APPLICATION_ID", "SCHEMA", "SCHEMA_VERSION", "UPGRADES"]

APPLICATION_ID: Final = 0x4F426C67  # "OBlg"; it stands in the header of the file
SCHEMA_VERSION: Final = 2

HOLDING: Final = (
    "unsettled TEXT NOT NULL DEFAULT ''",  # offsets with commas between them, in ascending order
    "reached INTEGER NOT NULL DEFAULT 0",
    "attempts INTEGER NOT NULL DEFAULT 0",  # how often the first of the unsettled has failed
    "failing_since INTEGER NOT NULL DEFAULT 0",  # milliseconds since 1970; 0: it does not hold the partition
    "reason TEXT NOT NULL DEFAULT ''",  # of its last failure
    "skip INTEGER",
)
UPGRADES: Final[Mapping[int, Sequence[str]]] = {
    1: [f"ALTER TABLE positions ADD COLUMN {column}" for column in HOLDING],
}
"""By the version that a file has, the statements that make the next one of it."""

SCHEMA: Final = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
BEGIN;
CREATE TABLE topics (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    partitions INTEGER NOT NULL
);
CREATE TABLE events (
    offset INTEGER PRIMARY KEY AUTOINCREMENT,
    topic INTEGER NOT NULL,
    partition INTEGER NOT NULL,
    published INTEGER NOT NULL, -- milliseconds since 1970
    content_type TEXT,
    metadata TEXT NOT NULL, -- a JSON object of texts
    data BLOB NOT NULL
);
CREATE INDEX events_by_partition ON events (topic, partition);
CREATE TABLE groups (
    name TEXT NOT NULL,
    topic INTEGER NOT NULL,
    seen INTEGER NOT NULL, -- milliseconds since 1970: when it was last there
    PRIMARY KEY (name, topic)
) WITHOUT ROWID;
CREATE TABLE positions (
    consumer_group TEXT NOT NULL,
    topic INTEGER NOT NULL,
    partition INTEGER NOT NULL,
    committed INTEGER NOT NULL,
    owner INTEGER, -- members.id
    {", ".join(HOLDING)},
    PRIMARY KEY (consumer_group, topic, partition)
) WITHOUT ROWID;
CREATE TABLE members (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    consumer_group TEXT NOT NULL,
    topic INTEGER NOT NULL,
    beats INTEGER NOT NULL DEFAULT 0, -- heartbeats so far
    port INTEGER NOT NULL, -- where it hears of news, by UDP on loopback; 0: nowhere
    host TEXT NOT NULL,
    process INTEGER NOT NULL,
    process_started REAL NOT NULL
);
COMMIT;
"""
