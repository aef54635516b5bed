"""Messages as Kafka records, and back. Pure.

Source: Dapr, "Apache Kafka" (pub/sub component), "Message headers", "Sending and receiving multiple messages"
and "Receiving messages with special headers"; daprd 1.18.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol
from urllib.parse import quote_plus

from outboard.sidecar.components.kafka.settings import KafkaSettings
from outboard.sidecar.components.port import ComponentError, Message, StoredPlace

__all__ = ["Received", "Record", "RecordTooLarge", "check_topic", "refuse_schema", "to_message", "to_record"]

KEY: Final = "__key"
PARTITION_KEY: Final = "partitionKey"
PARTITION_NUMBER: Final = "partitionNumber"
SCHEMA_TYPE: Final = "valueschematype"
NULL: Final = b"null"
HIGHEST_PARTITION: Final = 2**31 - 1
TOPIC: Final = re.compile(r"[a-zA-Z0-9._-]{1,249}\Z", re.ASCII)
INTEGER: Final = re.compile(r"[-+]?[0-9]{1,18}\Z", re.ASCII)

# What daprd's client reckons for the framing of a record and of each of its headers, at most.
RECORD_OVERHEAD: Final = 36
HEADER_OVERHEAD: Final = 10


class RecordTooLarge(ComponentError):
    """The record is larger than the component's `maxMessageBytes`."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is written. A `value` of None is a tombstone; `partition` is the one that the publisher wants, and
    `place` is told where it lies then.
    """

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]] = field(default_factory=list)
    partition: int | None = None
    place: StoredPlace | None = field(default=None, compare=False)

    @property
    def size(self) -> int:
        """Bytes, as daprd's client counts them."""
        size = RECORD_OVERHEAD + len(self.key or b"") + len(self.value or b"")
        for name, value in self.headers:
            size += len(name if name.isascii() else name.encode()) + len(value) + HEADER_OVERHEAD
        return size


class Received(Protocol):
    """What is read. `timestamp` is in milliseconds."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


def to_record(message: Message, settings: KafkaSettings) -> Record:
    """All metadata becomes headers; JSON's `null` becomes a tombstone. Raises ComponentError."""
    metadata, excluded = message.metadata, settings.exclude_headers
    refuse_schema(metadata)
    key = metadata.get(PARTITION_KEY)
    if key is None:
        key = metadata.get(KEY)
    number = metadata.get(PARTITION_NUMBER)
    record = Record(
        None if key is None else _encode(key),
        None if message.data == NULL else message.data,
        [(name, _encode(value)) for name, value in metadata.items() if _kept(name, excluded)],
        None if number is None else _partition_number(number),
        message.place,
    )
    if (size := record.size) > settings.max_message_bytes:
        limit = f"configured Producer.MaxMessageBytes: {size} > {settings.max_message_bytes}"
        raise RecordTooLarge(f"kafka: invalid configuration (Attempt to produce message larger than {limit})")
    return record


def to_message(record: Received, settings: KafkaSettings) -> Message:
    """Headers become metadata, also those that look like what is said of the record itself."""
    escape, excluded = settings.escape_headers, settings.exclude_headers
    metadata: dict[str, str] = {}
    if record.key is not None:
        metadata[KEY] = _decode(record.key, escape)
    metadata["__offset"] = str(record.offset)
    metadata["__topic"] = record.topic
    metadata["__timestamp"] = str(record.timestamp)
    metadata["__partition"] = str(record.partition)
    for name, value in record.headers:
        if _kept(name, excluded):
            metadata[name] = _decode(value or b"", escape)
    return Message(NULL if record.value is None else record.value, metadata)


def check_topic(topic: str) -> None:
    """Raises ComponentError for a name that Kafka does not take; there are no wildcards either."""
    if not TOPIC.match(topic) or topic in {".", ".."}:
        raise ComponentError(
            f"kafka: '{topic}' cannot be a topic: 1 to 249 letters, digits, '.', '_' and '-'"
        )


def refuse_schema(metadata: Mapping[str, str]) -> None:
    """Raises ComponentError where Avro is asked for, or what daprd does not know either."""
    named = [
        metadata[name] for name in metadata if len(name) == len(SCHEMA_TYPE) and name.lower() == SCHEMA_TYPE
    ]
    wanted = named[0].lower() if named else "none"
    if wanted == "avro":
        raise ComponentError(
            "valueSchemaType Avro: this sidecar serves no schema registry. Run the app with the real daprd."
        )
    if wanted != "none":
        raise ComponentError(f"error parsing schema type. '{wanted}' is not a supported value")


def _partition_number(text: str) -> int:
    if not INTEGER.match(text) or not -HIGHEST_PARTITION <= int(text) <= HIGHEST_PARTITION:
        problem = "value out of range" if INTEGER.match(text) else "invalid syntax"
        quoted = json.dumps(text, ensure_ascii=False)
        reason = f"strconv.ParseInt: parsing {quoted}: {problem}"
        raise ComponentError(f"invalid partitionNumber metadata value {quoted}: {reason}")
    if int(text) < 0:
        raise ComponentError(f"partitionNumber must be non-negative, got {int(text)}")
    return int(text)


def _kept(name: str, excluded: re.Pattern[str] | None) -> bool:
    return excluded is None or excluded.search(name) is None


def _encode(text: str) -> bytes:
    """JSON can hold halves of surrogate pairs, which are no text."""
    return text.encode("utf-8", "replace")


def _decode(data: bytes, escape: bool) -> str:
    """What is no UTF-8 has no place in a header of HTTP or in JSON: it is replaced."""
    return quote_plus(data) if escape else data.decode("utf-8", "replace")
