"""The request body of a state transaction, read into values. Pure.

The body itself is read as every other one; the request inside an operation is not: daprd tells all that is
wrong with it at once, in other words, and only when the operations before it were found to be good.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from outboard.gojson import decoding
from outboard.gojson.gotext import printed
from outboard.gojson.values import Json, kind
from outboard.sidecar.state.items import Operation, RequestedItem

__all__ = ["Requested", "UnknownOperation", "read_item", "read_transaction"]

BODY: Final = "stateTransactionRequestBody"
OPERATIONS: Final = f"Go struct field {BODY}.operations of type "
NUMBER: Final = f"Go struct field {BODY}Operation.operations.request"


class UnknownOperation(ValueError):
    """The operation is neither `upsert` nor `delete`; the text is daprd's."""


@dataclass(frozen=True, slots=True)
class Requested:
    """One operation of a transaction, its request not read yet."""

    operation: str
    request: Json


def read_transaction(body: bytes) -> list[Requested]:
    """What is asked for, in order. Raises decoding.DecodeError."""
    fields = decoding.fold(decoding.decode(body, NUMBER), f"http.{BODY}")

    def operations() -> list[Requested]:
        return _operations(fields.get("operations"))

    def metadata() -> object:
        return decoding.strings(fields, "metadata", BODY)

    decoding.in_order(fields, {"operations": operations, "metadata": metadata})
    return operations()


def read_item(requested: Requested) -> tuple[Operation, RequestedItem]:
    """The operation and what it is about. Raises UnknownOperation, and decoding.DecodeError."""
    match requested.operation:
        case "upsert" | "delete" as operation:
            return operation, _item(operation, requested.request)
        case unknown:
            raise UnknownOperation(f"operation type {unknown} not supported")


def _operations(value: Json) -> list[Requested]:
    if value is None:
        return []
    if not isinstance(value, list):
        decoding.mismatch(value, f"{OPERATIONS}[]http.{BODY}Operation")
    return [_requested(operation) for operation in value]


def _requested(value: Json) -> Requested:
    if value is not None and not isinstance(value, dict):
        decoding.mismatch(value, f"{OPERATIONS}http.{BODY}Operation")
    fields = decoding.fold(value, f"{BODY}Operation")
    name = decoding.text(fields, "operation", f"{BODY}Operation.operations") or ""
    return Requested(name, fields.get("request"))


def _item(operation: Operation, request: Json) -> RequestedItem:
    if request is None:
        return RequestedItem("")
    if not isinstance(request, dict):
        raise decoding.DecodeError(_no_map("", request))
    fields = _Fields(request)
    options = fields.nested("Options")
    item = RequestedItem(
        fields.text("Key"),
        fields.member("Value") if operation == "upsert" else None,
        fields.text("ETag") or None,
        fields.strings("Metadata"),
        options.text("Concurrency"),
        options.text("Consistency"),
        fields.text("ContentType") if operation == "upsert" else "",
    )
    fields.raise_problems()
    return item


@dataclass(frozen=True, slots=True)
class _Fields:
    """The members of a request. `problems` gathers what is wrong with those that were read."""

    members: Mapping[str, Json]
    prefix: str = ""
    problems: list[str] = field(default_factory=list)

    def member(self, name: str) -> Json:
        """The one of exactly this name, or else of this name in another case."""
        if name in self.members:
            return self.members[name]
        return next((item for key, item in self.members.items() if key.lower() == name.lower()), None)

    def text(self, name: str) -> str:
        return self._text(f"{self.prefix}{name}", self.member(name))

    def strings(self, name: str) -> dict[str, str]:
        items = self._map(name)
        return {key: self._text(f"{name}[{key}]", item) for key, item in items.items()}

    def nested(self, name: str) -> _Fields:
        return _Fields(self._map(name), f"{name}.", self.problems)

    def raise_problems(self) -> None:
        """Raises decoding.DecodeError with all of them, in the order of the alphabet."""
        if self.problems:
            told = "\n".join(sorted(f"* {problem}" for problem in self.problems))
            raise decoding.DecodeError(f"{len(self.problems)} error(s) decoding:\n\n{told}")

    def _map(self, name: str) -> Mapping[str, Json]:
        value = self.member(name)
        if isinstance(value, dict):
            return value
        if value is not None:
            self.problems.append(_no_map(name, value))
        return {}

    def _text(self, name: str, value: Json) -> str:
        if value is None or isinstance(value, str):
            return value or ""
        found = f"unconvertible type '{_go_type(value)}', value: '{printed(value)}'"
        self.problems.append(f"'{name}' expected type 'string', got {found}")
        return ""


def _no_map(name: str, value: Json) -> str:
    return f"'{name}' expected a map, got '{_kind(value)}'"


def _kind(value: Json) -> str:
    return {"number": "float64", "array": "slice"}.get(kind(value), kind(value))


def _go_type(value: Json) -> str:
    types = {"number": "float64", "array": "[]interface {}", "object": "map[string]interface {}"}
    return types.get(kind(value), kind(value))
