"""The page on the architecture draws the folders that there are, and its glossary names the right places."""

from __future__ import annotations

import re

import pytest

import dev
from structure.modules import folders, modules

PAGE = (dev.ROOT / "docs" / "explanation" / "architecture.md").read_text(encoding="utf-8")
PACKAGE = dev.ROOT / "src" / "outboard"


def drawn() -> set[str]:
    """What the drawings name, as paths below the package: an indented name is below the line above it."""
    found = set()
    for drawing in re.findall(r"^```text\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        above: dict[int, str] = {}
        for line in drawing.splitlines():
            entry = re.match(r" *(?:([\w./]+)(?: +│ ([\w./]+))?|│ ([\w./]+))  ", line)
            assert entry, line
            if entry[1]:
                depth = entry.start(1) // 2
                above[depth] = f"{above[depth - 1]}/{entry[1]}" if depth else entry[1]
                found.add(above[depth])
            found.update(name for name in (entry[2], entry[3]) if name)
    return found


def test_what_is_drawn_is_there() -> None:
    assert [name for name in drawn() if not (PACKAGE / name).exists()] == []


def test_every_folder_is_drawn() -> None:
    paths = {name.removeprefix("outboard.").replace(".", "/") for name in folders() if name != "outboard"}
    assert sorted(paths - drawn()) == []


def test_everything_at_the_top_is_drawn() -> None:
    top = {path.name for path in modules().values() if path.parent == PACKAGE and path.stem[0] != "_"}
    assert sorted(top - drawn()) == []


@pytest.mark.parametrize("place", sorted(set(re.findall(r"`((?:[\w]+/)+\w+\.py)`", PAGE))))
def test_a_module_that_is_named_is_there(place: str) -> None:
    assert (PACKAGE / place).is_file()


def test_the_glossary_is_short_and_in_order() -> None:
    words = re.findall(r"^\| (\w[\w ]*) \|", PAGE.split("## Words of our own")[1], re.MULTILINE)[1:]
    assert words == sorted(words)
    assert 5 <= len(words) <= 15
