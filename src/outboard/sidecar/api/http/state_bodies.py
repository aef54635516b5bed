"""The request bodies of the state API, read into values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from outboard.gojson import decoding
from outboard.gojson.values import Json
from outboard.sidecar.state.items import RequestedItem

__all__ = ["read_items", "read_keys"]

SET_REQUEST: Final = "SetRequest"


def read_items(body: bytes) -> list[RequestedItem]:
    """What is to be saved. Raises decoding.DecodeError."""
    value = decoding.decode(body, f"Go struct field {SET_REQUEST}.value")
    if value is None:
        return []
    if not isinstance(value, list):
        decoding.mismatch(value, "Go value of type []state.SetRequest")
    return [_item(decoding.fold(item, "state.SetRequest")) for item in value]


def read_keys(body: bytes) -> list[str]:
    """The keys of a bulk get. Raises decoding.DecodeError."""
    fields = decoding.fold(decoding.decode(body), "http.BulkGetRequest")
    decoding.in_order(fields, {
        "keys": lambda: _keys(fields.get("keys")),
        "metadata": lambda: decoding.strings(fields, "metadata", "BulkGetRequest"),
        "parallelism": lambda: decoding.integer(fields, "parallelism", "BulkGetRequest"),
    })  # fmt: skip
    return _keys(fields.get("keys"))


def _keys(value: Json) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list):
        decoding.mismatch(value, "Go struct field BulkGetRequest.keys of type []string")
    return [_key(key) for key in value]


def _key(value: Json) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        decoding.mismatch(value, "Go struct field BulkGetRequest.keys of type string")
    return value


def _item(fields: Mapping[str, Json]) -> RequestedItem:
    def key() -> str:
        return decoding.text(fields, "key", SET_REQUEST) or ""

    def etag() -> str | None:
        return decoding.text(fields, "etag", SET_REQUEST)

    def metadata() -> dict[str, str]:
        return decoding.strings(fields, "metadata", SET_REQUEST) or {}

    def options() -> tuple[str, str]:
        return _options(fields.get("options"))

    decoding.in_order(fields, {"key": key, "etag": etag, "metadata": metadata, "options": options})
    return RequestedItem(key(), fields.get("value"), etag(), metadata(), *options())


def _options(given: Json) -> tuple[str, str]:
    """Concurrency and consistency."""
    if given is not None and not isinstance(given, dict):
        decoding.mismatch(given, f"Go struct field {SET_REQUEST}.options of type state.SetStateOption")
    fields = decoding.fold(given, "state.SetStateOption")

    def text(name: str) -> str:
        return decoding.text(fields, name, "SetStateOption.options") or ""

    decoding.in_order(fields, {
        "concurrency": lambda: text("Concurrency"),
        "consistency": lambda: text("Consistency"),
    })  # fmt: skip
    return text("Concurrency"), text("Consistency")
