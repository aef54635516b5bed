"""Links between the pages lead somewhere: the file is there, and so is the heading."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [
    *sorted(DOCS.rglob("*.md")),
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    ROOT / "examples/todo/README.md",
]
FENCE = re.compile(r"^```.*?^```$", re.M | re.S)
LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
HEADING = re.compile(r"^#+ (?P<text>.+)$", re.M)


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def targets(page: Path) -> Iterator[str]:
    """The relative links of `page`."""
    for match in LINK.finditer(prose(page)):
        if not re.match(r"[a-z]+:", match["target"]):
            yield match["target"]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    return {anchor(match["text"]) for match in HEADING.finditer(prose(page))}


def anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def broken(page: Path) -> list[str]:
    found = []
    for target in targets(page):
        path, _, fragment = target.partition("#")
        file = page.parent / path if path else page
        if not file.exists() or (fragment and fragment not in anchors(file)):
            found.append(target)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    assert broken(page) == []


def test_each_page_is_on_the_map() -> None:
    index = DOCS / "index.md"
    maps = (index, DOCS / "reference" / "rules.md")  # the latter is one of the rules' pages
    linked = {(each.parent / target).resolve() for each in maps for target in targets(each)}
    assert [page for page in DOCS.rglob("*.md") if page != index and page.resolve() not in linked] == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# `outboard run`\n[a](#outboard-run) [b](#b) [c](c.md) [d](https://d.example)\n", encoding="utf-8"
    )
    assert broken(page) == ["#b", "c.md"]
