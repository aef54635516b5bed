"""What is found, as text and for other programs; ignores, fingerprints and edits."""

from __future__ import annotations

import json
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from outboard.check.fixing import fixed, fixes
from outboard.check.ignoring import Ignores
from outboard.check.main import check_files, narrowed
from outboard.check.output import machine
from outboard.check.output.text import statistics, text
from outboard.check.reading import source_file
from outboard.check.report import CheckReport
from outboard.check.rule import Severity
from outboard.errors import CommandError

KAFKA = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: kafka-pubsub
spec:
  type: pubsub.kafka
  version: v1
  metadata:
    # where Kafka is
    - name: brokers
      value: "kafka-broker:9092"
    - name: initialOffset
      value: oldest
scopes: [shop]
"""
ANNOTATED = """\
apiVersion: v1
kind: Pod
metadata:
  name: shop
  annotations:
    dapr.io/enabled: true # the sidecar
    dapr.io/app-id: shop
    dapr.io/app-port: 8000
"""


def report(content: str, ignores: Ignores | None = None) -> CheckReport:
    return check_files([source_file("k8s/kafka.yaml", content)], ignores=ignores)


def codes(content: str, ignores: Ignores | None = None) -> list[str]:
    return [each.finding.rule.code for each in report(content, ignores).places]


def test_text_shows_the_line_and_what_happens() -> None:
    assert list(text(report(KAFKA))) == [
        "k8s/kafka.yaml:8:3: error: pubsub.kafka has no `authType` [OB101 missing-auth-type]",
        "  8 |   metadata:",
        "    |   ^^^^^^^^",
        "  at run time: The component fails to start, and daprd ends: `'authType' attribute was missing or "
        "empty`.",
        "  fix: Add `authType`: `none`, `password`, `mtls`, `certificate`, `oidc` or `awsiam`.",
        "",
        "1 error in 1 document of 1 file",
    ]


def test_statistics_count() -> None:
    assert list(statistics(report(ANNOTATED))) == [
        "    2 OB603 annotation-not-a-string: The value of an annotation is not a string"
    ]


def test_json_has_all() -> None:
    found = json.loads(machine.json_report(report(KAFKA)))
    [finding] = found["findings"]
    assert (finding["code"], finding["name"], finding["severity"]) == ("OB101", "missing-auth-type", "error")
    assert (finding["file"], finding["line"], finding["column"]) == ("k8s/kafka.yaml", 8, 3)
    assert finding["fixable"]
    assert not finding["certain"]
    assert found["counts"] == {"note": 0, "warning": 0, "error": 1}


def test_sarif_has_stable_ids_places_and_fixes() -> None:
    found = json.loads(machine.sarif(report(KAFKA), "1.2.3"))
    assert found["version"] == "2.1.0"
    [run] = found["runs"]
    [rule], [result] = run["tool"]["driver"]["rules"], run["results"]
    assert (rule["id"], rule["name"]) == ("OB101", "missing-auth-type")
    assert rule["help"]["text"].endswith(" See docs/reference/rules/OB101.md.")
    assert (result["ruleId"], result["ruleIndex"], result["level"]) == ("OB101", 0, "error")
    region = result["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": 8, "startColumn": 3, "endLine": 8, "endColumn": 11}
    [change] = result["fixes"][0]["artifactChanges"]
    assert change["replacements"][0]["insertedContent"]["text"].startswith("name: authType\n")


def test_a_fingerprint_survives_a_line_above() -> None:
    before, after = report(KAFKA).places[0], report("# new\n\n" + KAFKA).places[0]
    assert after.finding.hit.span.line == before.finding.hit.span.line + 2
    assert after.fingerprint == before.fingerprint


def test_two_findings_of_one_line_differ() -> None:
    places = report(ANNOTATED + "---\n" + ANNOTATED).places
    assert len({each.fingerprint for each in places}) == len(places) == 4


def test_a_baseline_and_a_severity_leave_out() -> None:
    whole = report(KAFKA)
    known = narrowed(whole, Severity.note, frozenset({whole.places[0].fingerprint}))
    assert (known.places, known.known, known.is_clean) == ((), 1, True)
    assert narrowed(report(KAFKA.replace("scopes: [shop]\n", "")), Severity.error, frozenset()).hidden == 1


def test_junit_is_xml_whatever_is_found() -> None:
    root = ElementTree.fromstring(machine.junit(report(KAFKA.replace("kafka-pubsub", "A<&B\u0085"))))
    assert (root.get("tests"), root.get("failures")) == ("2", "2")
    assert ElementTree.fromstring(machine.junit(report("a: 1\n"))).get("failures") == "0"


def test_annotations_of_github_are_one_line_each() -> None:
    [line] = machine.github(report(KAFKA))
    assert line.startswith(
        "::error file=k8s/kafka.yaml,line=8,col=3,endLine=8,title=OB101 missing-auth-type::"
    )
    assert "\n" not in line


@pytest.mark.parametrize(
    ("comment", "left"),
    [
        ("  metadata: # outboard: ignore[OB101]", []),
        ("  metadata: # outboard: ignore[missing-auth-type]", []),
        ("  metadata: # outboard: ignore", []),
        ("  # outboard: ignore[OB101]\n  metadata:", []),
        ("  metadata: # outboard: ignore[OB102]", ["OB007", "OB101"]),
        ("  metadata: # outboard: ignore[OB101, OB102]", ["OB007"]),
        ("  metadata: # outboard: ignore[mising-auth-type]", ["OB007", "OB101"]),
    ],
)
def test_a_comment_ignores_and_is_found_where_it_is_not_needed(comment: str, left: list[str]) -> None:
    assert sorted(codes(KAFKA.replace("  metadata:", comment))) == left


def test_a_comment_for_the_whole_file() -> None:
    assert codes("# outboard: ignore-file[OB603]\n" + ANNOTATED) == []
    assert codes("# outboard: ignore-file[OB101]\n" + ANNOTATED) == ["OB007", "OB603", "OB603"]


def test_settings_ignore() -> None:
    assert codes(ANNOTATED, Ignores(("OB603",))) == []
    assert codes(ANNOTATED, Ignores((), {"k8s/*.yaml": ("annotation-not-a-string",)})) == []
    assert codes(ANNOTATED, Ignores((), {"other/*": ("OB603",)})) == ["OB603", "OB603"]


def test_what_is_certain_is_mended_and_the_rest_stays() -> None:
    findings = [each.finding for each in report(ANNOTATED).places]
    changed, number = fixed("a.yaml", ANNOTATED, fixes(findings, unsafe=False)["k8s/kafka.yaml"])
    assert number == 2
    assert changed == ANNOTATED.replace(": true #", ': "true" #').replace(": 8000", ': "8000"')
    assert codes(changed) == []


def test_what_is_likely_is_mended_when_it_is_asked_for() -> None:
    findings = [each.finding for each in report(KAFKA).places]
    assert fixes(findings, unsafe=False) == {}
    changed, number = fixed("a.yaml", KAFKA, fixes(findings, unsafe=True)["k8s/kafka.yaml"])
    assert number == 1
    assert changed == KAFKA.replace(
        "    - name: brokers\n", "    - name: authType\n      value: none\n    - name: brokers\n"
    )
    assert codes(changed) == []


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_the_ends_of_lines_stay(ending: str) -> None:
    content = ANNOTATED.replace("\n", ending)
    findings = [each.finding for each in report(content).places]
    changed, _ = fixed("a.yaml", content, fixes(findings, unsafe=False)["k8s/kafka.yaml"])
    assert changed.count(ending) == content.count(ending)
    assert '"8000"' in changed


def test_an_edit_that_would_break_the_file_is_left_out() -> None:
    [finding] = [each.finding for each in report(KAFKA).places]
    bad = replace(finding.hit.edits[0], text="{")
    assert fixed("a.yaml", KAFKA, [(bad,)]) == (KAFKA, 0)


def test_rules_hold_for_versions() -> None:
    redis = KAFKA.replace("pubsub.kafka", "pubsub.redis").replace("brokers", "redisHost")
    files = [source_file("a.yaml", redis)]
    by_version = {
        version: {each.finding.rule.code for each in check_files(files, version).places}
        for version in ("1.16", "1.18", "")
    }
    assert by_version["1.18"] - by_version["1.16"] == {"OB143"}
    assert by_version[""] == by_version["1.18"]


VERSIONED = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: store
spec:
  type: state.sqlserver
  version: v2
  metadata:
    - name: connectionString
      secretKeyRef: {name: sql, key: dsn}
---
apiVersion: v1
kind: Pod
metadata:
  name: shop
  annotations:
    dapr.io/enabled: "true"
    dapr.io/app-id: shop
    dapr.io/enable-native-sidecar: "true"
---
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: rpc
spec:
  type: bindings.kitex
  version: v1
"""


