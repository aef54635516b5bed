"""The pages of events as a browser gets them: everything that comes from an event is text."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from outboard.dashboard.pages.events import MOST_ROWS
from outboard.hops.record import HopKind
from support.dashboard import BASE, asking, hop, write_hops

pytestmark = pytest.mark.anyio

SCRIPT = "<script>alert(1)</script>"
TOPIC = '"><img src=x onerror=alert(1)>'
STORED = HopKind.STORED


async def get(folder: Path, path: str) -> httpx.Response:
    async with asking(folder) as client:
        return await client.get(path)


async def test_what_looks_like_html_is_shown_as_text_wherever_it_stands(tmp_path: Path) -> None:
    nasty = [
        hop(STORED, "e1", app_id=SCRIPT, topic=TOPIC, key=SCRIPT, correlation=SCRIPT, source=SCRIPT,
            data='{"title": "</pre></textarea><script>alert(1)</script>"}'),
        hop(HopKind.DELIVERED, "e1", app_id=SCRIPT, topic=TOPIC, outcome="DROP", detail=SCRIPT, at=1_001),
    ]  # fmt: skip
    write_hops(tmp_path, nasty)
    for path in (
        "/events",
        "/event?id=e1",
        "/events?text=" + SCRIPT,
        "/event?id=" + SCRIPT,
        "/events?topic=" + TOPIC,
    ):
        answer = await get(tmp_path, path)
        assert "<script>alert" not in answer.text, path
        assert "<img" not in answer.text, path
        assert "</textarea><script" not in answer.text, path
    answer = await get(tmp_path, "/event?id=e1")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in answer.text
    assert "&lt;img src=x onerror=alert(1)&gt;" in answer.text


async def test_a_table_has_at_most_so_many_rows(tmp_path: Path) -> None:
    write_hops(tmp_path, [hop(STORED, f"e{n}", at=float(n)) for n in range(MOST_ROWS + 50)])
    answer = await get(tmp_path, "/events")
    assert answer.text.count('<tr id="e-') == MOST_ROWS
    assert f"The newest {MOST_ROWS} of 250 events" in answer.text
    assert 'id="e-e249"' in answer.text
    assert 'id="e-e49"' not in answer.text


async def test_the_address_of_a_filter_is_the_short_one(tmp_path: Path) -> None:
    write_hops(tmp_path, [hop(STORED)])
    answer = await get(tmp_path, "/events?topic=orders&app=&outcome=&key=&correlation=&text=")
    assert answer.headers["hx-replace-url"] == "/events?topic=orders"
    assert "<option selected>orders</option>" in answer.text


async def test_a_paused_page_asks_for_no_stream(tmp_path: Path) -> None:
    assert "hx-sse:connect" in (await get(tmp_path, "/events")).text
    paused = (await get(tmp_path, "/events?paused=1&topic=x")).text
    assert "hx-sse:connect" not in paused
    assert 'href="/events?topic=x"' in paused


async def test_an_event_that_nobody_knows_is_told(tmp_path: Path) -> None:
    answer = await get(tmp_path, "/event?id=nothing")
    assert answer.status_code == 404
    assert "nothing" in answer.text


async def test_what_cannot_be_published_says_why(tmp_path: Path) -> None:
    """There is no run that any sidecar belongs to."""
    async with asking(tmp_path) as client:
        form = {"topic": "orders", "data": "{}"}
        for more, status in (({}, 400), ({"hx-request": "true"}, 200)):
            answer = await client.post("/event/publish", data=form, headers={"origin": BASE, **more})
            assert answer.status_code == status
            assert "there is no run that runs now" in answer.text


async def test_navigation_has_pages_that_are_there(tmp_path: Path) -> None:
    async with asking(tmp_path) as client:
        page = (await client.get("/events")).text
        links = {part.split('"')[0] for part in page.split("<nav")[1].split("</nav>")[0].split('href="')[1:]}
        assert "/events" in links
        for link in links:
            assert (await client.get(link)).status_code == 200, link


async def test_what_is_copied_or_published_without_its_data_says_so(tmp_path: Path) -> None:
    write_hops(tmp_path, [hop(STORED, "bare"), hop(STORED, "whole", data="{}")])
    told = "The record does not have its data"
    assert (await get(tmp_path, "/event?id=bare")).text.count(told) == 2
    assert told not in (await get(tmp_path, "/event?id=whole")).text


async def test_the_graph_shows_names_as_text(tmp_path: Path) -> None:
    write_hops(tmp_path, [hop(STORED, app_id=SCRIPT, topic=TOPIC)])
    answer = await get(tmp_path, "/flow")
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    assert "<img" not in answer.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in answer.text
