"""What is asked of publishing, whatever protocol it was asked over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from outboard.gojson.values import Json
from outboard.wire.tracing import TraceContext

__all__ = ["BulkPublishEntry", "BulkPublished", "EventEntry", "PublishRequest"]


class PublishRequest(NamedTuple):
    """Where to, and what the request says beside its data; `trace` is None where it belongs to none.

    `over_grpc` says by which statuses a policy's `matching` knows an error of the broker.
    """

    pubsub: str
    topic: str
    metadata: Mapping[str, str]
    trace: TraceContext | None
    over_grpc: bool = False


class BulkPublishEntry(NamedTuple):
    """One thing to publish of many. `metadata` is its own alone, None where it has none."""

    entry_id: str
    data: bytes
    content_type: str
    metadata: Mapping[str, str] | None


class BulkPublished(NamedTuple):
    """What became of a bulk request: what was not published by entry id, with the reason, and whether the
    component keeps the order of each key.
    """

    failed: Mapping[str, str]
    ordered: bool


class EventEntry(NamedTuple):
    """An entry that is a CloudEvent in JSON, read already. `metadata` is its own alone."""

    entry_id: str
    event: dict[str, Json]
    metadata: dict[str, str] | None
