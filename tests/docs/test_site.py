"""The site: built strictly without a warning, complete, with links that lead somewhere, and alone.

It is built once, in a process of its own.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import dev
from docs.website.llms import llms_text
from docs.website.made import PUBLIC, made_pages
from docs.website.navigation import with_folders

pytestmark = pytest.mark.timeout(300)  # its build has ten seconds of work, for which two cores may be busy

LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
"""What a browser fetches by itself: tag → attribute."""
NOT_FETCHED = {"canonical", "alternate", "next", "prev", "author", "license"}


@dataclass
class Html:
    """What matters here of a file of the site."""

    ids: set[str] = field(default_factory=set)
    links: set[str] = field(default_factory=set)
    fetched: set[str] = field(default_factory=set)


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found = Html()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.found.ids.update(given[name] for name in ("id", "name") if name in given)
        if tag == "a" and "href" in given:
            self.found.links.add(given["href"])
        if tag in LOADED and LOADED[tag] in given and given.get("rel") not in NOT_FETCHED:
            self.found.fetched.add(given[LOADED[tag]])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(
        command,
        cwd=dev.ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "WARNING" not in done.stdout
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Html]:
    return {file: read(file.read_text(encoding="utf-8")) for file in site.rglob("*.html")}


def read(text: str) -> Html:
    reader = Reader()
    reader.feed(text)
    return reader.found


def broken(pages: dict[Path, Html]) -> Iterator[str]:
    """The links that lead to no file, or to no place in it."""
    for page, html in pages.items():
        for link in html.links:
            parts = urlsplit(link)
            if parts.scheme or page.name == "404.html":
                continue
            file = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            file = file / "index.html" if file.is_dir() else file
            fragment = unquote(parts.fragment)
            if not file.exists() or (fragment and file in pages and fragment not in pages[file].ids):
                yield f"{page.name}: {link}"


def test_each_page_is_there(site: Path, pages: dict[Path, Html]) -> None:
    written = {each.relative_to(dev.ROOT / "docs") for each in (dev.ROOT / "docs").rglob("*.md")}
    made = {Path(each) for each in made_pages(dev.ROOT)}
    assert {each.with_suffix(".html") for each in written | made} <= {
        each.relative_to(site) for each in pages
    }


def test_links_lead_somewhere(pages: dict[Path, Html]) -> None:
    assert sorted(broken(pages)) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    here, there = tmp_path / "a.html", tmp_path / "b.html"
    there.write_text("", encoding="utf-8")
    found = {
        here: read('<a href="b.html#x"></a><a href="c.html"></a><a href="b.html#y">'),
        there: Html({"y"}),
    }
    assert sorted(broken(found)) == ["a.html: b.html#x", "a.html: c.html"]


def test_a_browser_fetches_nothing_from_elsewhere(site: Path, pages: dict[Path, Html]) -> None:
    elsewhere = {each for html in pages.values() for each in html.fetched if urlsplit(each).netloc}
    assert elsewhere == set()
    styles = "".join(file.read_text(encoding="utf-8") for file in site.rglob("*.css"))
    assert re.findall(r"(?:@import|url\()\s*[\"']?(?:https?:)?//[^)]*", styles) == []


def test_what_is_fetched_from_elsewhere_would_be_found() -> None:
    html = read('<script src="https://a.example/b.js"></script><link rel="stylesheet" href="//a.example/c">')
    assert {urlsplit(each).netloc for each in html.fetched} == {"a.example"}


def test_the_search_knows_the_pages(site: Path) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    places = {each["location"].partition("#")[0] for each in index["docs"]}
    assert {"tutorial/todo.html", "reference/api.html", "reference/rules/OB101.html"} <= places


def test_one_may_read_in_the_dark(site: Path) -> None:
    assert 'data-md-color-scheme="slate"' in (site / "index.html").read_text(encoding="utf-8")


def test_each_public_name_has_its_place(site: Path, pages: dict[Path, Html]) -> None:
    ids = {each.rpartition(".")[2] for each in pages[site / "reference" / "api.html"].ids}
    names = {name for module in PUBLIC for name in import_module(module).__all__}
    assert names - ids == set()


def test_each_command_has_its_place(site: Path) -> None:
    text = (site / "reference" / "commands.html").read_text(encoding="utf-8")
    for command in ("outboard run", "outboard new", "outboard dead-letters replay", "outboard engines up"):
        assert f"<code>{command}</code>" in text
    assert "--keep-going" in text


def test_each_component_is_told_once() -> None:
    text = made_pages(dev.ROOT)["reference/components.md"]
    types = re.findall(r"^\| `([\w.-]+)` \|", text, re.MULTILINE)
    assert len(types) == len(set(types)) > 100
    assert re.search(r"^\| `pubsub\.sqlite` \|.*\| yes \|$", text, re.MULTILINE)
    assert re.search(r"^\| `pubsub\.rabbitmq` \|.*stable.*\|  \|$", text, re.MULTILINE)


def test_the_map_for_language_models_leads_to_pages(site: Path) -> None:
    text = (site / "llms.txt").read_text(encoding="utf-8")
    assert text.startswith("# Outboard\n\n> ")
    links = re.findall(r"\]\(([^)#]+)", text)
    assert len(links) > 40
    assert [each for each in links if not (site / each).is_file()] == []
    whole = (site / "llms-full.txt").read_text(encoding="utf-8")
    assert "# The to-do system from an empty folder" in whole


def test_the_map_keeps_what_is_said_of_a_page() -> None:
    index = "# Documentation\n\n## Learn\n\n- [A](a/b.md#c): why.\n"
    assert llms_text(index, "N", "D") == "# N\n\n> D.\n\n## Learn\n\n- [A](a/b.html#c): why.\n"


def test_a_folder_of_the_navigation_stands_for_its_pages() -> None:
    index = "[b](x/b.md) [a](x/a.md) [c](y/c.md) [b](x/b.md)"
    nav = with_folders(["index.md", {"X": "x"}], index, ["x/made.md"])
    assert nav == ["index.md", {"X": ["x/b.md", "x/a.md", "x/made.md"]}]
