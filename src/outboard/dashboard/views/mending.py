"""Data that a person has mended, of which some parts were masked when it was shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from outboard.gojson.values import Json
from outboard.wire.sensitive import MASK

__all__ = ["MendedWrongly", "has_mask", "indented", "mended"]

NOTHING: Final = object()


class MendedWrongly(ValueError):
    """What was written cannot be the data of an event."""


def mended(text: str, shown: str | None, original: Json) -> Json:
    """The data that `text` is, JSON: where it still has the mask that `shown` had in that place, with what
    `original` has there.

    Raises MendedWrongly for what is no JSON, and for a mask in another place: nobody knows what is meant.
    """
    try:
        written: Json = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MendedWrongly(f"the data is no JSON: {error}") from error
    try:
        masked = json.loads(shown) if shown else None
    except ValueError:
        masked = None
    return _filled(written, masked, original, "")


def has_mask(text: str | None) -> bool:
    """Whether any part of JSON text is masked."""
    return bool(text) and f'"{MASK}"' in str(text)


def indented(text: str) -> str:
    """JSON over several lines; what is none, as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def _filled(written: Json, shown: object, original: object, path: str) -> Json:
    if written == MASK:
        if shown != MASK or original is NOTHING:
            raise MendedWrongly(f"{path or 'the data'} is {MASK}: write what is meant")
        return original  # type: ignore[return-value]
    if isinstance(written, dict):
        return {
            name: _filled(each, _at(shown, name), _at(original, name), f"{path}.{name}".lstrip("."))
            for name, each in written.items()
        }
    if isinstance(written, list):
        return [
            _filled(each, _at(shown, number), _at(original, number), f"{path}[{number}]")
            for number, each in enumerate(written)
        ]
    return written


def _at(value: object, place: str | int) -> object:
    if isinstance(value, Mapping):
        return value.get(str(place), NOTHING)
    if isinstance(value, list) and isinstance(place, int) and place < len(value):
        return value[place]
    return NOTHING
