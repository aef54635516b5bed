"""Every page of the dashboard in a real browser: axe-core finds nothing wrong, and each gets its picture.

The pages are those of the registry, and what they lead to. OUTBOARD_SCREENSHOTS=FOLDER keeps the pictures,
as docs/images/dashboard has them.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from outboard.dashboard.pages.page import DashboardPage
from outboard.dashboard.pages.registry import PAGES
from support.chromium import ARGUMENTS
from support.todo import TodoSystem, todo_system

pytestmark = pytest.mark.engine("chromium")

AXE = (Path(__file__).parent / "vendored" / "axe.js").read_text(encoding="utf-8")
RUN_AXE = "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"
ADDRESS = re.compile(r"dashboard at (http://\S+)")
UNTIL_SETTLED = """() => {
    const text = document.body.innerText;
    return !["Looking", "still to come", "No event yet"].some((word) => text.includes(word));
}"""
FOLDER = os.environ.get("OUTBOARD_SCREENSHOTS", "")
LOOKS = ("light", "dark", "narrow")


@dataclass(frozen=True)
class Opened:
    """A dashboard that a browser has opened; `state` is its cookie, `of_page` the addresses of a page."""

    browser: Browser
    own: str
    state: Any

    def context(self, look: str) -> BrowserContext:
        scheme: Literal["light", "dark"] = "dark" if look == "dark" else "light"
        size = (390, 780) if look == "narrow" else (1200, 760)
        return self.browser.new_context(
            storage_state=self.state, color_scheme=scheme, viewport={"width": size[0], "height": size[1]},
            reduced_motion="reduce",
        )  # fmt: skip


@pytest.fixture(scope="module")
def todo() -> Iterator[TodoSystem]:
    """With events, one of which no app takes and one that cannot be handled.

    Its folder is on the pictures, and so has a name for people.
    """
    with (
        tempfile.TemporaryDirectory(prefix="home-") as folder,
        todo_system(Path(folder) / "todo", "--dashboard", HOME=folder) as system,
    ):
        system.program.wait_for("dashboard at http://")
        published = f"{system.sidecar}/v1.0/publish/kafka-pubsub"
        task: dict[str, object] = {
            "id": 7,
            "title": "Mend the bike",
            "description": "",
            "completed": "perhaps",
            "created_at": "2026-11-29T08:00:00Z",
        }
        wrong = {"action": "created", "task_id": 7, "data": task}
        for topic, event in (("task-event", {"lost": True}), ("task-events", wrong)):
            answer = httpx.post(f"{published}/{topic}", json=event, trust_env=False, timeout=30)
            answer.raise_for_status()
        for title in ("Buy oat milk", "Write to Ada", "Water the plants"):
            body = {"title": title, "description": ""}
            httpx.post(f"{system.backend}/tasks", json=body, trust_env=False, timeout=30).raise_for_status()
        yield system


@pytest.fixture(scope="module")
def opened(todo: TodoSystem, pytestconfig: pytest.Config) -> Iterator[Opened]:
    from support.engines import engine

    found = ADDRESS.search(todo.program.output)
    assert found
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=engine("chromium", pytestconfig), args=[*ARGUMENTS]
        )
        context = browser.new_context()
        page = context.new_page()
        page.goto(found[1])
        expect(page.locator("tbody tr").filter(has_text="handled")).to_have_count(3)
        yield Opened(browser, found[1].partition("/?")[0], context.storage_state())
        browser.close()


def addresses(page: Page, opened: Opened, of: DashboardPage) -> Iterator[str]:
    """Of a page, and one of each that it leads to below it; that of one event is found at home."""
    if of.title:
        page.goto(opened.own + of.path)
        yield of.path
    else:
        page.goto(opened.own)
    hrefs = page.locator("main a[href]").evaluate_all("all => all.map((each) => each.getAttribute('href'))")
    below = {
        urlsplit(href).path: href
        for href in reversed(hrefs)
        if href.startswith((f"{of.path}/", f"{of.path}?"))
    }
    yield from (href for path, href in sorted(below.items()) if not of.title or path != of.path)


def settled(page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    page.wait_for_function(UNTIL_SETTLED, timeout=30_000)


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("of", PAGES, ids=lambda page: page.path.strip("/"))
def test_a_page_has_nothing_that_axe_finds_wrong(
    opened: Opened, of: DashboardPage, look: str, tmp_path: Path
) -> None:
    context = opened.context(look)
    page = context.new_page()
    wrong: dict[str, Any] = {}
    seen = list(addresses(page, opened, of))
    assert seen
    for address in seen:
        page.goto(opened.own + address)
        settled(page)
        name = urlsplit(address).path.strip("/").replace("/", "-")
        picture = Path(FOLDER or tmp_path) / f"{name}-{look}.png"
        page.screenshot(path=picture, full_page=look == "narrow")
        assert picture.stat().st_size > 5_000
        page.evaluate(AXE)
        for each in page.evaluate(RUN_AXE):
            wrong[f"{address}: {each['id']}"] = [node["html"] for node in each["nodes"]]
        wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider == 0, address
    context.close()
    assert wrong == {}


def test_axe_would_find_what_is_wrong(opened: Opened) -> None:
    context = opened.context("light")
    page = context.new_page()
    page.goto(opened.own + "/events")
    page.evaluate("document.querySelector('main').append(document.createElement('button'))")
    page.evaluate(AXE)
    assert "button-name" in [each["id"] for each in page.evaluate(RUN_AXE)]
    context.close()
