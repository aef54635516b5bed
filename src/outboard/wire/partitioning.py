"""The ordering key of an event.

Source: CloudEvents, "Partitioning" extension; Dapr, `partitionKey` in the metadata of a publish.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from outboard.wire.cloudevents import PARTITION_KEY_ATTRIBUTE
from outboard.wire.dapr import PARTITION_KEY

__all__ = ["partition_key"]

OF_METADATA: Final = ("__key", PARTITION_KEY, PARTITION_KEY.lower())


def partition_key(attributes: Mapping[str, object], metadata: Mapping[str, str]) -> str | None:
    """The key in the event's own `attributes`, else in the `metadata` (or headers) of its delivery.

    Kafka gives the key of a record as `__key`.
    """
    key = attributes.get(PARTITION_KEY_ATTRIBUTE)
    if isinstance(key, str) and key:
        return key
    return next((metadata[name] for name in OF_METADATA if metadata.get(name)), None)
