"""A decoded JSON value, and what Go calls its kind."""

from __future__ import annotations

from typing import TypeAlias

__all__ = ["Json", "kind"]

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


def kind(value: Json) -> str:
    """The name of the kind in Go's error messages."""
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case str():
            return "string"
        case int() | float():
            return "number"
        case list():
            return "array"
    return "object"
