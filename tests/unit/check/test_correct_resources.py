"""Of what is correct nothing worse than a note is told: this project's own files, and each component type.

The components are written after the facts as they came, and not after the corrections that the rules use:
every type, with each way to authenticate, with all of its fields and with the required ones alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

import dev
from outboard.check.main import check_files, make_corpus
from outboard.check.reading import read_paths, source_file
from outboard.check.rule import Severity

CORRECT = sorted((Path(__file__).parent / "correct").glob("*.yaml"))
"""Resources as people write them: with comments, anchors and placeholders, among those of others."""
ROWS: list[dict[str, Any]] = json.loads(
    files("outboard.facts").joinpath("components.json").read_text(encoding="utf-8")
)
VALUES = {
    "bool": "true",
    "number": "10",
    "duration": "30s",
    "bytesize": "4Mi",
    "string": "shop",
    "": "shop",
}
KAFKA = """
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: kafka-pubsub
spec:
  type: pubsub.kafka
  version: v1
  metadata:
    - name: brokers
      value: kafka-broker:9092
    - name: authType
      value: none
    - name: consumerGroup
      value: todo-group
"""


def worse_than_notes(*sources: tuple[str, str]) -> list[str]:
    report = check_files([source_file(name, text) for name, text in sources])
    return [
        f"{each.finding.rule.code} {each.finding.hit.message}"
        for each in report.places
        if each.finding.severity > Severity.note
    ]


def components() -> Iterator[Any]:
    """Each type and version, with each profile: all fields, and those that are required."""
    for row in ROWS:
        for index, profile in enumerate(row["authProfiles"] or [{"title": "", "fields": []}]):
            every = {each["name"]: each for each in [*profile["fields"], *row["fields"]]}
            required = {name: each for name, each in every.items() if each.get("required")}
            for what, fields in (("all", every), ("required", required)):
                text = written(row, list(fields.values()))
                yield pytest.param(text, id=f"{row['type']}-{row['version']}-{index}-{what}")


def written(row: dict[str, Any], fields: list[dict[str, Any]]) -> str:
    metadata = "".join(map(item, fields)) or "    []\n"
    return (
        f"apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: correct\nspec:\n"
        f"  type: {row['type']}\n  version: {row['version']}\n  metadata:\n{metadata}"
    )


def item(field: dict[str, Any]) -> str:
    if field.get("sensitive"):
        secret = f"name: shop\n        key: {field['name']}\n"
        return f"    - name: {field['name']}\n      secretKeyRef:\n        {secret}"
    allowed = field.get("allowedValues")
    value = allowed[0] if allowed else VALUES[field.get("type", "")]
    value = {"brokers": "kafka:9092", "keyPrefix": "name"}.get(field["name"], value)
    return f'    - name: "{field["name"]}"\n      value: {json.dumps(value)}\n'


def test_there_are_enough() -> None:
    assert len({row["type"] for row in ROWS}) > 130


@pytest.mark.parametrize("text", list(components()))
def test_a_component_of_each_type(text: str) -> None:
    assert worse_than_notes(("component.yaml", text)) == []


def test_the_defaults_of_the_facts_are_correct() -> None:
    found = []
    for row in ROWS:
        fields = [
            {**each, "allowedValues": [each["default"].strip('"\n')], "sensitive": False}
            for each in row["fields"]
            if (default := each.get("default", "").strip('"\n')) and " " not in default
        ]
        found += worse_than_notes(("component.yaml", written(row, fields)))
    # What is missing there is another matter.
    assert [each for each in found if each[:5] not in {"OB101", "OB108", "OB120"}] == []


@pytest.mark.parametrize("path", CORRECT, ids=lambda path: path.stem)
def test_resources_as_people_write_them(path: Path) -> None:
    assert worse_than_notes((path.name, path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("path", CORRECT, ids=lambda path: path.stem)
def test_each_document_alone_as_in_a_file_of_its_own(path: Path) -> None:
    pieces = path.read_text(encoding="utf-8").replace("...\n", "").split("---\n")
    assert [worse_than_notes(("one.yaml", each)) for each in pieces] == [[]] * len(pieces)


def test_many_types_are_among_them() -> None:
    corpus, _ = make_corpus([source_file(path.name, path.read_text(encoding="utf-8")) for path in CORRECT])
    assert len(corpus.components) > 100
    assert len({each.type for each in corpus.components}) > 70


def test_the_smallest_kafka() -> None:
    assert worse_than_notes(("kafka.yaml", KAFKA)) == []


@pytest.mark.parametrize("folder", ["examples", "deploy"])
def test_the_files_of_this_project(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(dev.ROOT)
    report = check_files(read_paths([Path(folder)], None))
    assert report.documents > 5
    assert report.is_clean, [each.finding.hit for each in report.places]
