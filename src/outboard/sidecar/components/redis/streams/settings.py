"""How `pubsub.redis` consumes, read from its metadata as daprd reads it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from outboard.sidecar.components.metadata.properties import Properties
from outboard.sidecar.components.redis.client.settings import read_integer, read_seconds
from outboard.sidecar.components.redis.streams.entries import Trimming

__all__ = ["IGNORED_INTERVAL", "STREAM_METADATA", "StreamSettings"]

STREAM_METADATA: Final[tuple[str, ...]] = (
    "processingTimeout", "redeliverInterval", "queueDepth", "concurrency", "maxLenApprox", "streamTTL",
)  # fmt: skip
IGNORED_INTERVAL: Final = (
    "`redeliverInterval` counts only as a number of milliseconds",
    "daprd ignores a text with a unit, without a word, and so it is 15 s here, too. For 30 s write `30000`.",
)
DEFAULT_INTERVAL: Final = 15.0
NEVER: Final = Trimming()
MILLISECONDS: Final = re.compile(r"[0-9]{1,18}\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """Times are in seconds.

    `concurrency` events of the whole component are with the app at once. What was not settled
    `processing_timeout` after a consumer of the group got it is claimed; every `redeliver_interval` is looked
    for such entries; either of them 0: never.
    """

    group: str
    processing_timeout: float = 60.0
    redeliver_interval: float = DEFAULT_INTERVAL
    queue_depth: int = 100
    concurrency: int = 10
    trimming: Trimming = NEVER

    @property
    def redelivers(self) -> bool:
        return self.processing_timeout > 0 and self.redeliver_interval > 0

    @staticmethod
    def read(properties: Properties, app_id: str) -> StreamSettings:
        """Raises ComponentInitFailed, with the file and the line of what is wrong."""
        return StreamSettings(
            group=properties.string("consumerID", default=app_id),
            processing_timeout=_not_negative(properties, "processingTimeout", 60.0),
            redeliver_interval=_interval(properties),
            queue_depth=_count(properties, "queueDepth", 100),
            concurrency=_count(properties, "concurrency", 10),
            trimming=Trimming(
                max(read_integer(properties, "maxLenApprox"), 0),
                _not_negative(properties, "streamTTL", 0.0),
            ),
        )


def _interval(properties: Properties) -> float:
    text = properties.get("redeliverInterval", "")
    return int(text) / 1_000 if MILLISECONDS.match(text) else DEFAULT_INTERVAL


def _count(properties: Properties, name: str, default: int) -> int:
    number = read_integer(properties, name, default)
    if number < 1:
        reason = f"with `{name}` {number} no event would ever be handled"
        raise properties.failure(reason, "Write a whole number from 1.", name)
    return number


def _not_negative(properties: Properties, name: str, default: float) -> float:
    seconds = read_seconds(properties, name, default)
    if seconds < 0:
        raise properties.failure(f"`{name}` must not be negative", "0 turns it off.", name)
    return seconds
