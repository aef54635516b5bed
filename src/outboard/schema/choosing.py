"""Which schemas there are, by the word that asks for them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from outboard.errors import CommandError
from outboard.facts.catalogue import Catalogue
from outboard.resources.node import nearest
from outboard.schema.component import component_definitions, component_schema
from outboard.schema.keywords import JsonSchema, reference, text, whole
from outboard.schema.resources import (
    VERSION_1,
    VERSION_2,
    configuration_schema,
    http_endpoint_schema,
    resiliency_schema,
    subscription_schema,
)
from outboard.schema.run_file import run_file_schema

__all__ = ["ALL", "RESOURCE", "RUN_FILE", "WORDS", "every_schema", "schema_of"]

ALL: Final = "all"
RESOURCE: Final = "resource"
RUN_FILE: Final = "dapr.yaml"
WORDS: Final = (
    *(RESOURCE, "component", "subscription", "configuration", "resiliency", "httpendpoint", RUN_FILE),
    ALL,
)
"""What may be asked for beside a type of component."""
FILES: Final = {word: f"{'run-file' if word == RUN_FILE else word}.schema.json" for word in WORDS[:-1]}


def schema_of(word: str, catalogue: Catalogue) -> JsonSchema:
    """The schema that `word` asks for: one of WORDS but `all`, or a type. Raises CommandError."""
    lower = word.lower()
    if lower in FILES:
        return _known(lower, catalogue)
    if catalogue.is_known(lower):
        definitions = component_definitions(catalogue, [lower])
        return whole(f"Dapr component {lower}", component_schema([lower]), definitions)
    near = nearest(lower, [*WORDS, *catalogue.types])
    advice = f"Did you mean `{near}`?" if near else f"Write a type, as `pubsub.kafka`, or {', '.join(WORDS)}."
    raise CommandError(f"there is no schema of `{word}`", advice)


def every_schema(catalogue: Catalogue) -> Mapping[str, JsonSchema]:
    """All schemas that are not of one type alone, by the name of their file."""
    return {file: _known(word, catalogue) for word, file in FILES.items()}


def _known(word: str, catalogue: Catalogue) -> JsonSchema:
    match word:
        case "component":
            types = catalogue.types
            return whole("Dapr component", component_schema(types), component_definitions(catalogue, types))
        case "subscription":
            return whole("Dapr Subscription", *_subscription())
        case "configuration":
            return whole("Dapr Configuration", configuration_schema(), {})
        case "resiliency":
            return whole("Dapr Resiliency", resiliency_schema(), {})
        case "httpendpoint":
            return whole("Dapr HTTPEndpoint", http_endpoint_schema(), {})
        case "dapr.yaml":
            return whole("Dapr run file", run_file_schema(), {})
    return whole("Dapr resource", *_resource(catalogue))


def _resource(catalogue: Catalogue) -> tuple[JsonSchema, Mapping[str, JsonSchema]]:
    """Of a file that holds resources of any kind, each document by its `kind`; others are left alone."""
    subscription, versions = _subscription()
    kinds = {
        "Component": component_schema(catalogue.types),
        "Subscription": subscription,
        "Configuration": configuration_schema(),
        "Resiliency": resiliency_schema(),
        "HTTPEndpoint": http_endpoint_schema(),
    }
    definitions = {**kinds, **versions, **component_definitions(catalogue, catalogue.types)}
    chosen = [
        {
            "if": {
                "type": "object",
                "properties": {"apiVersion": {"pattern": "^dapr\\.io/"}, "kind": {"const": kind}},
                "required": ["apiVersion", "kind"],
            },
            "then": reference(kind),
        }
        for kind in kinds
    ]
    root = {
        "type": ["object", "null"],
        "properties": {
            "apiVersion": text("Of the resource.", examples=[VERSION_1, VERSION_2]),
            "kind": text("What the resource is.", examples=list(kinds)),
        },
        "allOf": chosen,
    }
    return root, definitions


def _subscription() -> tuple[JsonSchema, Mapping[str, JsonSchema]]:
    """Of either version, by its `apiVersion`."""
    versions = {each: f"Subscription-{each.removeprefix('dapr.io/')}" for each in (VERSION_1, VERSION_2)}
    root = {
        "type": "object",
        "required": ["apiVersion"],
        "properties": {"apiVersion": {"enum": list(versions)}},
        "allOf": [
            {"if": {"properties": {"apiVersion": {"const": each}}}, "then": reference(name)}
            for each, name in versions.items()
        ],
    }
    return root, {name: subscription_schema(each) for each, name in versions.items()}
