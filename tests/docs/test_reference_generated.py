"""The generated parts of the reference are what the program says today."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.generate import PAGES, filled, refuse_difference
from outboard.cli.run import run
from outboard.run.plan.template_keys import APP_KEYS

REGENERATE = "out of date: run `python docs/generate.py`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_is_up_to_date(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "<!-- generated: " in text
    assert filled(text) == text, REGENERATE


def test_what_is_out_of_date_is_found() -> None:
    page = "# Page\n<!-- generated: flags -->\nout of date\n<!-- end: flags -->\nmine\n"
    fresh = filled(page)
    assert "out of date" not in fresh
    assert "`--app-id`" in fresh
    assert fresh.endswith("<!-- end: flags -->\nmine\n")
    assert filled(fresh) == fresh


def test_what_has_no_description_is_named() -> None:
    with pytest.raises(LookupError, match=r"metadata of x: .*'b'"):
        refuse_difference("metadata of x", ["a"], ["a", "b"])


def test_each_key_of_the_run_file_is_on_its_page() -> None:
    page = next(page for page in PAGES if page.stem == "run").read_text(encoding="utf-8")
    assert [key for key in sorted(APP_KEYS) if f"`{key}`" not in page] == []


def test_each_own_option_of_run_is_on_its_page() -> None:
    page = next(page for page in PAGES if page.stem == "run").read_text(encoding="utf-8")
    own = [name for name in run.__annotations__ if name not in {"command", "settings", "return"}]
    assert "attach" in own
    missing = [name for name in own if not re.search(rf"^\|.*`--{name.replace('_', '-')}\b", page, re.M)]
    assert missing == []
