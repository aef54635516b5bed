"""Of what is correct nothing worse than a note is told: this project's own files, and each component type.

The components are written after the facts as they came, and not after the corrections that the rules use:
every type, with each way to authenticate, with all of its fields and with the required ones alone.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import dev
from outboard.check.main import check_files, make_corpus
from outboard.check.reading import read_paths, source_file
from outboard.check.rule import Severity
from support.correct_components import ROWS, correct_components, written

CORRECT = sorted((Path(__file__).parent / "correct").glob("*.yaml"))
"""Resources as people write them: with comments, anchors and placeholders, among those of others."""
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


def test_there_are_enough() -> None:
    assert len({row["type"] for row in ROWS}) > 130


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in correct_components()])
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
