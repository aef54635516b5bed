"""What a state inbox keeps under one key: a value, what it was made of, and what is to be published of it.

All of it is one record, so that one save with an ETag writes all or nothing, in every store that has ETags.
The record is JSON, and stores may order the members of its objects anew: what has an order is a list.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from hashlib import sha256
from typing import Final, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import from_json
from typing_extensions import TypeForm

from outboard.errors import StateInvalid
from outboard.kit.arguments import check_count
from outboard.kit.client.port import Publication
from outboard.kit.state.codec import StateCodec

__all__ = [
    "MAX_RECORD_BYTES",
    "FailedEvent",
    "OutgoingEvent",
    "RecordCodec",
    "SeenEvents",
    "StateRecord",
    "attempt_mark",
    "event_mark",
    "has_seen",
    "with_failure",
    "with_seen",
    "without_failure",
]

T = TypeVar("T")

FORMAT: Final = 1
MAX_RECORD_BYTES: Final = 2**20
DIGEST_BYTES: Final = 16
MAX_CONSUMERS: Final = 32
"""Of so many handlers, at most, a record has ids: those of paths that are no more would stay for ever."""


MAX_FAILED: Final = 32
"""Of so many events that have failed, at most, a record has the attempts: the last ones."""


class OutgoingEvent(BaseModel):
    """An event in its final form. `body` is a text, so that no store writes its numbers in another way."""

    model_config = ConfigDict(extra="forbid")

    id: str
    pubsub: str
    topic: str
    body: str
    metadata: dict[str, str]
    headers: dict[str, str]
    traceid: str

    @classmethod
    def of(cls, event_id: str, publication: Publication) -> OutgoingEvent:
        """`publication`, to be kept."""
        return cls(
            id=event_id,
            pubsub=publication.pubsub,
            topic=publication.topic,
            body=publication.body.decode(),
            metadata=dict(publication.metadata),
            headers=dict(publication.headers),
            traceid=publication.traceid,
        )

    @property
    def publication(self) -> Publication:
        """The same bytes each time."""
        body = self.body.encode()
        return Publication(self.pubsub, self.topic, body, self.metadata, self.headers, self.traceid)


class SeenEvents(BaseModel):
    """The marks of the events that `consumer` has applied, the last one at the end."""

    model_config = ConfigDict(extra="forbid")

    consumer: str
    ids: list[str]


class FailedEvent(BaseModel):
    """An event that `consumer` was given so often, and could not handle. `mark` is its `attempt_mark`."""

    model_config = ConfigDict(extra="forbid")

    consumer: str
    mark: str
    attempts: int


class StateRecord(BaseModel, Generic[T]):
    """What lies under a key. `value` is None where no handler has set one."""

    model_config = ConfigDict(extra="forbid")

    format: Literal[1] = FORMAT
    value: T | None = None
    seen: list[SeenEvents] = Field(default_factory=list)
    outgoing: list[OutgoingEvent] = Field(default_factory=list)
    failed: list[FailedEvent] = Field(default_factory=list)


class RecordCodec(StateCodec[StateRecord[T]]):
    """Reads and writes records whose value is of type `model`, of at most `max_bytes` bytes."""

    def __init__(self, model: TypeForm[T], max_bytes: int) -> None:
        super().__init__(StateRecord[model])  # type: ignore[valid-type]
        check_count("max_bytes", max_bytes)
        self._max_bytes = max_bytes

    def encode(self, store: str, key: str, value: StateRecord[T]) -> bytes:
        """As `StateCodec.encode`; raises StateInvalid for what is too large, too."""
        text = super().encode(store, key, value)
        if len(text) > self._max_bytes:
            problem = (
                f"its record would have {len(text):,} bytes, more than `max_bytes` ({self._max_bytes:,}). "
                "Keep less under one key, stage fewer events in one handler, or raise the limit as far as "
                "store and sidecar allow"
            )
            raise self._invalid(store, key, problem)
        return text

    def decode(self, store: str, key: str, value: bytes) -> StateRecord[T]:
        """As `StateCodec.decode`; it says of what is none, or newer, that it is that."""
        try:
            return super().decode(store, key, value)
        except StateInvalid:
            if problem := _strangeness(value):
                raise self._invalid(store, key, problem) from None
            raise


def _strangeness(value: bytes) -> str:
    """Why a value can be no record of this version; empty where that is not what is wrong with it."""
    try:
        found = from_json(value)
    except ValueError:
        return ""
    if not isinstance(found, dict) or not {"format", "value", "seen", "outgoing"} <= found.keys():
        return (
            "it is no record of a state inbox, but something else has written it. Give the inbox keys of its "
            "own, such as f'account-{...}'"
        )
    if isinstance(found["format"], int) and found["format"] > FORMAT:
        return (
            f"it has format {found['format']}, and this version of Outboard knows {FORMAT}: a newer one has "
            "written it. Update this service"
        )
    return ""


def event_mark(source: str, id: str) -> str:
    """By which a record knows an event: 22 characters, however long its id is."""
    return _marked(source, id)


def attempt_mark(source: str, id: str, replay: str) -> str:
    """By which the attempts of an event are counted: each replay has its own; `replay` is empty for none."""
    return _marked(source, id, replay) if replay else _marked(source, id)


def with_failure(failed: Sequence[FailedEvent], consumer: str, mark: str) -> tuple[list[FailedEvent], int]:
    """`failed` with one attempt more of an event, as the last one of it; and how many it has had."""
    before = sum(each.attempts for each in failed if (each.consumer, each.mark) == (consumer, mark))
    own = FailedEvent(consumer=consumer, mark=mark, attempts=before + 1)
    return [*without_failure(failed, consumer, mark), own][-MAX_FAILED:], own.attempts


def without_failure(failed: Sequence[FailedEvent], consumer: str, mark: str) -> list[FailedEvent]:
    """`failed` without an event."""
    return [each for each in failed if (each.consumer, each.mark) != (consumer, mark)]


def _marked(*names: str) -> str:
    digest = sha256(json.dumps(names).encode()).digest()[:DIGEST_BYTES]
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def has_seen(seen: Sequence[SeenEvents], consumer: str, mark: str) -> bool:
    """Whether `consumer` has applied the event, as far as that is remembered."""
    return any(mark in each.ids for each in seen if each.consumer == consumer)


def with_seen(seen: Sequence[SeenEvents], consumer: str, mark: str, remember: int) -> list[SeenEvents]:
    """`seen` with one more, of which the last `remember` of each consumer stay."""
    ids = [id for each in seen if each.consumer == consumer for id in each.ids]
    own = SeenEvents(consumer=consumer, ids=[*ids, mark][-remember:])
    others = [each for each in seen if each.consumer != consumer]
    return [*others, own][-MAX_CONSUMERS:]
