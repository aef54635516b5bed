"""Fields that are for the app alone: masked in the record of hops, and in what is told from it. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final, cast

from pydantic import BaseModel, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

__all__ = ["MASK", "Masking", "Sensitive", "is_marked", "masked_by_name"]

MASK: Final = "***"
SHORTEST: Final = 3
"""Texts with fewer characters are not looked for in others: they would be found everywhere."""
CUT: Final = "..."
"""Where pydantic leaves out the middle of what it quotes."""


class Masking:
    """Given as the context of a serialization, it masks what is sensitive, and knows then what that was."""

    def __init__(self) -> None:
        self._found: list[str] = []

    def take(self, value: object) -> str:
        """What stands in the place of `value`."""
        self._found += [text for text in _texts(value) if len(text) >= SHORTEST]
        return MASK

    def masked(self, text: str) -> str:
        """`text` without the values that were found, as in the message of an exception: as they are, as
        Python and JSON write them, and cut short as pydantic does.
        """
        forms = sorted({form for each in self._found for form in _forms(each)}, key=len, reverse=True)
        for form in forms:
            text = text.replace(form, MASK)
        head, *rest = text.split(CUT)
        for part in rest:
            head = f"{_without_beginning(head, forms)}{CUT}{_without_end(part, forms)}"
        return head


class Sensitive:
    """Marks a field of an event's data as for the app alone: `email: Annotated[str, Sensitive()]`.

    The event itself has it as it is, on the broker and in the handlers. In the record of hops, and in what is
    told from it, it is `***`.
    """

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """For pydantic: the field as it is, but where it is written for others."""
        schema: dict[str, Any] = {**handler(source)}
        schema["serialization"] = core_schema.wrap_serializer_function_ser_schema(_written, info_arg=True)
        return cast("CoreSchema", schema)


def is_marked(schema: Mapping[str, Any]) -> bool:
    """Whether this part of a core schema is what `Sensitive` has put there."""
    return schema.get("function") is _written


def masked_by_name(value: object, names: Collection[str], masking: Masking) -> object:
    """A value of JSON that is of no model, with each member masked that has one of these names."""
    if isinstance(value, Mapping):
        return {
            name: masking.take(member) if name in names else masked_by_name(member, names, masking)
            for name, member in value.items()
        }
    if isinstance(value, list):
        return [masked_by_name(member, names, masking) for member in value]
    return value


def _forms(text: str) -> Iterator[str]:
    """How `text` stands in a message."""
    yield text
    yield repr(text)[1:-1]
    yield repr(f'{text}"')[1:-2]  # between single quotes, whatever is in it
    yield json.dumps(text)[1:-1]


def _without_beginning(text: str, forms: Iterable[str]) -> str:
    """`text` without the beginning of a value at its end, where it was cut off."""
    for form in forms:
        for length in range(min(len(form), len(text)), SHORTEST - 1, -1):
            if text.endswith(form[:length]):
                return text[:-length] + MASK
    return text


def _without_end(text: str, forms: Iterable[str]) -> str:
    """`text` without the end of a value at its beginning."""
    for form in forms:
        for length in range(min(len(form), len(text)), SHORTEST - 1, -1):
            if text.startswith(form[-length:]):
                return MASK + text[length:]
    return text


def _texts(value: object) -> Iterator[str]:
    """`value` as text and as Python writes it, and each part of it. What many fields hold says nothing."""
    if value is None or isinstance(value, bool):
        return
    yield str(value)
    if not isinstance(value, str):
        yield repr(value)
    if isinstance(value, BaseModel):
        value = value.__dict__
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple | set | frozenset):
        for part in value:
            yield from _texts(part)


def _written(
    value: object,
    serialize: core_schema.SerializerFunctionWrapHandler,
    info: core_schema.SerializationInfo[Any],
) -> Any:
    context = info.context
    return context.take(value) if isinstance(context, Masking) else serialize(value)
