"""Filters of events that are saved by name: for one person, on all ports, and as text."""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from outboard.dashboard.saved_filters import SavedFilters, saved_filters_file
from outboard.errors import CommandError
from support.dashboard import BASE, asking

pytestmark = pytest.mark.anyio

OWN = {"origin": BASE}
NAME = "<b>failed & late</b>"


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with asking(tmp_path) as client:
        yield client


async def test_a_filter_is_saved_found_and_forgotten(browser: httpx.AsyncClient, tmp_path: Path) -> None:
    query = "?topic=orders&outcome=failed"
    page = (await browser.get(f"/events{query}")).text
    assert 'href="/events/filters?topic=orders&amp;outcome=failed"' in page
    form = (await browser.get(f"/events/filters{query}")).text
    assert 'value="?topic=orders&amp;outcome=failed"' in form
    saved = await browser.post("/events/filters", data={"query": query, "name": NAME}, headers=OWN)
    assert (saved.status_code, saved.headers["location"]) == (303, f"/events{query}")
    async with asking(tmp_path) as another:
        page = (await another.get(f"/events{query}")).text
    assert NAME not in page
    link = '<a href="/events?topic=orders&amp;outcome=failed" aria-current="true">&lt;b&gt;failed &amp; late'
    assert link in page
    assert NAME not in (await browser.get("/events/filters")).text
    await browser.post("/events/filters", data={"forget": NAME}, headers=OWN)
    assert "No filter is saved." in (await browser.get("/events/filters")).text


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"query": "?topic=x", "name": " "}, "a name has 1 to 60 characters"),
        ({"query": "?topic=x", "name": "n" * 61}, "a name has 1 to 60 characters"),
        ({"query": "?odd=1&paused=1", "name": "n"}, "this filter asks for nothing"),
        ({"name": "n"}, "this filter asks for nothing"),
    ],
)
async def test_what_is_no_filter_is_not_saved(
    browser: httpx.AsyncClient, form: dict[str, str], told: str
) -> None:
    answer = await browser.post("/events/filters", data=form, headers=OWN)
    assert answer.status_code == 400
    assert told in answer.text
    assert "No filter is saved." in (await browser.get("/events/filters")).text


async def test_another_site_saves_nothing(browser: httpx.AsyncClient) -> None:
    form = {"query": "?topic=x", "name": "n"}
    for headers in ({}, {"origin": "http://evil.example"}):
        assert (await browser.post("/events/filters", data=form, headers=headers)).status_code == 403
    assert "No filter is saved." in (await browser.get("/events/filters")).text


@pytest.mark.parametrize("content", ["", "[]", "{", '{"a": 1, "b": "javascript:x"}'])
def test_a_file_that_is_not_ours_has_no_filters(tmp_path: Path, content: str) -> None:
    file = saved_filters_file(tmp_path)
    file.parent.mkdir()
    file.write_text(content, encoding="utf-8")
    assert SavedFilters(file).all() == {}


def test_there_is_room_for_so_many(tmp_path: Path) -> None:
    filters = SavedFilters(saved_filters_file(tmp_path))
    for number in range(100):
        filters.save(f"n{number}", "?topic=x")
    filters.save("n5", "?topic=y")
    assert filters.all()["n5"] == "?topic=y"
    with pytest.raises(CommandError):
        filters.save("one more", "?topic=x")


@pytest.mark.skipif(os.name == "nt", reason="files have owners on POSIX")
def test_they_are_for_one_person(tmp_path: Path) -> None:
    file = saved_filters_file(tmp_path)
    SavedFilters(file).save("n", "?topic=x")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
