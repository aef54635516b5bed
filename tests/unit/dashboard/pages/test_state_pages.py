"""The pages of state: nothing is overwritten that somebody else has changed, and all of it is text."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from outboard.dashboard.pages import state
from outboard.dashboard.watching import Watch
from outboard.errors import CommandError, EtagMismatch
from outboard.kit.state.store import StateEntry
from outboard.live.places import SearchPlaces
from outboard.live.stores import ListedKeys
from outboard.live.wiring import AppWiring
from support.dashboard import BASE, asking

pytestmark = pytest.mark.anyio

OWN = {"origin": BASE}
SCRIPT = "</textarea></pre><script>alert(1)</script>"
IMAGE = '"><img src=x onerror=alert(1)>'
WHERE = {"app": "api", "store": "store"}


class FakeStore:
    """The state of one app in the place of its sidecar, with what `OpenStore` has."""

    def __init__(self) -> None:
        self.name, self.prefix, self.version = "store", "api||", 1
        self.values: dict[str, tuple[Any, str]] = {}
        self.state = self
        self.places: list[str] = []
        self.changed_meanwhile = False

    def app_key(self, key: str) -> str:
        return key.removeprefix(self.prefix)

    def stored(self, key: str) -> str:
        return self.prefix + self.app_key(key)

    async def entry(self, key: str) -> StateEntry[object]:
        value, etag = self.values.get(key, (None, None))
        return StateEntry(key, value, etag)

    async def save(self, key: str, value: object, *, etag: str | None, concurrency: str | None) -> None:
        if self.changed_meanwhile:
            self.values[key] = ("theirs", "99")
        now = self.values.get(key, (None, None))[1]
        if (etag or concurrency == "first-write") and now != etag:
            raise EtagMismatch(self.name, key)
        self.version += 1
        self.values[key] = (value, str(self.version))

    async def delete(self, key: str, *, etag: str | None) -> None:
        if etag and self.values.get(key, (None, None))[1] != etag:
            raise EtagMismatch(self.name, key)
        self.values.pop(key, None)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> FakeStore:
    fake = FakeStore()

    @asynccontextmanager
    async def opened(places: SearchPlaces, name: str) -> AsyncIterator[FakeStore]:
        if name != fake.name:
            raise CommandError(f"there is no state store '{name}'", "There are: store.")
        fake.places.append(places.app_id)
        yield fake

    async def list_keys(places: SearchPlaces, name: str, begin: str, limit: int) -> ListedKeys:
        keys = sorted(fake.stored(key) for key in fake.values if key.startswith(begin))
        return ListedKeys(name, "api", fake.prefix, keys[:limit], len(keys) > limit)

    async def wirings(self: Watch) -> Sequence[AppWiring]:
        return [AppWiring("api", {"store": "state.redis"}, runs=True)]

    monkeypatch.setattr(state, "opened", opened)
    monkeypatch.setattr(state, "list_keys", list_keys)
    monkeypatch.setattr(Watch, "wirings", wirings)
    return fake


@pytest.fixture
async def browser(tmp_path: Path, store: FakeStore) -> AsyncIterator[httpx.AsyncClient]:
    async with asking(tmp_path) as client:
        yield client


async def opened_form(browser: httpx.AsyncClient, key: str) -> dict[str, str]:
    """What the form of a key's page would post."""
    page = await browser.get("/state/entry", params={**WHERE, "key": key})
    assert page.status_code == 200
    form = page.text.split('action="/state/save"')[1].split("</form>")[0]
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))
    value = form.split("<textarea")[1].split(">\n", 1)[1].split("</textarea>")[0]
    return {name: html.unescape(text) for name, text in {**fields, "value": value}.items()}


async def test_keys_are_listed_by_their_beginning(browser: httpx.AsyncClient, store: FakeStore) -> None:
    store.values = {"task-1": (1, "1"), "task-2": (2, "2"), "user-1": (3, "3")}
    page = (await browser.get("/state", params={"begin": "task"})).text
    assert "2 keys" in page
    assert "task-1" in page
    assert "user-1" not in page
    assert "api||" in page


async def test_a_value_is_edited(browser: httpx.AsyncClient, store: FakeStore) -> None:
    store.values = {"ana": ({"theme": "dark", "password": "geheim"}, "1")}
    form = await opened_form(browser, "ana")
    assert "geheim" not in form["value"]
    saved = await browser.post(
        "/state/save", data={**form, "value": form["value"].replace("dark", "light")}, headers=OWN
    )
    assert saved.status_code == 303
    assert store.values["ana"] == ({"theme": "light", "password": "geheim"}, "2")
    assert "Saved." in (await browser.get(saved.headers["location"])).text
    assert set(store.places) == {"api"}


