"""The story of the dashboard in a real browser: a task is found with all its hops, a handler fails, the dead
letter is found and mended, and the notification appears. On each pair that can show it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from support.todo import TodoSystem, todo_system

pytestmark = pytest.mark.engine("chromium")

ADDRESS = re.compile(r"dashboard at (http://\S+)")
CONTRAST = Path(__file__).with_name("contrast.js").read_text(encoding="utf-8")
OWN, DAPRD = "outboard", "daprd"
PAIRS = [(OWN, "local"), (OWN, "kafka-redis"), (DAPRD, "redis"), (DAPRD, "kafka-redis")]
"""daprd has no pub/sub component that is embedded and shared by two apps: Redis alone stands in its place."""

PATHS = (
    "/dead-letters",
    "/dead-letters?each=1",
    "/outbox",
    "/state",
    "/state/entry?app=backend&store=statestore&key=k",
)
on_one_pair = pytest.mark.parametrize("todo", PAIRS[:1], ids="-".join, indirect=True, scope="module")


@dataclass(frozen=True)
class Opened:
    """A system with a browser that has opened its dashboard."""

    todo: TodoSystem
    context: BrowserContext
    address: str

    def page(self, path: str) -> Page:
        page = self.context.new_page()
        page.goto(self.address + path)
        return page


@pytest.fixture(scope="module", autouse=True)
def patience() -> Iterator[None]:
    """A bound that only ends a hopeless wait: five processes share the machine with the other tests."""
    expect.set_options(timeout=30_000)
    yield
    expect.set_options(timeout=5_000)


@pytest.fixture(scope="module", params=PAIRS, ids=lambda pair: "-".join(pair))
def todo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TodoSystem]:
    sidecar, components = request.param
    folder = tmp_path_factory.mktemp("story")
    arguments = ["--dashboard", "--resources", f"components/{components}"]
    variables = {"HOME": str(folder), "REDIS_PASSWORD": ""}
    with ExitStack() as engines:
        if sidecar == DAPRD:
            arguments += ["--engine", "daprd", "--daprd-path", str(request.getfixturevalue("daprd"))]
        if "redis" in components:
            redis = request.getfixturevalue("redis_servers")()
            engines.callback(redis.stop)
            variables["REDIS_HOST"] = redis.address
        if "kafka" in components:
            kafka = request.getfixturevalue("kafka_brokers")()
            engines.callback(kafka.stop)
            variables["KAFKA_BROKERS"] = kafka.address
        with todo_system(folder / "todo", *arguments, **variables) as system:
            system.program.wait_for("dashboard at http://")
            yield system


@pytest.fixture(scope="module")
def cookies(todo: TodoSystem) -> list[object]:
    """Of the browser that opened the dashboard first: its token works once."""
    return []


@pytest.fixture
def opened(todo: TodoSystem, browser: Browser, cookies: list[object]) -> Iterator[Opened]:
    """What goes wrong in a page fails the test."""
    found = ADDRESS.search(todo.program.output)
    assert found
    context = browser.new_context()
    wrong: list[str] = []
    context.on("weberror", lambda error: wrong.append(str(error.error)))
    if cookies:
        context.add_cookies(cookies)  # type: ignore[arg-type]
    else:
        page = context.new_page()
        page.goto(found[1])
        expect(page.get_by_role("heading", name="Events", exact=True)).to_be_visible()
        cookies.extend(context.cookies())
    yield Opened(todo, context, found[1].partition("/?")[0])
    context.close()
    assert wrong == []


def event_page(opened: Opened, text: str) -> Page:
    """The page of the one event that has `text` in it."""
    page = opened.page(f"/events?text={text.replace(' ', '+')}")
    row = page.get_by_role("row").filter(has_text="task-events").filter(has_text="handled")
    try:
        expect(row).to_have_count(1)
    except AssertionError as error:
        seen = page.evaluate("document.visibilityState")
        error.add_note(f"the page, {seen}, says:\n{page.locator('body').inner_text()}")
        raise
    row.locator("a.id").click()
    return page


def fails(opened: Opened, title: str) -> None:
    """Have the handler of notifications fail: at an event whose data it cannot take."""
    page = event_page(opened, title)
    data = page.get_by_role("textbox", name="Data")
    data.fill(data.input_value().replace('"completed": false', '"completed": "perhaps"'))
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.locator("#published")).to_contain_text("Published to task-events")
    page.close()


def publish_bad(opened: Opened, data: str) -> None:
    """An event that the handler of notifications cannot take."""
    bad = {"action": "created", "task_id": 1, "data": data}
    url = f"{opened.todo.sidecar}/v1.0/publish/kafka-pubsub/task-events"
    httpx.post(url, json=bad, trust_env=False, timeout=30).raise_for_status()


@pytest.mark.timeout(120)
def test_a_task_is_found_and_what_failed_is_mended(opened: Opened, browser: Browser) -> None:
    tasks = browser.new_page()
    tasks.goto(opened.todo.backend)
    tasks.get_by_label("What is to be done?").fill("Buy oat milk")
    tasks.get_by_role("button", name="Add task").click()

    page = event_page(opened, "oat milk")
    steps = page.get_by_role("region", name="Timeline").get_by_role("listitem")
    for told in ("staged for task-events", "relayed to task-events", "SUCCESS"):
        expect(steps.filter(has_text=told)).not_to_have_count(0)
    expect(steps.filter(has_text="notification")).not_to_have_count(0)
    expect(page.locator(".lead")).to_contain_text("notification handled it")
    page.close()
    fails(opened, "oat milk")

    page = opened.page("/dead-letters?text=oat+milk")
    group = page.get_by_role("row").filter(has_text="InvalidEventData")
    expect(group).to_have_count(1)
    expect(group).to_contain_text("notification/events/task")
    group.get_by_role("link").first.click()
    page.get_by_role("link", name=re.compile("^Letter ")).first.click()
    expect(page.locator(".reason")).to_contain_text("data.data.completed: Input should be a valid boolean")

    data = page.get_by_role("textbox", name="Data")
    data.fill(data.input_value().replace('"perhaps"', "true").replace("oat", "mended"))
    page.get_by_role("button", name="Replay with this data…").click()
    expect(page.locator("#plan")).to_have_text("1 of 1 letter would be replayed. Nothing was done yet.")
    page.get_by_role("button", name="Replay 1 now").click()
    expect(page.get_by_text("1 of 1 letter went out, through the sidecar of notification.")).to_be_visible()

    events = tasks.get_by_role("list", name="Notifications").get_by_role("listitem")
    expect(events.first).to_contain_text("created Buy mended milk")
    page.get_by_role("link", name="What became of the event").click()
    expect(page.locator(".lead")).to_contain_text("handled")
    page.goto(opened.address + "/dead-letters?text=oat+milk")
    expect(page.get_by_text("No letter fits.").first).to_be_visible()
    tasks.close()


@on_one_pair
def test_a_replay_that_fails_again_is_marked(opened: Opened) -> None:
    publish_bad(opened, "stays-bad")
    page = opened.page("/dead-letters?text=stays-bad")
    page.get_by_role("button", name="Replay all that fit…").click()
    page.get_by_role("button", name="Replay 1 now").click()
    anew = page.get_by_role("row").filter(has_text="failed anew, 2 times in all")
    expect(anew).to_have_count(1)
    anew.get_by_role("link").first.click()
    page.get_by_role("button", name="Drop…").click()
    expect(page.get_by_text("1 letter would be dropped. Nothing was done yet.")).to_be_visible()
    page.get_by_role("button", name="Drop 1 now").click()
    expect(page.get_by_text("1 dropped.")).to_be_visible()


@on_one_pair
def test_state_is_browsed_and_edited_where_nobody_else_has(opened: Opened) -> None:
    key, url = "<b>ana", f"{opened.todo.backend}/api/state/%3Cb%3Eana"
    httpx.post(url, json={"theme": "dark", "password": "geheim"}, trust_env=False).raise_for_status()
    page = opened.page("/state?app=backend&store=statestore")
    page.get_by_role("link", name=key, exact=True).click()
    value = page.get_by_role("textbox", name="Value, JSON")
    assert "geheim" not in page.content()
    value.fill(value.input_value().replace("dark", "light"))
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert httpx.get(url, trust_env=False).json() == {"theme": "light", "password": "geheim"}

    httpx.post(url, json={"theme": "blue"}, trust_env=False).raise_for_status()
    value.fill('{"theme": "red"}')
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Somebody else has changed it")
    assert httpx.get(url, trust_env=False).json() == {"theme": "blue"}
    page.get_by_text("Delete…").click()
    page.get_by_role("button", name="Delete this key").click()
    expect(page.get_by_text("Deleted.")).to_be_visible()
    assert httpx.get(url, trust_env=False).status_code == 404


@on_one_pair
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_are_readable_at_every_width(opened: Opened, scheme: str) -> None:
    """Colours that stand out, nothing over the edge, and one heading: of each page, with something in it."""
    publish_bad(opened, "W" * 200)
    page = opened.page("/dead-letters")
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    expect(page.get_by_role("row").filter(has_text="InvalidEventData").first).to_be_visible()
    for path in (
        "/dead-letters",
        "/dead-letters?each=1",
        "/outbox",
        "/state",
        "/state/entry?app=backend&store=statestore&key=k",
    ):
        page.goto(opened.address + path)
        found = page.evaluate(CONTRAST)
        assert found["looked"] > 10
        assert found["low"] == [], path
        assert page.get_by_role("heading", level=1).count() == 1
        for width in (360, 1900):
            page.set_viewport_size({"width": width, "height": 800})
            wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert page.evaluate(wider) == 0, (path, width)


@on_one_pair
def test_the_keyboard_is_enough_to_mend_a_letter(opened: Opened) -> None:
    publish_bad(opened, "by-keyboard")
    page = opened.page("/dead-letters?each=1&text=by-keyboard")
    page.get_by_role("link", name=re.compile("^Letter ")).first.focus()
    page.keyboard.press("Enter")
    data = page.get_by_role("textbox", name="Data")
    data.focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("[]")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Replay with this data…")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#plan")).to_contain_text("would be replayed")
