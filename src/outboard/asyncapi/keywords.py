"""What single keywords of a JSON schema allow that another schema does not. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, TypeAlias

from outboard.asyncapi.alternatives import Alternative, CannotCompare, Schema, key_of

__all__ = [
    "BOUNDS",
    "RULES",
    "Part",
    "SchemaMisfit",
    "constants",
    "number_misfits",
    "says",
    "shown",
    "size_misfits",
    "text_misfits",
    "type_misfits",
    "unknown_misfits",
    "value_misfits",
]

Part: TypeAlias = Mapping[str, Any]

RULES: Final[Mapping[str, str]] = {
    "type": "a type is no longer the same, or a wider one",
    "enum": "a value that is none of those named",
    "alternative": "none of the alternatives (`anyOf`, `oneOf`) takes it",
    "required": "a field that has to be there may be missing",
    "field": "a field that is not to be there may be",
    "constraint": "a bound, a length, a number of items or a multiple that is not kept",
    "pattern": "a text without the pattern",
    "format": "a text without the format",
    "not-comparable": "keywords of which nothing can be told for certain",
}

ANNOTATIONS: Final = frozenset(
    {"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "discriminator",
     "externalDocs", "contentEncoding", "contentMediaType", "contentSchema", "definitions", "$id", "$schema",
     "$comment", "$defs", "$anchor"}
)  # fmt: skip
KNOWN: Final = frozenset(
    {"type", "enum", "const", "allOf", "anyOf", "oneOf", "required", "properties", "additionalProperties",
     "items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems", "minLength",
     "maxLength", "pattern", "format", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
     "multipleOf", "minProperties", "maxProperties"}
)  # fmt: skip
BOUNDS: Final = {
    "string": (("minLength", 1), ("maxLength", -1)),
    "array": (("minItems", 1), ("maxItems", -1)),
    "object": (("minProperties", 1), ("maxProperties", -1)),
}
NEVER: Final = frozenset({"unevaluatedItems", "unevaluatedProperties", "$dynamicRef", "$recursiveRef"})
"""Keywords that depend on what stands beside them."""
GROUPS: Final = (("if", "then", "else"), ("contains", "minContains", "maxContains"))
"""Keywords that mean something together only."""


@dataclass(frozen=True, slots=True)
class SchemaMisfit:
    """What a writer may write that a reader refuses: where, by which of `RULES`, and in words."""

    path: str
    rule: str
    text: str


def says(schema: Schema) -> bool:
    """Whether it refuses anything, as far as its keywords tell."""
    if isinstance(schema, bool):
        return not schema
    return any(name not in ANNOTATIONS and not name.startswith("x-") for name in schema)


def type_misfits(writer: Alternative, reader: Part, path: str) -> Iterator[SchemaMisfit]:
    told = reader.get("type")
    if told is None:
        return
    names = [told] if isinstance(told, str) else list(told)
    if writer.type not in names and not (writer.type == "integer" and "number" in names):
        yield SchemaMisfit(path, "type", f"{shown(writer)} is not {' or '.join(names)}")


def value_misfits(writer: Alternative, reader: Part, path: str) -> Iterator[SchemaMisfit]:
    named = [reader["enum"]] if "enum" in reader else []
    for values in [*named, [reader["const"]]] if "const" in reader else named:
        if writer.type == "null" and None in values:
            continue
        if not writer.value:
            allowed = ", ".join(key_of(each) for each in values[:5])
            yield SchemaMisfit(path, "enum", f"{shown(writer)} need not be one of {allowed}")
        elif key_of(writer.value[0]) not in map(key_of, values):
            yield SchemaMisfit(path, "enum", f"{shown(writer)} is none of the values")


def unknown_misfits(writer: Alternative, reader: Part, path: str) -> Iterator[SchemaMisfit]:
    """Keywords of which nothing is known: fine where one part of the writer has the very same."""
    names = [name for name in reader if name not in KNOWN | ANNOTATIONS and not name.startswith("x-")]
    for name in names:
        group = next((each for each in GROUPS if name in each), (name,))
        if name in NEVER or not any(_have_same(part, reader, group) for part in writer.parts):
            yield SchemaMisfit(path, "not-comparable", f"`{name}` is not compared")
    if "patternProperties" in reader and "additionalProperties" in reader and writer.type == "object":
        text = "`additionalProperties` beside `patternProperties` is not compared"
        yield SchemaMisfit(path, "not-comparable", text)


def _have_same(part: Part, reader: Part, names: Sequence[str]) -> bool:
    return all(
        (name in part) == (name in reader)
        and (name not in part or (_is_plain(reader[name]) and key_of(part[name]) == key_of(reader[name])))
        for name in names
    )


def _is_plain(value: object) -> bool:
    """Whether nothing in it refers to another part of its document."""
    if isinstance(value, Mapping):
        return "$ref" not in value and all(map(_is_plain, value.values()))
    return not isinstance(value, list) or all(map(_is_plain, value))


def size_misfits(writer: Alternative, reader: Part, path: str) -> Iterator[SchemaMisfit]:
    for name, sign in BOUNDS[writer.type]:
        if name not in reader or (sign > 0 and reader[name] <= 0):
            continue
        own = [len(writer.value[0])] if writer.value else [*writer.all(name), *_counted(writer, name)]
        if not any(sign * each >= sign * reader[name] for each in own):
            yield SchemaMisfit(path, "constraint", f"{name} {reader[name]} is not kept")


def _counted(writer: Alternative, name: str) -> Iterator[int]:
    """How many fields there are at least."""
    if name == "minProperties":
        yield len({each for names in writer.all("required") for each in names})


def text_misfits(writer: Alternative, reader: Part, path: str) -> Iterator[SchemaMisfit]:
    for name in ("pattern", "format"):
        if name in reader and reader[name] not in writer.all(name):
            yield SchemaMisfit(path, name, f"{name} {reader[name]!r} is not kept")


def number_misfits(writer: Alternative, reader: Part, path: str) -> Iterator[SchemaMisfit]:
    for plain, exclusive, sign in (("minimum", "exclusiveMinimum", 1), ("maximum", "exclusiveMaximum", -1)):
        own = _bounds(writer, plain, exclusive)
        for name, is_strict in ((plain, False), (exclusive, True)):
            if name in reader and not any(
                sign * bound > sign * _exact(reader[name])
                or (bound == _exact(reader[name]) and (strict or not is_strict))
                for bound, strict in own
            ):
                yield SchemaMisfit(path, "constraint", f"{name} {reader[name]} is not kept")
    if "multipleOf" in reader:
        step = _exact(reader["multipleOf"])
        own_steps = [_exact(each) for each in (*writer.all("multipleOf"), *writer.value)]
        own_steps += [Fraction(1)] if writer.type == "integer" else []
        if not any((each / step).denominator == 1 for each in own_steps):
            yield SchemaMisfit(path, "constraint", f"multipleOf {reader['multipleOf']} is not kept")


def _bounds(writer: Alternative, plain: str, exclusive: str) -> list[tuple[Fraction, bool]]:
    """Each bound of the writer, and whether it is itself excluded."""
    if writer.value:
        return [(_exact(writer.value[0]), False)]
    return [(_exact(each), False) for each in writer.all(plain)] + [
        (_exact(each), True) for each in writer.all(exclusive)
    ]


def _exact(number: float) -> Fraction:
    """Raises CannotCompare for a bound that is none, as `exclusiveMinimum: true` of old drafts."""
    if not isinstance(number, bool) and math.isfinite(number):
        return Fraction(number)
    raise CannotCompare(f"{number} is no bound")


def constants(writer: Alternative) -> Mapping[str, object]:
    """The fields of an object that have one value only, as those by which alternatives are told apart."""
    named = [pair for properties in writer.all("properties") for pair in properties.items()]
    return {name: each["const"] for name, each in named if isinstance(each, Mapping) and "const" in each}


def shown(writer: Alternative) -> str:
    if writer.value:
        text = key_of(writer.value[0])
    elif fields := ", ".join(f"{name} {key_of(value)}" for name, value in constants(writer).items()):
        text = f"{writer.type} with {fields}"
    else:
        text = writer.type
    return text if len(text) <= 60 else f"{text[:57]}..."
