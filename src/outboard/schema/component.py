"""Components, as JSON Schema: of one type, or of any. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from outboard.facts.catalogue import Catalogue
from outboard.schema.keywords import ANY_CASE_PLACEHOLDER, JsonSchema, closed, list_of, reference, text
from outboard.schema.metadata import metadata_schema, needs_metadata
from outboard.schema.resources import AUTH, ITEM, METADATA, SCOPES, VERSION_1

__all__ = ["component_definitions", "component_schema"]

CATEGORIES: Final = {
    "bindings": "supported-bindings",
    "configuration": "supported-configuration-stores",
    "conversation": "supported-conversation",
    "crypto": "supported-cryptography",
    "lock": "supported-locks",
    "middleware": "supported-middleware",
    "nameresolution": "supported-name-resolution",
    "pubsub": "supported-pubsub",
    "secretstores": "supported-secret-stores",
    "state": "supported-state-stores",
}
UNKNOWN: Final = "There is no such type of component."
REFERENCE: Final = "https://docs.dapr.io/reference/components-reference/"


def component_schema(types: Iterable[str]) -> JsonSchema:
    """A component of one of these types, of which `component_definitions` has what each takes."""
    named = sorted(types)
    spec = closed(
        {
            "type": {
                "anyOf": [
                    {"enum": named, "errorMessage": UNKNOWN},
                    {"type": "string", "pattern": f"pluggable|custom|{ANY_CASE_PLACEHOLDER}"},
                ],
                "description": "What the component is.",
            },
            "version": text("Of the type; `v1` where it is left out."),
            "initTimeout": text("How long it may take to start; default 5s.", examples=["30s"]),
            "ignoreErrors": {"type": "boolean", "description": "Go on without it where it fails to start."},
            "metadata": list_of(ITEM, "The fields of the type."),
        },
        ["type"],
        more={"allOf": [_if_type(each) for each in named]},
    )
    properties = {"apiVersion": {"const": VERSION_1}, "kind": {"const": "Component"}, "metadata": METADATA}
    return closed(
        {**properties, "spec": spec, "auth": AUTH, "scopes": SCOPES},
        ["apiVersion", "kind", "metadata", "spec"],
    )


def component_definitions(catalogue: Catalogue, types: Iterable[str]) -> dict[str, JsonSchema]:
    """What each of these types takes beside what all components do, by the name of the type."""
    return {each: _of_type(catalogue, each) for each in types}


def _if_type(type_: str) -> JsonSchema:
    return {
        "if": {"properties": {"type": {"const": type_}}, "required": ["type"]},
        "then": reference(type_),
    }


def _of_type(catalogue: Catalogue, type_: str) -> JsonSchema:
    versions = catalogue.versions(type_)
    found = [facts for each in versions if (facts := catalogue.find(type_, each)) is not None]
    if not found:
        return {}
    category = type_.partition(".")[0]
    page = f"{REFERENCE}{CATEGORIES[category]}/" if category in CATEGORIES else REFERENCE
    described = {
        "enum": list(versions),
        "description": f"The version of {type_}: [reference]({page}).",
        "errorMessage": f"{type_} has no such version.",
    }
    properties: dict[str, object] = {"version": described}
    if len(found) == 1:
        needed = {"required": ["metadata"]} if needs_metadata(found[0]) else {}
        return {"properties": {**properties, "metadata": metadata_schema(found[0])}, **needed}
    by_version = [
        {
            "if": {"properties": {"version": {"const": facts.version}}, "required": ["version"]},
            "then": {"properties": {"metadata": metadata_schema(facts)}},
        }
        for facts in found
    ]
    return {"properties": properties, "allOf": by_version}
