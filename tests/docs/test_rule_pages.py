"""Each rule of `outboard check` has a page, made from the rule and from its cases."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.rule_pages import FOLDER, INDEX, pages
from outboard.check.registry import ALL_RULES
from outboard.check.report import page_of

MADE = pages()


@pytest.mark.parametrize("page", MADE, ids=lambda page: page.name)
def test_a_page_is_up_to_date(page: Path) -> None:
    assert page.read_text(encoding="utf-8") == MADE[page], "out of date: run `python docs/generate.py`"


def test_there_is_one_for_each_rule_and_no_other() -> None:
    assert {each.stem for each in FOLDER.iterdir()} == {each.code for each in ALL_RULES}
    assert set(FOLDER.iterdir()) | {INDEX} == MADE.keys()


def test_each_rule_is_in_a_family_of_the_index() -> None:
    text = INDEX.read_text(encoding="utf-8")
    assert [each.code for each in ALL_RULES if text.count(f"[{each.code}](rules/{each.code}.md)") != 1] == []


def test_what_a_rule_names_as_its_page_is_there() -> None:
    root = FOLDER.parents[2]
    assert [each.code for each in ALL_RULES if not (root / page_of(each)).is_file()] == []
