"""What the metadata of a `pubsub.sqlite` component says, as one frozen value."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit
from urllib.request import url2pathname

from outboard.resources.quantity import parse_quantity
from outboard.resources.resiliency import RetryPolicy
from outboard.sidecar.components.metadata import backoff
from outboard.sidecar.components.metadata.backoff import read_backoff
from outboard.sidecar.components.metadata.known import KnownMetadata
from outboard.sidecar.components.metadata.properties import Properties

__all__ = ["METADATA", "InitialOffset", "LogSettings", "read_settings"]

METADATA: Final = KnownMetadata((
    "connectionString", "busyTimeout", "consumerGroup", "initialOffset", "partitions", "retention",
    "retentionBytes", "heartbeatInterval", "sessionTimeout", *backoff.METADATA,
))  # fmt: skip
InitialOffset: TypeAlias = Literal["oldest", "newest"]
MOST_PARTITIONS: Final = 1_000
WEEK: Final = 7 * 24 * 3600.0
GIB: Final = 2**30
LEAST_FILE: Final = 256 * 1024
"""Bytes: in less than this the tables and indexes alone have no room."""


@dataclass(frozen=True, slots=True)
class LogSettings:
    """Times are in seconds, sizes in bytes; a retention of 0 is for ever, one of 0 bytes without bound.

    `retry` says when an event comes again whose handler failed.
    """

    path: Path
    group: str
    busy_timeout: float = 2.0
    initial_offset: InitialOffset = "oldest"
    partitions: int = 16
    retention: float = WEEK
    retention_bytes: int = GIB
    heartbeat_interval: float = 3.0
    session_timeout: float = 10.0
    retry: RetryPolicy = field(default_factory=RetryPolicy)


def read_settings(properties: Properties) -> LogSettings:
    """Raises ComponentInitFailed, at the line of the item that is wrong."""
    heartbeat = _positive(properties, "heartbeatInterval", 3.0)
    session = _positive(properties, "sessionTimeout", 10.0)
    if session <= heartbeat:
        reason = "`sessionTimeout` must be longer than `heartbeatInterval`"
        raise properties.failure(reason, "Three times as long is usual.", "sessionTimeout")
    return LogSettings(
        path=_path(properties),
        group=properties.string("consumerGroup").strip() or properties.required("consumerID"),
        busy_timeout=_not_negative(properties, "busyTimeout", 2.0),
        initial_offset=_initial_offset(properties),
        partitions=_partitions(properties),
        retention=_not_negative(properties, "retention", WEEK),
        retention_bytes=_retention_bytes(properties),
        heartbeat_interval=heartbeat,
        session_timeout=session,
        retry=read_backoff(properties, properties.string),
    )


def _path(properties: Properties) -> Path:
    text = properties.required("connectionString").strip()
    if ":memory:" in text or "mode=memory" in text:
        reason = "`connectionString` names no file, and this component keeps its events in one"
        raise properties.failure(reason, "Write a path, or use `pubsub.in-memory`.", "connectionString")
    if not text.startswith("file:"):
        return Path(text)
    parts = urlsplit(text)
    if parts.query or parts.fragment or parts.netloc not in {"", "localhost"}:
        reason = "of a `file:` URI, `connectionString` takes the path only"
        raise properties.failure(reason, "Write a path, as `events.db`.", "connectionString")
    return Path(os.path.normpath(url2pathname(parts.path)))


def _positive(properties: Properties, name: str, default: float) -> float:
    seconds = properties.seconds(name, default=default)
    if seconds <= 0:
        raise properties.failure(f"`{name}` must be above 0", "Write for instance `3s`.", name)
    return seconds


def _not_negative(properties: Properties, name: str, default: float) -> float:
    seconds = properties.seconds(name, default=default)
    if seconds < 0:
        raise properties.failure(f"`{name}` must not be below 0", "Write for instance `3s`.", name)
    return seconds


def _initial_offset(properties: Properties) -> InitialOffset:
    match properties.string("initialOffset", default="oldest").strip().lower():
        case "oldest":
            return "oldest"
        case "newest":
            return "newest"
    advice = "`oldest` begins with all that is kept, `newest` with what is published from then on."
    raise properties.failure("`initialOffset` is neither `oldest` nor `newest`", advice, "initialOffset")


def _partitions(properties: Properties) -> int:
    count = properties.whole_number("partitions", 16)
    if not 1 <= count <= MOST_PARTITIONS:
        reason = f"`partitions` must be a whole number from 1 to {MOST_PARTITIONS:,}"
        raise properties.failure(reason, "So many consumers of a group can work at once.", "partitions")
    return count


def _retention_bytes(properties: Properties) -> int:
    text = properties.string("retentionBytes").strip()
    try:
        size = parse_quantity(text) if text else GIB
    except ValueError:
        reason = "`retentionBytes` is not a size"
        raise properties.failure(reason, "Write for instance `1Gi` or `500Mi`.", "retentionBytes") from None
    if 0 < size < LEAST_FILE:
        raise properties.failure("`retentionBytes` is too small", "Write `256Ki` at least.", "retentionBytes")
    return size
