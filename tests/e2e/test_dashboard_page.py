"""The dashboard in a real browser, beside the to-do system."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from playwright.sync_api import Browser, Page, Request, Route, expect

from support.spans import proto_span, request
from support.todo import TodoSystem, todo_system

pytestmark = pytest.mark.engine("chromium")

CONTRAST = Path(__file__).with_name("contrast.js").read_text(encoding="utf-8")
SPAN_TOKEN = "the-token-of-spans"
ADDRESS = re.compile(r"dashboard at (http://\S+)")


@dataclass(frozen=True)
class Dashboard:
    """The page of one dashboard that was opened with its token."""

    page: Page
    todo: TodoSystem
    address: str

    def open(self, path: str) -> None:
        self.page.goto(self.address.partition("/?")[0] + path)


@pytest.fixture(scope="module")
def todo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TodoSystem]:
    folder = tmp_path_factory.mktemp("dashboard")
    own = {"HOME": str(folder), "OUTBOARD_SPANS_TOKEN": SPAN_TOKEN}
    with todo_system(folder / "todo", "--dashboard", **own) as system:
        system.program.wait_for("dashboard at http://")
        yield system


@pytest.fixture(scope="module")
def state(todo: TodoSystem) -> dict[str, object]:
    """The cookie that a test before has got: the token works once."""
    return {}


@pytest.fixture
def dashboard(todo: TodoSystem, browser: Browser, state: dict[str, object]) -> Iterator[Dashboard]:
    """Opened; an error in a script, a request elsewhere, or what the policy refuses, fails the test."""
    found = ADDRESS.search(todo.program.output)
    assert found
    own = found[1].partition("/?")[0]
    context = browser.new_context(storage_state=json.loads(json.dumps(state)) if state else None)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)

    def look(request: Request) -> None:
        if not request.url.startswith(own):
            wrong.append(f"asked {request.url}")

    page.on("request", look)
    page.goto(f"{own}/" if state else found[1])
    expect(page.get_by_role("heading", name="Events", exact=True)).to_be_visible()
    state.update(context.storage_state())
    yield Dashboard(page, todo, found[1])
    context.close()
    assert wrong == []


def added(todo: TodoSystem, title: str, description: str = "") -> None:
    body = {"title": title, "description": description}
    httpx.post(f"{todo.backend}/tasks", json=body, trust_env=False, timeout=30).raise_for_status()


def readable(page: Page) -> None:
    contrast = page.evaluate(CONTRAST)
    assert contrast["looked"] > 20
    assert contrast["low"] == []


def searched(page: Page, text: str) -> None:
    """Filter by `text`, and wait until the table is that of the filter."""
    page.get_by_label("Text").fill(text)
    page.wait_for_url(re.compile("text="))


def test_a_task_that_is_added_is_found_with_all_its_hops(dashboard: Dashboard, browser: Browser) -> None:
    page = dashboard.page
    tasks = browser.new_page()
    tasks.goto(dashboard.todo.backend)
    tasks.get_by_label("What is to be done?").fill("Buy oat milk")
    tasks.get_by_role("button", name="Add task").click()

    searched(page, "oat milk")
    row = page.get_by_role("row").filter(has_text="task-events")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("handled")
    assert "text=oat+milk" in page.url
    row.locator("a.id").click()

    steps = page.get_by_role("region", name="Timeline").get_by_role("listitem")
    expect(steps).to_have_count(3)
    expect(steps.nth(0)).to_contain_text("staged for task-events")
    expect(steps.nth(1)).to_contain_text("relayed to task-events; the broker has it")
    expect(steps.nth(2)).to_contain_text("notification")
    expect(steps.nth(2)).to_contain_text("SUCCESS")
    expect(page.locator("pre.data")).to_contain_text('"title": "Buy oat milk"')
    expect(page.locator("svg.diagram .arrow")).to_have_count(3)

    made_by = page.locator(".facts code").filter(has_text=re.compile("^00-")).inner_text().split("-")
    sent = proto_span(
        "<b>queue</b>", trace_id=bytes.fromhex(made_by[1]), parent_span_id=bytes.fromhex(made_by[2]),
        attributes=[KeyValue(key="queue.name", value=AnyValue(string_value="<i>mails</i>"))],
    )  # fmt: skip
    headers = {"content-type": "application/x-protobuf", "x-outboard-token": SPAN_TOKEN}
    body = request(sent, service="notification").SerializeToString()
    url = f"{dashboard.address.partition('/?')[0]}/v1/traces"
    httpx.post(url, content=body, headers=headers, trust_env=False).raise_for_status()
    expect(steps).to_have_count(4)
    expect(steps.nth(2)).to_contain_text("<b>queue</b> (server), 250 ms")
    expect(steps.nth(3)).to_contain_text("SUCCESS")
    steps.nth(2).get_by_text("1 attribute").click()
    expect(steps.nth(2).get_by_role("definition")).to_have_text("<i>mails</i>")
    readable(page)


def test_a_row_comes_by_itself_and_a_pause_holds_the_table(dashboard: Dashboard) -> None:
    page = dashboard.page
    added(dashboard.todo, "Comes by itself")
    searched(page, "by itself")
    expect(page.locator("tbody tr")).to_have_count(1)

    asked: list[Route] = []
    page.route("**/events?*paused=1*", lambda route: asked.append(route))
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    added(dashboard.todo, "Already by itself")
    page.wait_for_timeout(2_000)  # as long as a row needs, and longer
    expect(page.locator("tbody tr")).to_have_count(1)  # it is held before the server has answered
    (answer,) = asked
    answer.continue_()
    page.wait_for_url(re.compile("paused=1"))
    page.unroute("**/events?*paused=1*")
    expect(page.locator("tbody tr")).to_have_count(2)
    added(dashboard.todo, "Also by itself")
    page.wait_for_timeout(2_000)  # as long as a row needs, and longer
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_label("Outcome").select_option("handled")
    page.wait_for_url(re.compile("outcome=well"))
    assert "paused=1" in page.url  # another filter holds it, too
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("tbody tr")).to_have_count(3)
    added(dashboard.todo, "Once more by itself")
    expect(page.locator("tbody tr")).to_have_count(4)


def test_a_payload_is_text(dashboard: Dashboard) -> None:
    page = dashboard.page
    script = "<script>document.title = 'owned'</script><img src=x onerror=\"document.title = 'owned'\">"
    added(dashboard.todo, "A payload", script)
    searched(page, "onerror")
    page.locator("tbody tr a.id").first.click()
    expect(page.locator("pre.data")).to_contain_text("<script>document.title")
    assert "owned" not in page.title()


def test_an_event_is_published_again_with_other_data(dashboard: Dashboard) -> None:
    page = dashboard.page
    added(dashboard.todo, "First words")
    searched(page, "First words")
    page.locator("tbody tr a.id").first.click()
    data = page.get_by_role("textbox", name="Data")
    data.fill(data.input_value().replace("First words", "Other words"))
    page.get_by_role("button", name="Publish", exact=True).click()
    published = page.locator("#published")
    expect(published).to_contain_text("Published to task-events of kafka-pubsub")
    expect(published).to_contain_text("notification gets it")
    published.get_by_role("link").click()
    expect(page.locator(".lead")).to_contain_text("notification handled it")
    kept = httpx.get(f"{dashboard.todo.notification}/notifications", trust_env=False).text
    assert "Other words" in kept


def test_what_is_copied_is_on_the_clipboard(dashboard: Dashboard) -> None:
    page = dashboard.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    added(dashboard.todo, "To copy")
    searched(page, "To copy")
    page.locator("tbody tr a.id").first.click()
    page.locator("[data-copy=copy-cli]").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("outboard publish --topic task-events --pubsub kafka-pubsub")


def test_the_keyboard_is_enough(dashboard: Dashboard) -> None:
    page = dashboard.page
    added(dashboard.todo, "By keyboard")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Text")).to_be_focused()
    page.keyboard.type("By keyboard")
    page.wait_for_url(re.compile("text="))
    row = page.locator("tbody tr a.id").first
    expect(row).to_be_visible()
    row.focus()
    added(dashboard.todo, "By keyboard too")  # the focus stays where it is when rows come
    expect(page.locator("tbody tr")).to_have_count(2)
    page.keyboard.press("Enter")
    expect(page.locator("pre.data")).to_contain_text('"By keyboard"')


def test_colours_follow_the_system_and_the_switch(dashboard: Dashboard) -> None:
    page = dashboard.page
    ground = "getComputedStyle(document.body).backgroundColor"
    page.emulate_media(color_scheme="light")
    light = page.evaluate(ground)
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(ground)
    assert light != dark
    page.get_by_role("button", name="Colours: as the system has them").click()
    assert page.evaluate(ground) == light
    page.reload()
    assert page.evaluate(ground) == light
    page.get_by_role("button", name="Colours: light").click()
    assert page.evaluate(ground) == dark


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(dashboard: Dashboard, scheme: str) -> None:
    page = dashboard.page
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    added(dashboard.todo, "To read")
    searched(page, "To read")
    link = page.locator("tbody tr a.id").first
    expect(link).to_be_visible()
    readable(page)
    link.click()
    expect(page.locator("pre.data")).to_be_visible()
    readable(page)


@pytest.mark.parametrize("width", [360, 800, 1900])
def test_nothing_stands_out_over_the_edge(dashboard: Dashboard, width: int) -> None:
    page = dashboard.page
    page.set_viewport_size({"width": width, "height": 800})
    added(dashboard.todo, "W" * 100)
    searched(page, "W" * 100)
    link = page.locator("tbody tr a.id").first
    expect(link).to_be_visible()
    wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(wider) == 0
    link.click()
    expect(page.locator("pre.data")).to_be_visible()
    assert page.evaluate(wider) == 0
    dashboard.open("/flow")
    expect(page.get_by_role("link", name="backend app")).to_be_visible()
    assert page.evaluate(wider) == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_graph_moves_and_shows_what_nobody_takes(dashboard: Dashboard, scheme: str) -> None:
    page = dashboard.page
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.get_by_role("link", name="Flow").click()
    expect(page.get_by_role("link", name="backend app")).to_be_visible()
    expect(page.get_by_role("link", name="notification app")).to_be_visible()

    url = f"{dashboard.todo.sidecar}/v1.0/publish/kafka-pubsub/task-event-{scheme}"
    httpx.post(url, json={}, trust_env=False).raise_for_status()
    wrong = page.get_by_role("region", name="Wired wrongly")
    expect(wrong).to_contain_text(f"no app takes task-event-{scheme} of kafka-pubsub")
    expect(wrong).to_contain_text("Did you mean `task-events`, which notification takes?")
    added(dashboard.todo, "To be counted")
    row = page.get_by_role("row").filter(has_text=re.compile("^backendpublishes totask-events[0-9]"))
    expect(row).not_to_contain_text("0.00")
    readable(page)

    page.get_by_role("link", name=re.compile(f"task-event-{scheme} nobody takes it")).click()
    expect(page).to_have_url(re.compile(f"/events.topic=task-event-{scheme}"))
    expect(page.locator("tbody tr")).to_have_count(1)


def test_another_site_gets_nothing_of_it(dashboard: Dashboard, browser: Browser) -> None:
    """A page of the to-do system, which is another port of this machine, and has the cookie sent along."""
    state = dashboard.page.context.storage_state()
    context = browser.new_context(storage_state=state)
    page = context.new_page()
    page.goto(dashboard.todo.backend.replace("localhost", "127.0.0.1"))
    own = dashboard.address.partition("/?")[0]
    asked = """async ([url, method]) => {
        const body = method === "POST" ? "topic=task-events&data={}" : undefined;
        try {
            const answer = await fetch(url, {method, body, credentials: "include", mode: "no-cors"});
            return [answer.type, (await answer.text()).length];
        } catch (error) {
            return ["refused", 0];
        }
    }"""
    for path, method in (("/events", "GET"), ("/event/publish", "POST")):
        assert page.evaluate(asked, [own + path, method])[1] == 0
    context.close()
