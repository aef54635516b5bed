"""Request bodies read as Go reads them: the first JSON value, and its words for what is wrong."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Final, NoReturn

from outboard.gojson.jsonsyntax import MAX_DEPTH, syntax_error
from outboard.gojson.rawjson import well_formed
from outboard.gojson.utf8 import text_of
from outboard.gojson.values import Json, kind

__all__ = [
    "DecodeError",
    "decode",
    "first_value",
    "fold",
    "in_order",
    "integer",
    "mismatch",
    "strings",
    "text",
]

SPACE: Final = " \t\n\r"
ANY_NUMBERS: Final = json.JSONDecoder()
LONGEST_INTEGER: Final = 300  # digits; any of them is a 64-bit float, which is what Go reads numbers into


class DecodeError(ValueError):
    """The body is not what is wanted; the text is worded as Go's."""


class _TooLarge(Exception):
    """A number that no 64-bit float holds."""


def decode(body: bytes, numbers: str = "Go value") -> Json:
    """The first JSON value of `body`. `numbers` is what Go would read one into, for the message of one that
    is too large. Raises DecodeError.
    """
    try:
        value = first_value(body, DECODER)
    except _TooLarge as error:
        raise DecodeError(f"json: cannot unmarshal number {error} into {numbers} of type float64") from error
    except ValueError as error:
        raise DecodeError(syntax_error(body) or MAX_DEPTH) from error
    if isinstance(value, int | float) and (problem := syntax_error(body)):
        raise DecodeError(problem)  # of `1e` Python reads the 1
    return value


def first_value(body: bytes, decoder: json.JSONDecoder = ANY_NUMBERS) -> Json:
    """The first JSON value of `body`; what follows is ignored, as Go's `Decoder` does.

    Raises ValueError, and what `decoder` raises.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        text = text_of(body)
    if "\\u" in text:
        text = well_formed(text)
    try:
        value: Json = decoder.raw_decode(text.lstrip(SPACE))[0]
    except RecursionError as error:
        raise ValueError(MAX_DEPTH) from error
    return value


def _integer(digits: str) -> int | float:
    if len(digits) < LONGEST_INTEGER and digits != "-0":  # which Python has only as a float
        return int(digits)
    return _float(digits)


def _float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise _TooLarge(digits)
    return number


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


DECODER: Final = json.JSONDecoder(parse_int=_integer, parse_float=_float, parse_constant=_refuse)


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


def in_order(fields: Mapping[str, Json], readers: Mapping[str, Callable[[], object]]) -> None:
    """Call the readers of the members that are there in the order of the body.

    Where several are wrong, Go tells of the first; so whoever reads more than one calls this before.
    """
    for name in fields:
        if name in readers:
            readers[name]()


def integer(fields: Mapping[str, Json], name: str, target: str) -> int:
    """A whole number, 0 where it is absent or null. Raises DecodeError."""
    value = fields.get(name.lower())
    if value is None:
        return 0
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    written = f"number {value}" if isinstance(value, float) else kind(value)
    raise DecodeError(f"json: cannot unmarshal {written} into Go struct field {target}.{name} of type int")


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