@pytest.mark.parametrize(
    ("version", "told"),
    [
        ("1.16", [(6, "error"), (19, "warning")]),
        ("1.17", [(19, "warning"), (26, "error")]),
        ("1.18", [(26, "error")]),
        ("", [(26, "note")]),
    ],
)
def test_what_a_version_has_not(version: str, told: list[tuple[int, str]]) -> None:
    places = check_files([source_file("a.yaml", VERSIONED)], version).places
    found = [each.finding for each in places if each.finding.rule.code == "OB016"]
    assert [(each.hit.span.line, each.severity.name) for each in found] == told


def test_what_changes_between_two_versions() -> None:
    places = check_files([source_file("a.yaml", VERSIONED)], "1.16..1.18").places
    told = [each.finding.hit.message for each in places if each.finding.rule.code == "OB017"]
    assert told == [
        "`state.sqlserver` in version v2 is new in 1.17",
        "since 1.18 daprd takes changed resources while it runs (HotReload); before, only where that was "
        "asked for",
        "the annotation `dapr.io/enable-native-sidecar` is new in 1.18",
        "`bindings.kitex` in version v1 is gone since 1.17",
    ]


@pytest.mark.parametrize("version", ["new", "1.18..1.16", "1.16..new", "..", "1.18..1.18"])
def test_versions_that_are_none(version: str) -> None:
    with pytest.raises(CommandError, match="--dapr-version"):
        check_files([], version)


def test_a_finding_says_for_which_versions_it_holds() -> None:
    redis = KAFKA.replace("pubsub.kafka", "pubsub.redis").replace("brokers", "redisHost")
    lines = list(text(check_files([source_file("a.yaml", redis)])))
    assert any("[OB143 lost-by-redis, Dapr 1.17 and newer]" in line for line in lines)
