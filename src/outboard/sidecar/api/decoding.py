"""Request bodies read as Go reads them: the first JSON value, and its words for what is wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final, NoReturn

from outboard.sidecar.events.rawjson import JsonTextError, raw_value
from outboard.wire.subscriptions import Json

__all__ = ["DecodeError", "decode", "fold", "kind", "mismatch", "strings", "text"]

SPACE: Final = " \t\n\r"
LONGEST_INTEGER: Final = 400  # Python refuses to read integers of more than 4,300 digits


class DecodeError(ValueError):
    """The body is not what is wanted; the text is worded as Go's."""


def decode(body: bytes) -> Json:
    """The first JSON value of `body`. Raises DecodeError."""
    source = body.decode("utf-8", "replace")
    try:
        value: Json = DECODER.raw_decode(source.lstrip(SPACE))[0]
    except (ValueError, RecursionError) as error:
        raise DecodeError(_worded(source, error)) from error
    return value


def _worded(source: str, error: Exception) -> str:
    try:
        raw_value(source)
    except JsonTextError as worded:
        return str(worded)
    return str(error)


def _number(digits: str) -> int | float:
    return int(digits) if len(digits) < LONGEST_INTEGER else float(digits)


def _refuse(constant: str) -> NoReturn:
    raise JsonTextError(f"invalid character {constant[0]!r} looking for beginning of value")


DECODER: Final = json.JSONDecoder(parse_int=_number, parse_constant=_refuse)


def kind(value: Json) -> str:
    """What Go calls the kind of a JSON value."""
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


def mismatch(value: Json, target: str) -> NoReturn:
    """Raise DecodeError for a value of the wrong kind; `target` as "Go value of type []string"."""
    raise DecodeError(f"json: cannot unmarshal {kind(value)} into {target}")


def fold(value: Json, target: str) -> dict[str, Json]:
    """The members of an object by lower-case name. Raises DecodeError."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        mismatch(value, f"Go value of type {target}")
    return {name.lower(): item for name, item in value.items()}


def text(fields: Mapping[str, Json], name: str, target: str) -> str | None:
    """A string member, None where it is absent or null. Raises DecodeError."""
    value = fields.get(name.lower())
    if value is None or isinstance(value, str):
        return value
    mismatch(value, f"Go struct field {target}.{name} of type string")


def strings(fields: Mapping[str, Json], name: str, target: str) -> dict[str, str] | None:
    """A member that maps strings to strings, None where it is absent or null. Raises DecodeError."""
    value = fields.get(name.lower())
    if value is None:
        return None
    if not isinstance(value, dict):
        mismatch(value, f"Go struct field {target}.{name} of type map[string]string")
    for item in value.values():
        if item is not None and not isinstance(item, str):
            mismatch(item, f"Go struct field {target}.{name} of type string")
    return {key: item if isinstance(item, str) else "" for key, item in value.items()}
