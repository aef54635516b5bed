"""Each change of a schema that there is a rule for: what a writer may write that a reader refuses."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from outboard.asyncapi.inclusion import is_same, misfits
from outboard.asyncapi.keywords import RULES


def obj(required: str = "", **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required.split()}


def closed(required: str = "", **properties: Any) -> dict[str, Any]:
    return {**obj(required, **properties), "additionalProperties": False}


TEXT = {"type": "string"}
INT = {"type": "integer"}
NUMBER = {"type": "number"}
NULL = {"type": "null"}
MAYBE = {"anyOf": [TEXT, NULL]}
PAIR = {"type": "array", "items": [INT, INT], "additionalItems": False}
CARD = closed("kind", kind={"const": "card"}, number=TEXT)
CASH = closed("kind", kind={"const": "cash"})

FITS = [
    pytest.param(INT, NUMBER, id="widened-type"),
    pytest.param(TEXT, {"type": ["string", "null"]}, id="nullable-reader"),
    pytest.param(TEXT, MAYBE, id="optional-reader"),
    pytest.param({"enum": ["a"]}, {"enum": ["a", "b"]}, id="enum-value-removed"),
    pytest.param({"const": "a"}, TEXT, id="const"),
    pytest.param(
        {"const": 3}, {"type": "integer", "minimum": 3, "exclusiveMaximum": 4}, id="const-in-bounds"
    ),
    pytest.param(closed("a b", a=TEXT, b=INT), obj("a", a=TEXT), id="required-field-added-by-the-writer"),
    pytest.param(closed("a", a=TEXT), obj("a", a=TEXT, b=INT), id="optional-field-of-the-reader"),
    pytest.param({**TEXT, "minLength": 2, "maxLength": 3}, {**TEXT, "minLength": 1}, id="tightened-writer"),
    pytest.param({**INT, "exclusiveMinimum": 0}, {**INT, "minimum": 0}, id="exclusive-bound"),
    pytest.param({**INT, "multipleOf": 4}, {**INT, "multipleOf": 2}, id="multiple"),
    pytest.param({**TEXT, "format": "uuid"}, TEXT, id="format-only-of-the-writer"),
    pytest.param({"type": "array", "items": INT}, {"type": "array", "items": NUMBER}, id="items"),
    pytest.param(PAIR, {"type": "array", "items": NUMBER}, id="tuple-to-list"),
    pytest.param(CARD, {"anyOf": [CARD, CASH]}, id="alternative-added-by-the-reader"),
    pytest.param({"oneOf": [CARD, CASH]}, {"oneOf": [CASH, CARD]}, id="one-of-told-apart-by-a-field"),
    pytest.param({"$ref": "#/definitions/Text"}, TEXT, id="reference"),
    pytest.param({"enum": list(range(999))}, {"enum": list(range(999))}, id="the-same-however-large"),
    pytest.param({**INT, "title": "A", "default": 1}, {**INT, "title": "B"}, id="annotations"),
]

DOES_NOT_FIT = [
    pytest.param(NUMBER, INT, "", "type", id="narrowed-type"),
    pytest.param(TEXT, INT, "", "type", id="other-type"),
    pytest.param(MAYBE, TEXT, "", "type", id="nullable-writer"),
    pytest.param({"enum": ["a", "b"]}, {"enum": ["a"]}, "", "enum", id="enum-value-added"),
    pytest.param(TEXT, {"const": "a"}, "", "enum", id="const"),
    pytest.param(closed(a=TEXT), obj("a", a=TEXT), "a", "required", id="required-field-removed"),
    pytest.param(closed("a", a=TEXT), obj("a b", a=TEXT, b=INT), "b", "required", id="required-field-added"),
    pytest.param(closed("a", a=TEXT), obj("a", a=INT), "a", "type", id="type-of-a-field"),
    pytest.param(closed("a b", a=TEXT, b=INT), closed("a", a=TEXT), "b", "field", id="no-other-fields"),
    pytest.param(obj("a", a=TEXT), closed("a", a=TEXT), "", "field", id="open-writer"),
    pytest.param(obj("a", a=TEXT), obj("a", a=TEXT, b=INT), "b", "type", id="open-writer-of-a-field"),
    pytest.param(TEXT, {**TEXT, "minLength": 1}, "", "constraint", id="length"),
    pytest.param({**INT, "minimum": 0}, {**INT, "exclusiveMinimum": 0}, "", "constraint", id="bound"),
    pytest.param(INT, {**INT, "multipleOf": 2}, "", "constraint", id="multiple"),
    pytest.param({"type": "array"}, {"type": "array", "maxItems": 2}, "", "constraint", id="number-of-items"),
    pytest.param({"type": "array"}, {"type": "array", "uniqueItems": True}, "", "constraint", id="unique"),
    pytest.param(TEXT, {**TEXT, "pattern": "^a"}, "", "pattern", id="pattern"),
    pytest.param(TEXT, {**TEXT, "format": "uuid"}, "", "format", id="format"),
    pytest.param(
        {"type": "array", "items": NUMBER}, {"type": "array", "items": INT}, "[]", "type", id="items"
    ),
    pytest.param(
        {"type": "array", "prefixItems": [TEXT]}, {"type": "array", "items": [INT]}, "[0]", "type", id="tuple"
    ),
    pytest.param({"anyOf": [CARD, CASH]}, CARD, "kind", "enum", id="alternative-added-by-the-writer"),
    pytest.param({"type": "boolean"}, {"anyOf": [TEXT, INT]}, "", "alternative", id="no-alternative"),
    pytest.param(closed("x", x={"$ref": "#/definitions/Text"}), obj(x=INT), "x", "type", id="reference"),
    pytest.param(TEXT, {"$ref": "#/definitions/Nothing"}, "", "not-comparable", id="dangling-reference"),
    pytest.param(TEXT, {"not": {"const": "a"}}, "", "not-comparable", id="not"),
    pytest.param(INT, {"oneOf": [INT, NUMBER]}, "", "not-comparable", id="one-of-not-told-apart"),
]


def found(writer: Any, reader: Any) -> list[tuple[str, str]]:
    root = {"definitions": {"Text": TEXT}}
    return [(each.path, each.rule) for each in misfits(writer, root, reader, root)]


@pytest.mark.parametrize(("writer", "reader"), FITS)
def test_fits(writer: Any, reader: Any) -> None:
    assert found(writer, reader) == []


@pytest.mark.parametrize(("writer", "reader", "path", "rule"), DOES_NOT_FIT)
def test_does_not_fit(writer: Any, reader: Any, path: str, rule: str) -> None:
    assert (path, rule) in found(writer, reader)


@pytest.mark.parametrize(
    ("writer", "reader", "places"),
    [
        (obj("a", a=TEXT), obj("a", a=TEXT, b=INT), []),
        (obj("a", a=TEXT), closed("a", a=TEXT), []),
        (obj("a", a=TEXT), obj("a b", a=TEXT, b=INT), ["b"]),
        (obj("a b", a=TEXT), obj("a", a=TEXT, b=INT), ["b"]),
        (obj("a", a=TEXT) | {"additionalProperties": True}, obj("a", a=TEXT, b=INT), ["b"]),
        (obj("a", a=TEXT) | {"patternProperties": {"^b": TEXT}}, obj("a", a=TEXT, b=INT), ["b"]),
        ({"type": "object"}, obj(b=INT), ["b"]),
        ({"allOf": [obj(a=TEXT), obj(b=INT)]}, {"allOf": [obj(a=TEXT), obj(b=INT, c=INT)]}, []),
    ],
)
def test_only_what_is_named_is_written(writer: Any, reader: Any, places: list[str]) -> None:
    assert [each.path for each in misfits(writer, {}, reader, {}, only_named=True)] == places


def test_each_rule_is_tried() -> None:
    assert {each.values[3] for each in DOES_NOT_FIT} == RULES.keys()


def test_schemas_that_contain_themselves() -> None:
    def tree(value: Any) -> dict[str, Any]:
        children = {"type": "array", "items": {"$ref": "#/$defs/Tree"}}
        return {"$defs": {"Tree": closed("value", value=value, children=children)}, "$ref": "#/$defs/Tree"}

    ints, numbers = tree(INT), tree(NUMBER)
    assert misfits(ints, ints, numbers, numbers) == []
    places = {each.path for each in misfits(numbers, numbers, ints, ints)}
    assert places == {"value", "children[].value"}
    assert is_same(ints, ints, tree(INT), tree(INT))
    assert not is_same(ints, ints, numbers, numbers)


def test_a_schema_that_may_contain_itself_is_told_once_at_each_place() -> None:
    def node(name: Any) -> dict[str, Any]:
        parent = {"anyOf": [{"$ref": "#/$defs/Node"}, NULL], "default": None}
        return {"$defs": {"Node": obj("name", name=name, parent=parent)}, "$ref": "#/$defs/Node"}

    texts, ints = node(TEXT), node(INT)
    assert [each.path for each in misfits(texts, texts, ints, ints)] == ["name", "parent.name"]


@pytest.mark.parametrize(
    "schema", [{"$ref": "#"}, {"allOf": [{"$ref": "#"}]}, {"anyOf": [{"$ref": "#"}, INT]}]
)
def test_what_refers_to_itself_without_end_is_not_compared(schema: Any) -> None:
    assert [each.rule for each in misfits(TEXT, TEXT, schema, schema)] == ["not-comparable"]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": 3},
        {"anyOf": 3},
        {"anyOf": [3]},
        {"properties": {"a": 3}},
        {"properties": [], "type": "object"},
        {"required": "a"},
        {"enum": [float("nan")]},
        {"const": date(2026, 1, 1)},
        {"minimum": float("inf"), "type": "integer"},
        {"minimum": "1"},
        {"items": 3},
        {"pattern": 3},
        {"$ref": "#/definitions/Odd"},
    ],
)
def test_what_is_no_schema_is_not_compared(schema: Any) -> None:
    root: dict[str, Any] = {"definitions": {"Odd": {"type": {}}}}
    for writer, reader in ((schema, {**INT, "minimum": 1}), (INT, schema), (TEXT, {"anyOf": [schema, INT]})):
        assert misfits(writer, root, reader, root) != []


def test_the_page_has_each_rule() -> None:
    page = (Path(__file__).parents[3] / "docs/reference/asyncapi.md").read_text("utf-8")
    told = re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE)
    assert told == [*RULES]
