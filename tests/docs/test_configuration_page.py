"""The page of configuration names has each name that the code has, and no other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast

import pytest

from outboard.check.settings import KEYS
from outboard.facts.annotations import CHOICES, FORMER, KINDS, PREFIX
from outboard.testing import plugin
from support.configuration_names import environment_variables

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "configuration.md").read_text(encoding="utf-8")
VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*")
OF_EVERY_PROGRAM = {"HTTP_PROXY", "SSL_CERT_FILE"}
"""What libraries read, and not Outboard."""


def section(title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def quoted(text: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", text))


def first_column(text: str) -> set[str]:
    return quoted("\n".join(line.split("|")[1] for line in text.splitlines() if line.startswith("| `")))


def test_each_variable_that_the_code_knows_is_on_the_page_and_no_other() -> None:
    told = {name for name in quoted(section("Environment")) if VARIABLE.fullmatch(name)}
    assert told - OF_EVERY_PROGRAM == environment_variables(ROOT / "src" / "outboard").keys()


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ('import os\nx = os.environ.get("SHOP_COLOR")', "SHOP_COLOR"),
        ('def f(environment):\n    return environment["SHOP"]', "SHOP"),
        ('NAME: Final = "SHOP"\ndef f(environ):\n    return NAME in environ', "SHOP"),
        ('VARIABLES = ("OUTBOARD_NEW", 1)', "OUTBOARD_NEW"),
    ],
)
def test_a_variable_is_found_however_it_is_looked_up(tmp_path: Path, code: str, name: str) -> None:
    (tmp_path / "module.py").write_text(code, encoding="utf-8")
    assert environment_variables(tmp_path) == {name: {"module.py"}}


def test_what_names_an_error_is_no_variable(tmp_path: Path) -> None:
    code = 'A = "DAPR_PUBSUB_NOT_FOUND", "DAPR_STATE_STORE_NAME"'
    (tmp_path / "module.py").write_text(code, encoding="utf-8")
    assert environment_variables(tmp_path).keys() == {"DAPR_STATE_STORE_NAME"}


def test_each_setting_of_a_project_is_on_the_page() -> None:
    assert first_column(section("pyproject.toml")) == set(KEYS)


class Options:
    """Takes what a plugin adds to pytest's command line and its ini file."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def getgroup(self, name: str, description: str = "") -> Options:
        return self

    def addoption(self, name: str, **_: object) -> None:
        self.names.add(name)

    def addini(self, name: str, *_: object) -> None:
        self.names.add(name)


def test_each_option_of_pytest_is_on_the_page() -> None:
    options = Options()
    plugin.pytest_addoption(cast("pytest.Parser", options))
    fixtures = {name for name in plugin.__all__ if not name.startswith("pytest_")}
    marks = {plugin.ENGINES_MARK}
    assert first_column(section("pytest")) == {*options.names, *fixtures, *marks}


def test_each_annotation_is_on_the_page() -> None:
    text = section("Annotations")
    rows = [quoted(line.split("|")[2]) for line in text.splitlines() if line.startswith("| ")][1:]
    assert rows == [set(names.split()) for names in KINDS.values()]
    for names in CHOICES.values():
        assert set(names) <= quoted(text)
    assert {name.removeprefix(PREFIX) for name in FORMER} <= quoted(text)
