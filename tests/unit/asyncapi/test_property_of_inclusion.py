"""Where comparing two schemas finds nothing, no value is valid under the first and refused by the second.

Schemas and values are of a small world, so that each example looks at all values of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, Final

import jsonschema
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from outboard.asyncapi.inclusion import misfits

SCALARS: Final[list[Any]] = [None, True, False, -1, 0, 1, 2, 3, 0.5, 1.5, "", "a", "bb", "2026-01-01"]
FEW: Final[list[Any]] = [None, 1, 2, "a"]
ARRAYS: Final[list[Any]] = [
    [],
    *([one] for one in SCALARS[:10]),
    *map(list, itertools.product(FEW, FEW)),
    [1, 1, 1],
]
OBJECTS: Final[list[Any]] = [
    {},
    *({name: value} for name in "abc" for value in FEW),
    *({"a": one, "b": two} for one in FEW for two in FEW),
    {"a": 1, "b": 2, "c": "a"},
    *({"a": value} for value in ([], [1], ["a"], {}, {"a": 1}, {"a": "a"}, {"b": 1}, {"a": {"a": 1}})),
]
WORLD: Final = [*SCALARS, *ARRAYS, *OBJECTS]
ANY_MACHINE: Final = [HealthCheck.filter_too_much, HealthCheck.too_slow, HealthCheck.data_too_large]
"""Many pairs of schemas do not fit, and are no examples; some are too large."""
TYPES: Final = ("null", "boolean", "integer", "number", "string", "array", "object")
DEFINITIONS: Final[Mapping[str, Any]] = {
    "Text": {"type": "string", "minLength": 1},
    "Tree": {"type": "object", "properties": {"a": {"$ref": "#/definitions/Tree"}, "b": {"type": "integer"}}},
    "Either": {"oneOf": [{"type": "integer"}, {"$ref": "#/definitions/Text"}]},
}

types = st.one_of(
    st.sampled_from(TYPES), st.lists(st.sampled_from(TYPES), min_size=1, max_size=3, unique=True)
)
small = st.integers(min_value=0, max_value=3)
bound = st.sampled_from([-1, 0, 1, 2, 0.5])
names = st.sampled_from(["a", "b", "c"])


def keywords(schemas: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    optional: dict[str, st.SearchStrategy[Any]] = {
        "type": types,
        "enum": st.lists(st.sampled_from(WORLD), min_size=1, max_size=4),
        "const": st.sampled_from(WORLD),
        "minimum": bound,
        "maximum": bound,
        "exclusiveMinimum": bound,
        "exclusiveMaximum": bound,
        "multipleOf": st.sampled_from([1, 2, 0.5]),
        "minLength": small,
        "maxLength": small,
        "pattern": st.sampled_from(["^a", "b"]),
        "items": st.one_of(schemas, st.lists(schemas, min_size=1, max_size=2)),
        "additionalItems": schemas,
        "minItems": small,
        "maxItems": small,
        "uniqueItems": st.booleans(),
        "contains": schemas,
        "required": st.lists(names, max_size=2, unique=True),
        "properties": st.dictionaries(names, schemas, max_size=2),
        "additionalProperties": schemas,
        "patternProperties": st.dictionaries(st.sampled_from(["^a", "c"]), schemas, max_size=1),
        "propertyNames": st.sampled_from([{"maxLength": 1}, {"enum": ["a", "b"]}]),
        "minProperties": small,
        "maxProperties": small,
        "allOf": st.lists(schemas, min_size=1, max_size=2),
        "anyOf": st.lists(schemas, min_size=1, max_size=3),
        "oneOf": st.lists(schemas, min_size=1, max_size=3),
        "not": schemas,
        "if": schemas,
        "then": schemas,
        "title": st.just("T"),
    }

    @st.composite
    def some(draw: st.DrawFn) -> dict[str, Any]:
        chosen = draw(st.lists(st.sampled_from(sorted(optional)), max_size=4, unique=True))
        return {name: draw(optional[name]) for name in chosen}

    return some()


references = st.sampled_from([{"$ref": f"#/definitions/{name}"} for name in DEFINITIONS])
leaves = st.one_of(st.booleans(), st.builds(lambda name: {"type": name}, types), references)
schemas = st.recursive(leaves, keywords, max_leaves=6)


@st.composite
def edited(draw: st.DrawFn, schema: Any) -> Any:
    """Another schema that is near: most keywords of most schemas are as they were."""
    choice = draw(st.integers(min_value=0, max_value=9))
    if choice == 0:
        return draw(schemas)
    if choice == 1:
        return {"anyOf": [schema, draw(schemas)]}
    if not isinstance(schema, dict):
        return schema
    found = dict(schema)
    if choice <= 4 and found:
        del found[draw(st.sampled_from(sorted(found)))]
    elif choice == 5:
        more = draw(keywords(schemas))
        found |= more if isinstance(more, dict) else {}
    elif found:
        name = draw(st.sampled_from(sorted(found)))
        found[name] = draw(edited_value(name, found[name]))
    return found


@st.composite
def edited_value(draw: st.DrawFn, name: str, value: Any) -> Any:
    if name in ("allOf", "anyOf", "oneOf", "items") and isinstance(value, list):
        return [draw(edited(each)) for each in value]
    if name in ("items", "additionalItems", "additionalProperties", "contains", "not", "if", "then"):
        return draw(edited(value))
    if name == "properties":
        return {key: draw(edited(each)) for key, each in value.items()}
    if isinstance(value, int | float) and not isinstance(value, bool) and name != "multipleOf":
        return (
            max(0, value + draw(st.sampled_from([-1, 1])))
            if name.startswith("m") and "um" not in name
            else value + 1
        )
    if name in ("enum", "required") and isinstance(value, list) and len(value) > 1:
        return value[:-1]
    return value


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Any, Any]:
    one = draw(schemas)
    other = draw(edited(one))
    return (one, other) if draw(st.booleans()) else (other, one)


def whole(schema: Any) -> Any:
    return {"allOf": [_with_lists(schema)], "definitions": DEFINITIONS}


def _with_lists(schema: Any) -> Any:
    """`additionalItems` only beside a list: elsewhere it says nothing, and the validator fails at it."""
    if isinstance(schema, list):
        return [_with_lists(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    drop = "items" in schema and not isinstance(schema["items"], list)
    return {
        name: value if name in ("enum", "const") else _with_lists(value)
        for name, value in schema.items()
        if name != "additionalItems" or not drop
    }


@settings(max_examples=250, deadline=None, suppress_health_check=ANY_MACHINE)
@given(pairs())
def test_what_is_found_to_fit_is_never_refused(pair: tuple[Any, Any]) -> None:
    writer, reader = map(whole, pair)
    found = misfits(writer, writer, reader, reader)
    event("fits" if not found else "does not fit")
    assume(not found)
    writes, reads = jsonschema.Draft7Validator(writer), jsonschema.Draft7Validator(reader)
    refused = [value for value in WORLD if writes.is_valid(value) and not reads.is_valid(value)]
    assert refused == []


@settings(max_examples=100, deadline=None, suppress_health_check=ANY_MACHINE)
@given(schemas)
def test_a_schema_fits_itself(schema: Any) -> None:
    assert misfits(whole(schema), whole(schema), whole(schema), whole(schema)) == []
