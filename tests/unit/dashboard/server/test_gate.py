"""What gets through the gate, and what each answer tells the browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from outboard.dashboard.security.response_headers import RESPONSE_HEADERS
from support.dashboard import BASE, TOKEN, dashboard

pytestmark = pytest.mark.anyio


@pytest.fixture
async def stranger(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A browser that was never here."""
    async with httpx.AsyncClient(transport=dashboard(tmp_path), base_url=BASE) as client:
        yield client


async def test_the_token_becomes_a_cookie_that_no_script_and_no_other_site_has(
    stranger: httpx.AsyncClient,
) -> None:
    answer = await stranger.get("/", params={"token": TOKEN})
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert TOKEN not in cookie
    assert (await stranger.get("/events")).status_code == 200


async def test_a_token_opens_one_browser(stranger: httpx.AsyncClient) -> None:
    await stranger.get("/", params={"token": TOKEN})
    stranger.cookies.clear()
    again = await stranger.get("/", params={"token": TOKEN})
    assert again.status_code == 401
    assert "set-cookie" not in again.headers
    assert "was used before" in again.text
    assert (await stranger.get("/events")).status_code == 401


async def test_a_wrong_token_opens_nothing(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/", params={"token": "wrong"})
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert "not that of this dashboard" in answer.text


async def test_a_request_that_shows_nothing_uses_no_token_up(stranger: httpx.AsyncClient) -> None:
    assert (await stranger.head("/", params={"token": TOKEN})).status_code == 401
    assert (await stranger.get("/", params={"token": TOKEN})).status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/events", "/events/stream", "/event?id=e1", "/event/publish", "/nowhere"]
)
async def test_nothing_is_shown_without_the_cookie(stranger: httpx.AsyncClient, path: str) -> None:
    answer = await stranger.get(path)
    assert answer.status_code == 401
    assert "outboard dashboard" in answer.text


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({"host": "evil.example"}, "no name of this dashboard"),
        ({"origin": "http://evil.example"}, "may not use this dashboard"),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}, "Pages elsewhere"),
    ],
)
@pytest.mark.parametrize("path", ["/events", "/static/dashboard.css", f"/?token={TOKEN}"])
async def test_other_sites_get_nothing_with_cookie_or_token(
    stranger: httpx.AsyncClient, headers: dict[str, str], told: str, path: str
) -> None:
    await stranger.get("/", params={"token": TOKEN})
    answer = await stranger.get(path, headers=headers)
    assert answer.status_code == 403
    assert told in answer.text


async def test_another_site_cannot_publish(stranger: httpx.AsyncClient) -> None:
    await stranger.get("/", params={"token": TOKEN})
    for headers in (
        {},
        {"origin": "null"},
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:2"},
    ):
        answer = await stranger.post(
            "/event/publish", data={"topic": "orders", "data": "{}"}, headers=headers
        )
        assert answer.status_code == 403, headers


@pytest.mark.parametrize("path", ["/events", "/static/dashboard.css", "/nowhere", "/static/nothing.js"])
async def test_every_answer_says_what_may_run(stranger: httpx.AsyncClient, path: str) -> None:
    for _ in range(2):
        answer = await stranger.get(path)
        for name, value in RESPONSE_HEADERS.items():
            assert answer.headers[name] == value
        assert answer.headers["cache-control"] == (
            "max-age=31536000, immutable" if path.startswith("/static/") else "no-store"
        )
        await stranger.get("/", params={"token": TOKEN})


async def test_a_page_that_is_not_there_says_so(stranger: httpx.AsyncClient) -> None:
    await stranger.get("/", params={"token": TOKEN})
    answer = await stranger.get("/nowhere")
    assert answer.status_code == 404
    assert "There is no such page." in answer.text


async def test_no_file_outside_of_the_folder_is_served(stranger: httpx.AsyncClient) -> None:
    for path in ("/static/../main.py", "/static/%2e%2e/main.py", "/static/..%2fmain.py"):
        assert (await stranger.get(path)).status_code in {401, 404}
