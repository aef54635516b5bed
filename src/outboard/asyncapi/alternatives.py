"""A JSON schema taken apart: the alternatives of which a value is one, each of one type. Pure.

Source: JSON Schema, draft-07 (that of AsyncAPI 3) and 2020-12 (that of pydantic).
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, TypeAlias

__all__ = [
    "TYPES",
    "Alternative",
    "CannotCompare",
    "Schema",
    "alternatives",
    "checked",
    "key_of",
    "resolved",
    "type_of",
]

Schema: TypeAlias = Mapping[str, Any] | bool

TYPES: Final = ("null", "boolean", "integer", "number", "string", "array", "object")
NUMBER: Final = (int, float)
CHOICES: Final = ("allOf", "anyOf", "oneOf")
MAPS: Final = ("properties", "patternProperties")
KINDS: Final[Mapping[str, Any]] = {
    **dict.fromkeys((*CHOICES, "enum", "required", "prefixItems"), list),
    **dict.fromkeys(MAPS, Mapping),
    **dict.fromkeys(("additionalProperties", "additionalItems"), (Mapping, bool)),
    **dict.fromkeys(("pattern", "format"), str),
    **dict.fromkeys(
        ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), NUMBER
    ),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"), NUMBER),
    "type": (str, list),
    "items": (Mapping, bool, list),
}
"""Which types of values keywords have; True of old drafts is a number here, and told where it is compared."""
MOST: Final = 256
"""Alternatives of one schema that are looked at."""
TOO_MANY: Final = "it is a choice among too many alternatives"


class CannotCompare(Exception):
    """Nothing can be told of a schema for certain: why not."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """Values of one type that fulfil all of `parts`, schemas without a choice in them.

    "number" stands for those that are not whole: a number is of one of two alternatives. `value` is a tuple
    with the only value that there is, empty where there may be others.
    """

    type: str
    parts: tuple[Mapping[str, Any], ...]
    value: tuple[Any, ...] = ()

    def all(self, keyword: str) -> list[Any]:
        """What its parts say by a keyword."""
        return [part[keyword] for part in self.parts if keyword in part]


def resolved(schema: Schema, root: Mapping[str, Any]) -> Schema:
    """`schema`, or what it refers to in the document `root`. Raises CannotCompare for a
    circle, and where there is nothing.
    """
    for _ in range(MOST):
        given: object = schema
        if not isinstance(given, Mapping | bool):
            raise CannotCompare(f"{given!r} stands where a mapping should")
        if isinstance(schema, bool) or "$ref" not in schema:
            return schema
        schema = _at(str(schema["$ref"]), root)
    raise CannotCompare("it refers to itself without end")


def checked(schema: Schema) -> Schema:
    """`schema`. Raises CannotCompare for a keyword whose value is of no type that it may have."""
    for name, value in {} if isinstance(schema, bool) else schema.items():
        kinds = KINDS.get(name, object)
        if not isinstance(value, kinds) or (name in MAPS and not all(map(_is_schema, value.values()))):
            raise CannotCompare(f"`{name}` is {value!r}, which it cannot be")
        if name in CHOICES and not all(map(_is_schema, value)):
            raise CannotCompare(f"`{name}` has a member that is no schema")
    return schema


def _is_schema(value: object) -> bool:
    return isinstance(value, Mapping | bool)


def alternatives(schemas: Sequence[Schema], root: Mapping[str, Any]) -> list[Alternative]:
    """Those of values that fulfil all of `schemas`. Raises CannotCompare.

    Values that are of none of them fulfil not all; one of an alternative may still fulfil not all of them.
    """
    found: list[Alternative] = []
    for parts in _parts(list(schemas), root, ()):
        found += _typed(parts)
        if len(found) > MOST:
            raise CannotCompare(TOO_MANY)
    return found


def _parts(
    schemas: list[Schema], root: Mapping[str, Any], done: tuple[Mapping[str, Any], ...]
) -> Iterator[tuple[Mapping[str, Any], ...]]:
    """Each way to choose among `anyOf` and `oneOf`, as the schemas that hold then."""
    if len(done) > MOST:
        raise CannotCompare(TOO_MANY)
    if not schemas:
        yield done
        return
    first, rest = checked(resolved(schemas[0], root)), schemas[1:]
    if first is False:
        return
    if first is True:
        yield from _parts(rest, root, done)
        return
    assert not isinstance(first, bool)
    own = {name: value for name, value in first.items() if name not in ("allOf", "anyOf", "oneOf")}
    choices = [first[name] for name in ("anyOf", "oneOf") if name in first]
    for chosen in itertools.islice(itertools.product(*choices), MOST + 1):
        yield from _parts([*first.get("allOf", ()), *chosen, *rest], root, (*done, own))


def _typed(parts: tuple[Mapping[str, Any], ...]) -> Iterator[Alternative]:
    for values in _values(parts):
        if values is None:
            for name in TYPES:
                if all(_allows(part, name) for part in parts):
                    yield Alternative(name, parts)
        else:
            name = type_of(values[0])
            if all(_allows(part, name) for part in parts):
                yield Alternative(name, parts, values)


def _values(parts: tuple[Mapping[str, Any], ...]) -> Iterator[tuple[Any, ...] | None]:
    """The values that all parts name; None where they name none."""
    named = [
        part["enum"] if "enum" in part else [part["const"]] for part in parts if {"enum", "const"} & {*part}
    ]
    both = [[part["const"]] for part in parts if "enum" in part and "const" in part]
    if not named:
        yield None
        return
    keys = [{key_of(value) for value in values} for values in (*named[1:], *both)]
    for value in named[0]:
        if all(key_of(value) in each for each in keys):
            yield (value,)


def _allows(part: Mapping[str, Any], name: str) -> bool:
    told = part.get("type")
    if told is None:
        return True
    names = [told] if isinstance(told, str) else told
    return name in names or (name == "integer" and "number" in names)


def type_of(value: object) -> str:
    """The type of a value of JSON; a number without a fraction is an integer.

    Raises CannotCompare for what is none, such as a date in YAML.
    """
    match value:
        case float() if not math.isfinite(value):
            raise CannotCompare(f"{value!r} is no value of JSON")
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "integer" if value == int(value) else "number"
        case str():
            return "string"
        case list() | tuple():
            return "array"
        case Mapping():
            return "object"
    raise CannotCompare(f"{value!r} is no value of JSON")


def key_of(value: object) -> str:
    """A text that two values of JSON have in common if they are equal, and only then: 1 and 1.0 are.

    Raises CannotCompare as `type_of`.
    """
    if type_of(value) in ("null", "boolean", "string"):
        return json.dumps(value)
    if isinstance(value, int | float):
        return str(Fraction(value))
    if isinstance(value, Mapping):
        return (
            "{" + ",".join(sorted(f"{json.dumps(name)}:{key_of(each)}" for name, each in value.items())) + "}"
        )
    assert isinstance(value, list | tuple)
    return "[" + ",".join(map(key_of, value)) + "]"


def _at(reference: str, root: Mapping[str, Any]) -> Schema:
    found: Any = root if reference.startswith("#") else None
    for name in reference.lstrip("#").split("/")[1:]:
        step = name.replace("~1", "/").replace("~0", "~")
        found = found.get(step) if isinstance(found, Mapping) else None
    if isinstance(found, Mapping | bool):
        return found
    raise CannotCompare(f"{reference} is not in the document")
