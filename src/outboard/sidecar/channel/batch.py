"""Events that are given to the app together. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from outboard.sidecar.events.received import Incoming

__all__ = ["Batch", "BatchedEvent"]


class BatchedEvent(NamedTuple):
    """One event of a batch; its `data` goes into a request over HTTP as the JSON that it is.

    `content_type` is what the broker tells, empty where it tells none.
    """

    entry_id: str
    incoming: Incoming
    metadata: Mapping[str, str]
    content_type: str


class Batch(NamedTuple):
    """Events of one subscription for one `path` of the app, in one request with an `id` of its own.

    With `raw` they are payloads as they lay on the topic, in the `data_base64` of events made of them.
    """

    id: str
    path: str
    pubsub: str
    topic: str
    events: Sequence[BatchedEvent]
    raw: bool = False
