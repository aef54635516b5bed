"""The entries of a bulk publish request, read into values. Pure.

Source: Dapr, "Publish and subscribe to bulk messages"; daprd 1.18 for the errors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final, cast

from outboard.gojson import base64text, decoding
from outboard.gojson.values import Json
from outboard.sidecar.events import fast_path
from outboard.sidecar.events.envelope import CLOUD_EVENT, OCTET_STREAM, media_type
from outboard.sidecar.publishing.requests import BulkPublishEntry, EventEntry

__all__ = ["EntryInvalid", "read_entries", "read_entry", "read_events"]

ENTRY: Final = "http.bulkPublishMessageEntry"
ENTRY_FIELD: Final = "bulkPublishMessageEntry"
MISMATCH: Final = "error: mismatch between contentType and event"
UNDECODABLE: Final = "error: unable to decode base64 application/octect-stream data:"


class EntryInvalid(ValueError):
    """An entry's event is not what its content type says."""


def read_events(body: bytes) -> list[EventEntry] | None:
    """The entries, where each is a CloudEvent and there is nothing to say about any: the short way."""
    value = fast_path.read_plain(body)
    if not isinstance(value, list):
        return None
    entries = []
    for item in value:
        entry = _event_entry(item)
        if entry is None:
            return None
        entries.append(entry)
    return entries if len({entry.entry_id for entry in entries}) == len(entries) else None


def _event_entry(item: Json) -> EventEntry | None:
    """`item` is taken apart."""
    if not isinstance(item, dict) or item.pop("contentType", None) != CLOUD_EVENT:
        return None
    entry_id, event, metadata = item.pop("entryId", None), item.pop("event", None), item.pop("metadata", None)
    if item or not isinstance(entry_id, str) or not entry_id or not isinstance(event, dict):
        return None
    if metadata is None:
        return EventEntry(entry_id, event, None)
    if not isinstance(metadata, dict):
        return None
    for text in metadata.values():
        if not isinstance(text, str):
            return None
    return EventEntry(entry_id, event, cast("dict[str, str]", metadata))


def read_entries(body: bytes) -> list[dict[str, Json]]:
    """The fields of each entry by lower-case name, their types checked. Raises decoding.DecodeError."""
    value = decoding.decode(body, f"Go struct field {ENTRY_FIELD}.event")
    if value is None:
        return []
    if not isinstance(value, list):
        decoding.mismatch(value, f"Go value of type []{ENTRY}")
    return [_checked(decoding.fold(item, ENTRY)) for item in value]


def read_entry(fields: Mapping[str, Json]) -> BulkPublishEntry:
    """An entry from its fields, as `read_entries` gives them. Raises EntryInvalid."""
    content_type = decoding.text(fields, "contentType", ENTRY_FIELD) or ""
    return BulkPublishEntry(
        decoding.text(fields, "entryId", ENTRY_FIELD) or "",
        _event_bytes(fields.get("event"), content_type),
        content_type,
        decoding.strings(fields, "metadata", ENTRY_FIELD),
    )


def _checked(fields: dict[str, Json]) -> dict[str, Json]:
    decoding.text(fields, "entryId", ENTRY_FIELD)
    decoding.text(fields, "contentType", ENTRY_FIELD)
    decoding.strings(fields, "metadata", ENTRY_FIELD)
    return fields


def _event_bytes(event: Json, content_type: str) -> bytes:
    kind = media_type(content_type)
    if kind in {"application/json", CLOUD_EVENT}:
        return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    if not isinstance(event, str):
        raise EntryInvalid(MISMATCH)
    if kind == OCTET_STREAM:
        return _decode_base64(event)
    if kind.startswith("text/") or kind == "application/xml":
        return event.encode("utf-8", "replace")
    raise EntryInvalid(MISMATCH)


def _decode_base64(text: str) -> bytes:
    try:
        return base64text.decode(text)
    except base64text.CorruptInput as error:
        raise EntryInvalid(f"{UNDECODABLE} {error}") from error
