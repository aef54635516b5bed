"""Each rule finds what it is for, and nothing where all is well."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from outboard import cel
from outboard.check.checking import found
from outboard.check.corpus import Corpus
from outboard.check.ignoring import Ignores
from outboard.check.inspected import app_from_json
from outboard.check.main import make_corpus, report_of
from outboard.check.reading import read_paths
from outboard.check.registry import ALL_RULES
from outboard.check.report import CheckReport
from outboard.check.rule import LintRule, Severity
from support import said_by_daprd
from support.rule_cases import CASES, RuleCase, read_cases

WITHOUT_TEXT = {"OB004": "a file that is no text cannot stand among the cases: see test_reading.py"}
READ = read_cases()


def checked(case: RuleCase, folder: Path, monkeypatch: pytest.MonkeyPatch) -> CheckReport:
    """What is found in the files of `case`."""
    case.write(folder)
    monkeypatch.chdir(folder)
    corpus, remarks = make_corpus(read_paths([Path()], None), case.version)
    return report_of(found(with_apps(corpus, folder), Ignores()), corpus, remarks)


def with_apps(corpus: Corpus, folder: Path) -> Corpus:
    """`corpus` with the apps of `apps.json`, as if they had been loaded."""
    file = folder / "apps.json"
    if not file.is_file():
        return corpus
    told = json.loads(file.read_text(encoding="utf-8"))
    nodes = {each.app_id: each.node for each in corpus.run_apps}
    apps = [app_from_json(each, "", "main:app") for each in told["apps"]]
    return replace(
        corpus,
        inspected=tuple(replace(each, node=nodes.get(each.app_id)) for each in apps),
        all_inspected=told["all"],
        compile=cel.compile,
    )


@pytest.mark.parametrize("case", [each for each in READ if each.fires], ids=lambda case: case.code)
def test_a_rule_fires(case: RuleCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = checked(case, tmp_path, monkeypatch)
    assert case.code in {each.finding.rule.code for each in report.places}


@pytest.mark.parametrize("case", [each for each in READ if not each.fires], ids=lambda case: case.code)
def test_a_rule_is_silent(case: RuleCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = checked(case, tmp_path, monkeypatch)
    found = [(each.finding.rule.code, each.finding.hit.message) for each in report.places]
    worse = [each for each in report.places if each.finding.severity > Severity.note]
    assert case.code not in {code for code, _ in found}
    assert [(each.finding.rule.code, each.finding.hit.message) for each in worse] == []


@pytest.mark.parametrize("case", [each for each in READ if each.fires], ids=lambda case: case.code)
def test_where_one_rule_fires_few_others_do(
    case: RuleCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A case is about one mistake: what else is told of it beside notes is told for a reason."""
    report = checked(case, tmp_path, monkeypatch)
    worse = {each.finding.rule.code for each in report.places if each.finding.severity > Severity.note}
    assert worse <= {case.code} | ALSO.get(case.code, set())


ALSO: dict[str, set[str]] = {
    "OB005": {"OB012"},  # the anchors of a bomb stand under keys of their own
    "OB015": {"OB012"},  # a spec that is indented too far is a key of `metadata`
}
"""Where one mistake rightly has two findings."""


def test_each_rule_has_cases() -> None:
    fires = {each.code for each in READ if each.fires}
    silent = {each.code for each in READ if not each.fires}
    codes = {each.code for each in ALL_RULES} - WITHOUT_TEXT.keys()
    assert (sorted(codes - fires), sorted(codes - silent)) == ([], [])
    assert {path.stem for path in CASES.iterdir()} == codes


def test_of_each_rule_daprds_words_are_recorded_or_why_not() -> None:
    tables = (*said_by_daprd.LOADED, *said_by_daprd.ENDED, *said_by_daprd.CALLED, *said_by_daprd.NOT_LOADED)
    assert sorted((*tables, *said_by_daprd.UNSAID)) == [each.code for each in ALL_RULES]


def test_codes_and_names_are_each_there_once() -> None:
    assert len({each.code for each in ALL_RULES}) == len(ALL_RULES)
    assert len({each.name for each in ALL_RULES}) == len(ALL_RULES)


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: rule.code)
def test_a_rule_speaks_in_sentences(rule: LintRule) -> None:
    assert rule.summary[0].isupper() or rule.summary[0] == "`"
    assert not rule.summary.endswith(".")
    for text in (rule.consequence, rule.advice):
        assert text[-1] in ".)", text
        assert text[0].isupper() or not text[0].isalpha() or text.startswith("daprd"), text
