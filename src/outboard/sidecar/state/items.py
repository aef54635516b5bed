"""Items of state as an app asks for them, whatever protocol it asked over. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC
from typing import Literal, TypeAlias, cast

from outboard.gojson.values import Json
from outboard.sidecar.components.port import Delete, Found, Set, StateOptions

__all__ = ["Operation", "RequestedItem", "metadata_of", "options_of"]

Operation: TypeAlias = Literal["upsert", "delete"]


@dataclass(frozen=True, slots=True)
class RequestedItem:
    """One item to write or delete, as the app sent it: JSON, or bytes that are stored as they are."""

    key: str
    value: Json | bytes = None
    etag: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    concurrency: str = ""
    consistency: str = ""
    content_type: str = ""

    def at(self, stored_key: str, metadata: Mapping[str, str]) -> RequestedItem:
        """The item under its stored key; the request's metadata counts before its own."""
        return replace(self, key=stored_key, metadata={**self.metadata, **metadata})

    def as_set(self) -> Set:
        options = options_of(self.concurrency, self.consistency)
        return Set(self.key, self.value, self.etag or None, self.metadata, options)

    def as_delete(self) -> Delete:
        options = options_of(self.concurrency, self.consistency)
        return Delete(self.key, self.etag or None, self.metadata, options)


def options_of(concurrency: str, consistency: str) -> StateOptions:
    """The store refuses what it does not know, so the texts go through as they are."""
    return StateOptions(
        cast("Literal['', 'first-write', 'last-write']", concurrency),
        cast("Literal['', 'eventual', 'strong']", consistency),
    )


def metadata_of(found: Found) -> dict[str, str]:
    """What is told of a value beside it: what its store says, and when it expires, if it does."""
    told = dict(found.metadata)
    if found.expires is not None:
        moment = found.expires.astimezone(UTC).isoformat(timespec="seconds")
        told["ttlExpireTime"] = moment.replace("+00:00", "Z")
    return told