@pytest.mark.parametrize("meanwhile", ["before", "during"])
async def test_nothing_is_overwritten_that_somebody_else_has_changed(
    browser: httpx.AsyncClient, store: FakeStore, meanwhile: str
) -> None:
    store.values = {"ana": ("mine", "1")}
    form = await opened_form(browser, "ana")
    if meanwhile == "before":
        store.values = {"ana": ("theirs", "2")}
    store.changed_meanwhile = meanwhile == "during"
    answer = await browser.post("/state/save", data={**form, "value": '"newest"'}, headers=OWN)
    assert answer.status_code == 409
    assert "Somebody else has changed it" in answer.text
    assert "theirs" in answer.text
    assert "newest" in answer.text
    assert store.values["ana"][0] == "theirs"


async def test_a_key_that_somebody_else_made_is_not_overwritten(
    browser: httpx.AsyncClient, store: FakeStore
) -> None:
    form = await opened_form(browser, "new")
    store.values = {"new": ("theirs", "1")}
    assert (await browser.post("/state/save", data={**form, "value": "1"}, headers=OWN)).status_code == 409
    assert store.values["new"] == ("theirs", "1")


async def test_a_key_is_made_and_deleted(browser: httpx.AsyncClient, store: FakeStore) -> None:
    form = await opened_form(browser, "new")
    await browser.post("/state/save", data={**form, "value": "[1]"}, headers=OWN)
    assert store.values == {"new": ([1], "2")}
    stale = await browser.post("/state/delete", data={**WHERE, "key": "new", "etag": "1"}, headers=OWN)
    assert stale.status_code == 409
    assert "nothing was deleted" in stale.text
    done = await browser.post("/state/delete", data={**WHERE, "key": "new", "etag": "2"}, headers=OWN)
    assert done.status_code == 303
    assert store.values == {}
    assert "Deleted." in (await browser.get(done.headers["location"])).text


@pytest.mark.parametrize(("value", "told"), [("{", "the value is no JSON"), ('"***"', "the value is ***")])
async def test_what_is_no_value_is_told_and_kept_in_the_form(
    browser: httpx.AsyncClient, store: FakeStore, value: str, told: str
) -> None:
    store.values = {"ana": ("mine", "1")}
    form = await opened_form(browser, "ana")
    answer = await browser.post("/state/save", data={**form, "value": value}, headers=OWN)
    assert answer.status_code == 400
    assert told in answer.text
    assert store.values == {"ana": ("mine", "1")}


async def test_a_store_that_is_not_there_is_told(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/state/entry", params={"app": SCRIPT, "store": SCRIPT, "key": "k"})
    assert answer.status_code == 400
    assert "<script>alert" not in answer.text
    assert "there is no state store" in answer.text


async def test_keys_and_values_are_text(browser: httpx.AsyncClient, store: FakeStore) -> None:
    store.values = {SCRIPT: ({IMAGE: SCRIPT}, IMAGE), IMAGE: (SCRIPT, "1")}
    pages = [await browser.get("/state"), await browser.get("/state", params={"begin": SCRIPT})]
    for key in (SCRIPT, IMAGE):
        pages.append(await browser.get("/state/entry", params={**WHERE, "key": key, "done": SCRIPT}))
        form = await opened_form(browser, key)
        assert form["key"] == key
        pages.append(await browser.post("/state/save", data={**form, "value": SCRIPT}, headers=OWN))
    for page in pages:
        assert page.status_code in (200, 400)
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text


@pytest.mark.parametrize("path", ["/state/save", "/state/delete"])
async def test_actions_ask_for_origin_and_session(
    browser: httpx.AsyncClient, store: FakeStore, tmp_path: Path, path: str
) -> None:
    store.values = {"ana": ("mine", "1")}
    form = {**WHERE, "key": "ana", "etag": "1", "value": "2"}
    for headers in (
        {},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {**OWN, "host": "evil.example"},
    ):
        assert (await browser.post(path, data=form, headers=headers)).status_code == 403
    browser.cookies.clear()
    assert (await browser.post(path, data=form, headers=OWN)).status_code == 401
    assert (await browser.get(path)).status_code == 401
    assert store.values == {"ana": ("mine", "1")}
