"""The page of the to-do system in a real browser, the whole system behind it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, Request, expect

from support.todo import TodoSystem, todo_system

pytestmark = pytest.mark.engine("chromium")

NAMELESS = re.compile(
    r'^\s*- (?:button|textbox|searchbox|checkbox|radio|link|img|group|list|navigation)\b(?! ").*', re.M
)

CONTRAST = Path(__file__).with_name("contrast.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def todo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TodoSystem]:
    with todo_system(tmp_path_factory.mktemp("page") / "todo") as system:
        yield system


@pytest.fixture
def page(todo: TodoSystem, browser: Browser) -> Iterator[Page]:
    """The page with nothing in it, and live; an error in its script fails the test."""
    _empty(todo)
    page = browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    _open(page, todo)
    yield page
    assert errors == []


def _empty(todo: TodoSystem) -> None:
    with httpx.Client(base_url=todo.backend, trust_env=False) as client:
        for task in client.get("/tasks", params={"limit": 200}).json()["items"]:
            client.delete(f"/tasks/{task['id']}").raise_for_status()
        client.delete("/api/state/preferences").raise_for_status()


def _open(page: Page, todo: TodoSystem) -> None:
    page.goto(todo.backend)
    expect(page.get_by_text("Live", exact=True)).to_be_visible()


def _add(page: Page, title: str, description: str = "") -> None:
    page.get_by_label("What is to be done?").fill(title)
    page.get_by_label("Details (optional)").fill(description)
    page.get_by_role("button", name="Add task").click()
    expect(_tick(page, title)).to_be_visible()


def _tick(page: Page, title: str) -> Locator:
    return page.get_by_role("checkbox", name=title)


def _events(page: Page) -> Locator:
    return page.get_by_role("list", name="Notifications").get_by_role("listitem")


def test_todo_page_shows_each_change_arriving_as_a_notification(page: Page) -> None:
    _add(page, "Buy oat milk", "two litres")
    expect(_events(page).first).to_contain_text("created Buy oat milk")

    page.get_by_role("button", name="Edit Buy oat milk").click()
    page.get_by_label("Task", exact=True).fill("Buy soy milk")
    page.get_by_role("button", name="Save").click()
    expect(_tick(page, "Buy soy milk")).to_be_visible()
    expect(_events(page).first).to_contain_text("updated Buy soy milk")

    _tick(page, "Buy soy milk").check()
    expect(_events(page).first).to_contain_text("completed Buy soy milk")

    page.get_by_role("button", name="Delete Buy soy milk").click()
    expect(_events(page).first).to_contain_text("deleted Buy soy milk")
    expect(page.get_by_text("No tasks yet.")).to_be_visible()


def test_todo_page_shows_what_somebody_else_does(page: Page, todo: TodoSystem) -> None:
    httpx.post(
        f"{todo.backend}/tasks", json={"title": "<b>From elsewhere</b>"}, trust_env=False
    ).raise_for_status()

    expect(_events(page).first).to_contain_text("created <b>From elsewhere</b>")
    expect(_tick(page, "<b>From elsewhere</b>")).to_be_visible()
    expect(page.locator("#events-spoken")).to_have_text("Notification: <b>From elsewhere</b> created")


def test_todo_page_edit_that_is_cancelled_changes_nothing(page: Page) -> None:
    _add(page, "Stay as I am")

    page.get_by_role("button", name="Edit Stay as I am").click()
    page.get_by_label("Task", exact=True).fill("Something else")
    page.keyboard.press("Escape")

    expect(_tick(page, "Stay as I am")).to_be_visible()
    expect(page.get_by_role("button", name="Edit Stay as I am")).to_be_focused()


def test_todo_page_filters_and_searches(page: Page) -> None:
    for title in ("Open one", "Done one", "Open two"):
        _add(page, title)
    _tick(page, "Done one").check()

    page.get_by_role("radio", name="Open").check()
    expect(page.get_by_role("checkbox")).to_have_count(2)
    page.get_by_role("radio", name="Done").check()
    expect(page.get_by_role("checkbox")).to_have_count(1)
    page.get_by_role("radio", name="All").check()
    page.get_by_role("searchbox", name="Search").fill("TWO")
    expect(page.get_by_role("checkbox")).to_have_count(1)
    expect(_tick(page, "Open two")).to_be_visible()


def test_todo_page_turns_over_many_tasks(page: Page, todo: TodoSystem) -> None:
    for number in range(23):
        body = {"title": f"Task number {number}"}
        httpx.post(f"{todo.backend}/tasks", json=body, trust_env=False).raise_for_status()

    expect(page.get_by_text("1 to 20 of 23 tasks")).to_be_visible()
    page.get_by_role("button", name="Older").click()
    expect(page.get_by_text("21 to 23 of 23 tasks")).to_be_visible()
    expect(_tick(page, "Task number 0")).to_be_visible()
    expect(page.get_by_role("button", name="Older")).to_be_disabled()


def test_todo_page_keeps_theme_and_filter_in_the_state_store(
    page: Page, todo: TodoSystem, browser: Browser
) -> None:
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.get_by_role("radio", name="Light").check()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    with page.expect_response(
        lambda response: response.request.method == "POST" and "/api/state/" in response.url
    ):
        page.get_by_role("radio", name="Open").check()

    elsewhere = browser.new_page(color_scheme="dark")
    _open(elsewhere, todo)

    expect(elsewhere.locator("html")).to_have_attribute("data-theme", "light")
    expect(elsewhere.get_by_role("radio", name="Open")).to_be_checked()


def test_todo_page_works_by_keyboard_alone(page: Page) -> None:
    def tab_to(target: Locator) -> None:
        for _ in range(30):
            page.keyboard.press("Tab")
            if target.evaluate("element => element === document.activeElement"):
                return
        raise AssertionError(f"Tab never comes to {target}")

    tab_to(page.get_by_label("What is to be done?"))
    page.keyboard.type("Typed by hand")
    page.keyboard.press("Enter")
    expect(_tick(page, "Typed by hand")).to_be_visible()
    expect(page.get_by_label("What is to be done?")).to_be_focused()

    tab_to(_tick(page, "Typed by hand"))
    page.keyboard.press("Space")
    expect(_events(page).first).to_contain_text("completed Typed by hand")

    tab_to(page.get_by_role("button", name="Edit Typed by hand"))
    page.keyboard.press("Enter")
    page.keyboard.type("Typed again")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Edit Typed again")).to_be_focused()

    tab_to(page.get_by_role("button", name="Delete Typed again"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Tasks")).to_be_focused()


def test_todo_page_says_when_the_backend_is_away(page: Page) -> None:
    page.route("**/tasks", lambda route: route.abort())
    page.get_by_label("What is to be done?").fill("Never stored")
    page.get_by_role("button", name="Add task").click()

    expect(page.get_by_role("alert")).to_contain_text("The backend does not answer")
    expect(page.get_by_label("What is to be done?")).to_have_value("Never stored")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_todo_page_is_legible_and_every_control_has_a_name(page: Page, scheme: str) -> None:
    _add(page, "Read me", "with details")
    _add(page, "Done already")
    _tick(page, "Done already").check()
    expect(_events(page).first).to_contain_text("completed")
    page.get_by_role("button", name="Edit Read me").click()
    page.get_by_role("radio", name=scheme.capitalize()).check()

    contrast = page.evaluate(CONTRAST)

    assert contrast["looked"] > 20
    assert contrast["low"] == []
    assert NAMELESS.findall(page.locator("body").aria_snapshot()) == []
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.get_by_role("heading", level=1).count() == 1


def test_todo_page_fits_a_narrow_screen(page: Page) -> None:
    _add(page, "A" * 200, "B" * 300)
    page.set_viewport_size({"width": 320, "height": 640})

    assert page.evaluate("document.documentElement.scrollWidth") == 320


def test_todo_page_asks_nobody_but_the_two_services(browser: Browser, todo: TodoSystem) -> None:
    page = browser.new_page()
    asked: set[str] = set()

    def note(request: Request) -> None:
        address = urlsplit(request.url)
        asked.add(f"{address.scheme}://{address.netloc}")

    page.on("request", note)
    _open(page, todo)

    assert asked == {todo.backend, todo.notification}
