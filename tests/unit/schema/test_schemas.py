"""The schemas say what the facts say, and what the custom resource definitions of Dapr have."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from engines.kubernetes.build import definitions
from outboard.errors import CommandError
from outboard.facts.reading import catalogue
from outboard.manifests import settings
from outboard.resources import shape
from outboard.run.plan.template_keys import APP_KEYS, COMMON_KEYS, TOP_KEYS
from outboard.schema.choosing import WORDS, every_schema, schema_of
from outboard.schema.metadata import DURATION, NUMBER
from support.engines import engine

KINDS = {
    "component": shape.COMPONENT,
    "configuration": shape.CONFIGURATION,
    "httpendpoint": shape.HTTP_ENDPOINT,
    "resiliency": shape.RESILIENCY,
    "subscription": shape.SUBSCRIPTION,
}


def plain(schema: object) -> Any:
    """A schema as JSON has it."""
    return json.loads(json.dumps(schema))


def resolved(schema: Any, root: Any) -> Iterator[Any]:
    """A schema and what it refers to or chooses between."""
    yield schema
    if "$ref" in schema:
        yield from resolved(root["definitions"][schema["$ref"].removeprefix("#/definitions/")], root)
    for key in ("then", "items"):
        if isinstance(schema.get(key), dict):
            yield from resolved(schema[key], root)
    for each in schema.get("allOf", ()):
        yield from resolved(each, root)


def below(schema: Any, key: str, root: Any) -> list[Any]:
    """What may stand under a key."""
    found = []
    for each in resolved(schema, root):
        if key in each.get("properties", {}):
            found.append(each["properties"][key])
        elif isinstance(each.get("additionalProperties"), dict):
            found.append(each["additionalProperties"])
    return found


def lacking(wanted: Mapping[str, Any] | None, schemas: list[Any], root: Any, at: str) -> Iterator[str]:
    """The keys of a shape that no schema knows."""
    for key, inner in (wanted or {}).items():
        found = [each for schema in schemas for each in below(schema, key, root)]
        if not found:
            yield f"{at}.{key}"
        elif isinstance(inner, Mapping):
            yield from lacking(inner, found, root, f"{at}.{key}")


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_that_the_check_knows_is_in_the_schema(kind: str) -> None:
    root = plain(schema_of(kind, catalogue()))
    assert list(lacking(KINDS[kind], [root], root, kind)) == []


def test_every_key_of_a_run_file_is_in_the_schema() -> None:
    root = plain(schema_of("dapr.yaml", catalogue()))
    top = root["properties"]
    assert set(top) == {*TOP_KEYS, settings.KEY}
    assert set(top["common"]["properties"]) == COMMON_KEYS
    app = top["apps"]["items"]["properties"]
    assert set(app) == {*APP_KEYS, settings.KEY}
    in_cluster = app[settings.KEY]["properties"]
    assert set(in_cluster) == settings.APP_KEYS
    assert set(in_cluster["build"]["properties"]) == settings.BUILD_KEYS
    assert set(in_cluster["scale"]["properties"]) == settings.SCALE_KEYS
    assert set(in_cluster["volume"]["properties"]) == settings.VOLUME_KEYS
    assert set(top[settings.KEY]["properties"]) == settings.SYSTEM_KEYS | settings.APP_KEYS


def test_every_type_has_a_definition() -> None:
    root = plain(schema_of("component", catalogue()))
    assert set(root["definitions"]) == set(catalogue().types)
    assert root["properties"]["spec"]["properties"]["type"]["anyOf"][0]["enum"] == list(catalogue().types)
    for each in resolved(root, root):
        assert each.get("allOf") != []


def test_what_is_not_a_number_or_a_duration() -> None:
    for text in ("1", "-1.5", "1e3"):
        assert re.search(NUMBER, text)
    for text in ("5s", "1m30s", "100ms", "PT5S"):
        assert re.search(DURATION, text)
    for text in ("a", "5 s", "s"):
        assert not re.search(NUMBER, text)
        assert not re.search(DURATION, text)


@pytest.mark.parametrize(
    "word", [*WORDS[:-1], "pubsub.kafka", "State.Redis", "pubsub.sqlite", "state.sqlserver"]
)
def test_each_word_has_its_schema(word: str) -> None:
    root = plain(schema_of(word, catalogue()))
    assert root["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert "Dapr" in root["title"]


def test_all_schemas_are_the_same_each_time() -> None:
    assert json.dumps(every_schema(catalogue())) == json.dumps(every_schema(catalogue()))
    assert set(every_schema(catalogue())) == {
        *(f"{each}.schema.json" for each in (*KINDS, "resource", "run-file")),
    }


@pytest.mark.parametrize(
    ("word", "advice"), [("pubsub.kafca", "Did you mean `pubsub.kafka`"), ("?", "Write a type")]
)
def test_an_unknown_word_is_answered_with_the_near_one(word: str, advice: str) -> None:
    with pytest.raises(CommandError, match=re.escape(advice)):
        schema_of(word, catalogue())


def properties(schema: Any, at: str) -> Iterator[str]:
    """The paths of a custom resource definition's properties."""
    for key, inner in schema.get("properties", {}).items():
        yield f"{at}.{key}"
        yield from properties(inner, f"{at}.{key}")
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from properties(schema[key], f"{at}.*" if key == "additionalProperties" else at)


def known(path: str, root: Any, version: str) -> bool:
    schemas = [root]
    for key in path.split(".")[1:]:
        schemas = [each for schema in schemas for each in below(schema, key, root)]
    return bool(schemas)


@pytest.mark.engine("kubernetes")
def test_every_property_of_dapr_s_definitions_is_in_the_schema(pytestconfig: pytest.Config) -> None:
    folder: Path = definitions(engine("kubernetes", pytestconfig))
    missing = []
    for file in sorted(folder.glob("*.yaml")):
        for found in yaml.safe_load_all(file.read_text(encoding="utf-8")):
            kind = found["spec"]["names"]["kind"].lower()
            for version in found["spec"]["versions"] if kind in KINDS else ():
                root = plain(schema_of(kind, catalogue()))
                wanted = properties(version["schema"]["openAPIV3Schema"], kind)
                missing += [each for each in wanted if not known(each, root, version["name"])]
    assert missing == []
