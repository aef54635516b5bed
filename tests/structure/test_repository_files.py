"""What a stranger looks for in a repository is there, and what it names is there, too."""

from __future__ import annotations

import re
import shlex

import pytest
import yaml

import dev
from support import said_by_daprd

CONTRIBUTING = (dev.ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:src|tests|docs|examples|\.github)/[\w./-]+)`", CONTRIBUTING)))
)
def test_what_contributing_names_is_there(path: str) -> None:
    assert (dev.ROOT / path).exists()


@pytest.mark.parametrize("line", sorted(set(re.findall(r"python3 dev\.py ([^`\n]+)", CONTRIBUTING))))
def test_its_commands_are_commands(line: str) -> None:
    own, _ = dev.split_off(shlex.split(line))
    if own != ["--help"]:
        assert dev.parser().parse_args(own).command == own[0]


def test_its_way_to_a_rule_ends_where_the_tests_want_it() -> None:
    """Whoever followed it was told of a file by a KeyError of the pages' own program."""
    recipe = CONTRIBUTING.partition("## Add a rule")[2].partition("\n## ")[0]
    for needed in (
        "src/outboard/check/rules",
        "tests/unit/check/cases",
        said_by_daprd.__name__.replace(".", "/"),
    ):
        assert needed in recipe


@pytest.mark.parametrize("name", ["bug.yml", "wish.yml"])
def test_an_issue_form_has_what_github_asks_for(name: str) -> None:
    """Source: GitHub, "Syntax for issue forms"."""
    form = yaml.safe_load((dev.ROOT / ".github" / "ISSUE_TEMPLATE" / name).read_text(encoding="utf-8"))
    assert {"name", "description", "body"} <= form.keys()
    ids = [each["id"] for each in form["body"]]
    assert len(ids) == len(set(ids)) > 1
    assert all(each["attributes"]["label"] for each in form["body"])


def test_the_sdist_has_what_the_repository_tells() -> None:
    text = (dev.ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for name in ("CONTRIBUTING.md", "SECURITY.md", "mkdocs.yml", "CHANGELOG.md", "LICENSE"):
        assert f'"{name}"' in text
        assert (dev.ROOT / name).is_file()
