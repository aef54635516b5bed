"""JSON Schema, draft 7, as values, and what is written often. Pure.

Source: "JSON Schema: A Media Type for Describing JSON Documents", draft-07. `errorMessage`,
`patternErrorMessage` and `markdownEnumDescriptions` are additions that YAML language servers read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

__all__ = [
    "ANY_CASE_PLACEHOLDER",
    "DRAFT",
    "JsonSchema",
    "any_case",
    "closed",
    "has_item",
    "list_of",
    "map_of",
    "named",
    "one_of_words",
    "reference",
    "text",
    "whole",
]

JsonSchema: TypeAlias = "Mapping[str, object]"

DRAFT: Final = "http://json-schema.org/draft-07/schema#"
ANY_CASE_PLACEHOLDER: Final = r"\{\{|\$\{|\$\(|^\$\w+$|#\{|<[^<>]+>|^\{\w+\}$|^__\w+__$|^%\w+%$"
"""What a program puts a value in the place of, before daprd sees it: as an expression of ECMA 262."""

SPECIAL: Final = frozenset(r"^$.*+?()[]{}|\/")
"""What has to be escaped in an expression, and, with its flag `u`, what alone may be."""


def text(description: str = "", **more: object) -> JsonSchema:
    """A string."""
    return {"type": "string", **({"description": description} if description else {}), **more}


def one_of_words(words: Sequence[str], description: str = "") -> JsonSchema:
    """One of these strings."""
    return {"enum": list(words), **({"description": description} if description else {})}


def list_of(item: JsonSchema, description: str = "") -> JsonSchema:
    """A list, or nothing."""
    return {
        "type": ["array", "null"],
        **({"description": description} if description else {}),
        "items": item,
    }


def map_of(value: JsonSchema, description: str = "") -> JsonSchema:
    """A mapping whose keys are the author's, or nothing."""
    return {
        "type": ["object", "null"],
        **({"description": description} if description else {}),
        "additionalProperties": value,
    }


def closed(
    properties: Mapping[str, JsonSchema],
    required: Iterable[str] = (),
    description: str = "",
    more: JsonSchema | None = None,
) -> JsonSchema:
    """A mapping that has no other keys than `properties`; `more` is added to its schema."""
    needed = list(required)
    return {
        "type": "object",
        **({"description": description} if description else {}),
        "properties": dict(properties),
        **({"required": needed} if needed else {}),
        "additionalProperties": False,
        **(more or {}),
    }


def reference(name: str) -> JsonSchema:
    """The definition of this name."""
    return {"$ref": f"#/definitions/{name}"}


def whole(title: str, root: JsonSchema, definitions: Mapping[str, JsonSchema]) -> JsonSchema:
    """A schema that stands alone."""
    return {"$schema": DRAFT, "title": title, **root, "definitions": dict(definitions)}


def any_case(words: Iterable[str]) -> str:
    """An expression that takes these words alone, in any case."""
    return f"^(?:{'|'.join(map(_any_case, words))})$"


def named(words: Iterable[str]) -> JsonSchema:
    """An item whose `name` is one of these words, in any case."""
    return {"properties": {"name": {"pattern": any_case(words)}}, "required": ["name"]}


def has_item(words: Sequence[str], message: str) -> JsonSchema:
    """A list with an item whose `name` is one of these words; `message` is what is said of another."""
    return {"contains": named(words), "errorMessage": message}


def _any_case(word: str) -> str:
    return "".join(map(_letter_in_any_case, word))


def _letter_in_any_case(letter: str) -> str:
    if letter.isalpha():
        return f"[{letter.lower()}{letter.upper()}]"
    return f"\\{letter}" if letter in SPECIAL else letter
