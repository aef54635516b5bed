"""The request bodies of the state API, read into values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, NoReturn, cast

from outboard.sidecar.api import decoding
from outboard.sidecar.components.port import Delete, Set, StateOptions
from outboard.wire.gotext import printed
from outboard.wire.subscriptions import Json

__all__ = ["StateItem", "options_of", "read_items", "read_keys", "read_operations"]

SET_REQUEST: Final = "SetRequest"
BODY: Final = "stateTransactionRequestBody"
KNOWN: Final = frozenset({"upsert", "delete"})
OPERATION_NUMBER: Final = "Go struct field stateTransactionRequestBodyOperation.operations.request"


@dataclass(frozen=True, slots=True)
class StateItem:
    """One item to write or delete, as the app sent it."""

    key: str
    value: Json = None
    etag: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    concurrency: str = ""
    consistency: str = ""
    content_type: str = ""

    def at(self, stored_key: str, metadata: Mapping[str, str]) -> StateItem:
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


def read_items(body: bytes) -> list[StateItem]:
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
    decoding.strings(fields, "metadata", "BulkGetRequest")
    decoding.integer(fields, "parallelism", "BulkGetRequest")
    keys = fields.get("keys")
    if keys is None:
        return []
    if not isinstance(keys, list):
        decoding.mismatch(keys, "Go struct field BulkGetRequest.keys of type []string")
    return [_key(key) for key in keys]


def read_operations(body: bytes) -> list[tuple[str, StateItem]]:
    """The operations of a transaction, each with its name. Raises decoding.DecodeError.

    Nothing is read of those behind one of an unknown name: daprd refuses that one first.
    """
    fields = decoding.fold(decoding.decode(body, OPERATION_NUMBER), f"http.{BODY}")
    decoding.strings(fields, "metadata", BODY)
    operations = fields.get("operations")
    if operations is None:
        return []
    if not isinstance(operations, list):
        decoding.mismatch(operations, f"Go struct field {BODY}.operations of type []http.{BODY}Operation")
    named = [_named(operation) for operation in operations]
    unknown = next((index for index, (name, _) in enumerate(named) if name not in KNOWN), len(named))
    return [_operation(name, request) for name, request in named[: unknown + 1]]


def _named(value: Json) -> tuple[str, Json]:
    target = f"{BODY}Operation"
    if value is not None and not isinstance(value, dict):
        decoding.mismatch(value, f"Go struct field {BODY}.operations of type http.{target}")
    fields = decoding.fold(value, target)
    name = decoding.text(fields, "operation", f"{target}.operations") or ""
    return name, fields.get("request")


def _operation(name: str, request: Json) -> tuple[str, StateItem]:
    if request is None or name not in KNOWN:
        return name, StateItem("")
    if not isinstance(request, dict):
        raise decoding.DecodeError(f"'' expected a map, got '{_go_type(request)}'")
    return name, _loose_item({key.lower(): item for key, item in request.items()})


def _key(value: Json) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        decoding.mismatch(value, "Go struct field BulkGetRequest.keys of type string")
    return value


def _item(fields: Mapping[str, Json]) -> StateItem:
    given = fields.get("options")
    if given is not None and not isinstance(given, dict):
        decoding.mismatch(given, f"Go struct field {SET_REQUEST}.options of type state.SetStateOption")
    options = decoding.fold(given, "state.SetStateOption")
    return StateItem(
        decoding.text(fields, "key", SET_REQUEST) or "",
        fields.get("value"),
        decoding.text(fields, "etag", SET_REQUEST),
        decoding.strings(fields, "metadata", SET_REQUEST) or {},
        decoding.text(options, "Concurrency", "SetStateOption.options") or "",
        decoding.text(options, "Consistency", "SetStateOption.options") or "",
    )


def _loose_item(fields: Mapping[str, Json]) -> StateItem:
    """An item inside a transaction, of which daprd words the errors in another way."""
    options = fields.get("options")
    if options is not None and not isinstance(options, dict):
        raise _no_map("Options", options)
    options = {key.lower(): item for key, item in options.items()} if isinstance(options, dict) else {}
    return StateItem(
        _loose_text(fields, "Key"),
        fields.get("value"),
        _loose_text(fields, "ETag") or None,
        _loose_strings(fields.get("metadata")),
        _loose_text(options, "Options.Concurrency"),
        _loose_text(options, "Options.Consistency"),
        _loose_text(fields, "ContentType"),
    )


def _loose_text(fields: Mapping[str, Json], name: str) -> str:
    value = fields.get(name.rpartition(".")[2].lower())
    if value is None or isinstance(value, str):
        return value or ""
    _unconvertible(name, value)


def _loose_strings(value: Json) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _no_map("Metadata", value)
    for key, item in value.items():
        if item is not None and not isinstance(item, str):
            _unconvertible(f"Metadata[{key}]", item)
    return {key: item if isinstance(item, str) else "" for key, item in value.items()}


def _no_map(name: str, value: Json) -> decoding.DecodeError:
    return decoding.DecodeError(f"1 error(s) decoding:\n\n* '{name}' expected a map, got '{_go_type(value)}'")


def _unconvertible(name: str, value: Json) -> NoReturn:
    found = f"unconvertible type '{_go_type(value)}', value: '{printed(value)}'"
    raise decoding.DecodeError(f"1 error(s) decoding:\n\n* '{name}' expected type 'string', got {found}")


def _go_type(value: Json) -> str:
    types = {"number": "float64", "array": "[]interface {}", "object": "map[string]interface {}"}
    return types.get(decoding.kind(value), decoding.kind(value))
