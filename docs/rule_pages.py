"""Writes a page for each rule of `outboard check`, and the one that lists them: `python docs/rule_pages.py`.

What a rule is about comes from the rule itself, the examples from the cases that its tests go by, and what is
said of them from the check. The tests fail where a page is out of date.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from outboard.check.main import check_files
from outboard.check.output.text import text
from outboard.check.reading import read_paths
from outboard.check.registry import ALL_RULES
from outboard.check.report import CheckReport
from outboard.check.rule import LintRule, versions

if TYPE_CHECKING:
    from support.rule_cases import RuleCase

__all__ = ["FOLDER", "INDEX", "pages"]

REFERENCE: Final = Path(__file__).parent / "reference"
FOLDER: Final = REFERENCE / "rules"
INDEX: Final = REFERENCE / "rules.md"
TESTS: Final = Path(__file__).parents[1] / "tests"
LOADED: Final = "apps.json"
"""In a case: what apps take and publish, in the place of code."""
LONGEST: Final = 2500
"""Characters of an example that is shown."""
FAMILIES: Final[Mapping[str, str]] = {
    "OB0": "Files, and what all resources have",
    "OB10": "Components: type, version, fields",
    "OB11": "Components: values",
    "OB12": "Components: authentication and secrets",
    "OB13": "Kafka",
    "OB14": "Pub/sub and state",
    "OB2": "Subscriptions",
    "OB3": "Resiliency",
    "OB4": "Configurations and HTTP endpoints",
    "OB5": "Run files",
    "OB6": "Workloads of Kubernetes",
    "OB7": "Resources together",
    "OB8": "Code and resources (`--app`, `--apps`)",
}
HEAD: Final = """\
# The rules of `outboard check`

<!-- Made by docs/rule_pages.py. -->

`outboard check` looks for these mistakes. The code and the name of a rule never change. A **note** is advice:
you may have meant what you wrote. A **warning** tells of something that will not work as you expect. An
**error** tells of something that does not start or does not work. A finding can be more or less severe than
its rule: that depends on its place. `outboard explain` says the same as these pages.
[How to check](../how-to/check-before-you-run.md) tells how to silence a finding.
"""


def pages() -> dict[Path, str]:
    """Each page with its text."""
    cases = _cases()
    return {INDEX: _index(), **{FOLDER / f"{each.code}.md": _page(each, cases) for each in ALL_RULES}}


def _index() -> str:
    parts = [HEAD]
    for prefix, title in FAMILIES.items():
        rules = [each for each in ALL_RULES if each.code.startswith(prefix)]
        rows = [
            f"| [{each.code}](rules/{each.code}.md) | `{each.name}` | {each.severity.name} | {each.summary} |"
            for each in rules
        ]
        parts.append(
            "\n".join(
                [
                    f"## {title}",
                    "",
                    "| code | name | severity | what is wrong |",
                    "| --- | --- | --- | --- |",
                    *rows,
                    "",
                ]
            )
        )
    return "\n".join(parts)


def _page(rule: LintRule, cases: Sequence[RuleCase]) -> str:
    mine = {each.fires: each for each in cases if each.code == rule.code}
    report = _report(mine[True]) if True in mine and LOADED not in mine[True].files else None
    return "\n".join([
        f"# {rule.code} {rule.name}",
        "",
        "<!-- Made by docs/rule_pages.py. -->",
        "",
        f"{rule.summary}.",
        "",
        f"- **Severity:** {rule.severity.name}",
        f"- **At run time:** {rule.consequence}",
        f"- **What daprd says:** {_said_by_daprd(rule)}",
        f"- **Fix:** {rule.advice}",
        f"- **Automatic fix:** {_mended(rule, report)}",
        f"- **Versions of Dapr:** {versions(rule)}",
        f"- **Ignore it:** write `# outboard: ignore[{rule.name}]` on the line, or on the line above; "
        f"`ignore-file[{rule.name}]` counts for the whole file",
        "",
        *_examples(rule, mine, report),
        "[All rules](../rules.md)",
        "",
    ])  # fmt: skip


def _examples(rule: LintRule, mine: Mapping[bool, RuleCase], report: CheckReport | None) -> Iterator[str]:
    if report is None or sum(map(len, mine[True].files.values())) > LONGEST:
        return
    yield from ("## Example that it finds", "", *_files(mine[True], "wrong"))
    yield from ("```text", *_said(rule, report), "```", "")
    yield from ("## Example that is right", "", *_files(mine[False], "right"))


def _files(case: RuleCase, folder: str) -> Iterator[str]:
    for name, content in case.files.items():
        kind = "yaml" if name.endswith((".yaml", ".yml")) else "text"
        yield from (f'```{kind} title="{folder}/{name}"', content.rstrip("\n"), "```", "")


def _said_by_daprd(rule: LintRule) -> str:
    _cases()
    from support.said_by_daprd import said

    return said(rule.code)


def _said(rule: LintRule, report: CheckReport) -> Iterator[str]:
    """What is said of the example by this rule."""
    places = tuple(each for each in report.places if each.finding.rule is rule)
    lines = list(text(CheckReport(places, report.texts)))[:-1]
    yield from lines[:-1] if lines[-1] == "" else lines


def _mended(rule: LintRule, report: CheckReport | None) -> str:
    hits = [each.finding.hit for each in report.places if each.finding.rule is rule] if report else []
    if any(each.edits and each.certain for each in hits):
        return "yes, by `--fix`"
    return "a likely one, by `--unsafe-fixes`" if any(each.edits for each in hits) else "no"


def _report(case: RuleCase) -> CheckReport:
    with tempfile.TemporaryDirectory() as folder, _inside(folder):
        case.write(Path(folder))
        return check_files(read_paths([Path()], None), case.version)


@contextmanager
def _inside(folder: str) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _cases() -> Sequence[RuleCase]:
    """The cases of the tests, whose folder is no part of the package."""
    if str(TESTS) not in sys.path:
        sys.path.append(str(TESTS))
    from support.rule_cases import read_cases

    return read_cases()


if __name__ == "__main__":
    made = pages()
    FOLDER.mkdir(exist_ok=True)
    for old in set(FOLDER.glob("*.md")) - made.keys():
        old.unlink()
    for page, content in made.items():
        page.write_text(content, encoding="utf-8", newline="\n")
