"""The pages of dead letters: groups first, a dry run before anything is done, and all of it text."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import create_engine

from outboard.kit.outbox.sql.durability import make_durable
from support.dashboard import BASE, SESSION, TOKEN, asking, dashboard
from support.letters import keep_letters, letter
from support.outboxes import filled_outbox

pytestmark = pytest.mark.anyio

OWN = {"origin": BASE}
SCRIPT = "</textarea></pre><script>alert(1)</script>"
IMAGE = '"><img src=x onerror=alert(1)>'


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{(tmp_path / 'shop.db').as_posix()}"


@pytest.fixture
async def browser(tmp_path: Path, database: str) -> AsyncIterator[httpx.AsyncClient]:
    await keep_letters(database, letter(1), letter(2), letter(3, deadletterreason="no stock"))
    async with asking(tmp_path, database) as client:
        yield client


def hidden(page: str, form: str) -> dict[str, str]:
    """The hidden fields of the first form that posts to `form`."""
    part = page.split(f'action="{form}"')[1].split("</form>")[0]
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', part))


async def letter_form(browser: httpx.AsyncClient, number: str = "1") -> dict[str, str]:
    """What the page of a letter would post for a replay."""
    groups = (await browser.get("/dead-letters")).text
    database = hidden(groups, "/dead-letters/replay")["database"]
    page = await browser.get("/dead-letter", params={"database": database, "id": number})
    assert page.status_code == 200
    return hidden(page.text, "/dead-letters/replay")


async def outcome(browser: httpx.AsyncClient, started: httpx.Response) -> str:
    """The page of what was started, once it has ended."""
    assert started.status_code == 303
    page = ""
    for _ in range(1_000):
        page = (await browser.get(started.headers["location"])).text
        if "<progress" not in page:
            return page
        await asyncio.sleep(0.01)
    raise AssertionError(page)


async def test_groups_come_first_then_their_letters(browser: httpx.AsyncClient) -> None:
    page = (await browser.get("/dead-letters")).text
    assert "3 letters in 2 groups" in page
    assert "order &lt;n&gt; of &lt;email&gt; is unknown" in page or "order &lt;n&gt; of" in page
    look = re.findall(r'<a href="(/dead-letters\?[^"]*group=[^"]*)"', page)
    assert len(look) == 2
    letters = (await browser.get(look[0].replace("&amp;", "&"))).text
    assert letters.count('<tr id="l-') == 2
    assert "shop/orders" in letters


async def test_what_is_sensitive_is_masked(browser: httpx.AsyncClient) -> None:
    form = await letter_form(browser)
    page = (await browser.get("/dead-letter", params={"database": form["database"], "id": "1"})).text
    assert "bob@example.org" not in page
    assert "&#34;email&#34;: &#34;***&#34;" in page
    assert "What is sensitive is masked" in page
    shown = await browser.post(
        "/dead-letters/replay", data={**form, "data": '{"id": 2, "email": "***"}'}, headers=OWN
    )
    assert "bob@example.org" not in shown.text
    assert "1 of 1 letter would be replayed" in shown.text


async def test_a_replay_is_shown_before_it_is_done(browser: httpx.AsyncClient) -> None:
    form = hidden((await browser.get("/dead-letters")).text, "/dead-letters/replay")
    plan = await browser.post("/dead-letters/replay", data=form, headers=OWN)
    assert "3 of 3 letters would be replayed. Nothing was done yet." in plan.text
    assert "Replay 3 now" in plan.text
    fewer = await browser.post("/dead-letters/replay", data={**form, "limit": "2"}, headers=OWN)
    assert "Replay 2 now" in fewer.text
    assert "3 letters in 2 groups" in (await browser.get("/dead-letters")).text


async def test_a_replay_without_a_sidecar_says_why_and_changes_nothing(browser: httpx.AsyncClient) -> None:
    form = {**await letter_form(browser), "confirm": "1"}
    page = await outcome(browser, await browser.post("/dead-letters/replay", data=form, headers=OWN))
    assert "there is no run that runs now" in page
    assert "3 letters in 2 groups" in (await browser.get("/dead-letters")).text


async def test_letters_are_dropped_after_a_look(browser: httpx.AsyncClient) -> None:
    form = await letter_form(browser)
    look = await browser.post("/dead-letters/drop", data=form, headers=OWN)
    assert "1 letter would be dropped. Nothing was done yet." in look.text
    page = await outcome(
        browser, await browser.post("/dead-letters/drop", data={**form, "confirm": "1"}, headers=OWN)
    )
    assert "1 dropped." in page
    assert "2 letters in 2 groups" in (await browser.get("/dead-letters")).text
    dropped = (await browser.get("/dead-letters?state=dropped")).text
    assert dropped.count('<tr id="l-') == 1


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"data": "{"}, "the data is no JSON"),
        ({"data": '{"id": "***"}'}, "write what is meant"),
        ({"limit": "many"}, "is no number of letters"),
        ({"audience": "app"}, "the app that is to take them is not named"),
        ({"ids": "<b>"}, "&lt;b&gt;"),
        ({"database": "other"}, "this database is not known any more"),
    ],
)
async def test_what_cannot_be_done_is_told_and_not_done(
    browser: httpx.AsyncClient, more: dict[str, str], told: str
) -> None:
    form = {**await letter_form(browser), "confirm": "1", **more}
    answer = await browser.post("/dead-letters/replay", data=form, headers=OWN)
    assert answer.status_code == 400
    assert told in answer.text
    assert "<b>" not in answer.text
    assert "3 letters in 2 groups" in (await browser.get("/dead-letters")).text


async def test_data_is_for_one_letter(browser: httpx.AsyncClient) -> None:
    form = hidden((await browser.get("/dead-letters")).text, "/dead-letters/replay")
    answer = await browser.post("/dead-letters/replay", data={**form, "data": "{}"}, headers=OWN)
    assert answer.status_code == 400
    assert "one letter alone" in answer.text


async def test_parked_events_of_an_outbox_are_among_them(tmp_path: Path, database: str) -> None:
    engine = create_engine(database)
    make_durable(engine)
    filled_outbox(engine, waiting=1, parked=2, seconds=1)
    engine.dispose()
    async with asking(tmp_path, database) as client:
        page = (await client.get("/dead-letters")).text
        assert "2 letters in 1 group" in page
        assert "the topic is not allowed" in page
        form = {**hidden(page, "/dead-letters/replay"), "confirm": "1"}
        told = await outcome(client, await client.post("/dead-letters/replay", data=form, headers=OWN))
        assert "2 of 2 letters went out" in told
        assert "No letter waits." in (await client.get("/dead-letters")).text


async def test_whatever_comes_from_an_event_is_text(tmp_path: Path, database: str) -> None:
    nasty = letter(
        1, id=SCRIPT, source=IMAGE, type=SCRIPT, topic=IMAGE, partitionkey=SCRIPT, deadletterreason=SCRIPT,
        deadlettererror=IMAGE, deadletterorigin=f"//shop/pubsub/{IMAGE}#{SCRIPT}", data={"id": SCRIPT},
    )  # fmt: skip
    await keep_letters(database, nasty, with_model=False)
    async with asking(tmp_path, database) as client:
        groups = await client.get("/dead-letters")
        form = await letter_form(client)
        where = {"database": form["database"], "id": "1"}
        for page in (
            groups,
            await client.get("/dead-letters?each=1"),
            await client.get("/dead-letter", params=where),
            await client.get("/dead-letters", params={"text": SCRIPT, "topic": IMAGE, "group": IMAGE}),
            await client.post("/dead-letters/replay", data={**form, "data": f'"{SCRIPT}"'}, headers=OWN),
        ):
            assert page.status_code == 200
            assert "<script>alert" not in page.text
            assert "<img src=x" not in page.text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in groups.text


async def test_a_letter_that_is_not_there_is_told(browser: httpx.AsyncClient) -> None:
    form = await letter_form(browser)
    for id, status in (("99", 404), ("x", 400), ("", 400)):
        answer = await browser.get("/dead-letter", params={"database": form["database"], "id": id})
        assert answer.status_code == status, id
    assert (await browser.get("/dead-letters/job?id=none")).status_code == 404


async def test_a_database_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    async with asking(tmp_path, f"sqlite:///{(tmp_path / 'gone.db').as_posix()}") as client:
        page = await client.get("/dead-letters")
    assert page.status_code == 200
    assert "unable to open database file" in page.text
    assert not (tmp_path / "gone.db").exists()


@pytest.mark.parametrize("url", ["", "geheim", "http://[geheim", "odd+driver://a:geheim@b/c", "sqlite://"])
async def test_what_is_no_database_is_told(tmp_path: Path, url: str) -> None:
    async with asking(tmp_path, url) as client:
        for path in ("/dead-letters", "/outbox"):
            page = await client.get(path)
            assert page.status_code == 200
            assert '<p class="notice failed">' in page.text
            assert "geheim" not in page.text


async def test_no_password_is_shown(tmp_path: Path) -> None:
    async with asking(tmp_path, "postgresql+psycopg://app:geheim@127.0.0.1:1/shop") as client:
        page = await client.get("/dead-letters")
    assert page.status_code == 200
    assert "geheim" not in page.text
    assert "postgresql://127.0.0.1:1/shop" in page.text


@pytest.mark.parametrize("path", ["/dead-letters/replay", "/dead-letters/drop"])
@pytest.mark.parametrize(
    ("headers", "cookie", "status"),
    [
        ({}, SESSION, 403),
        ({"origin": "http://evil.example"}, SESSION, 403),
        ({"origin": "null"}, SESSION, 403),
        ({"origin": "http://127.0.0.1:2"}, SESSION, 403),
        ({"origin": BASE, "host": "evil.example"}, SESSION, 403),
        (OWN, "another", 401),
        (OWN, TOKEN, 401),
        (OWN, "", 401),
    ],
)
async def test_actions_ask_for_origin_and_session(
    tmp_path: Path, database: str, path: str, headers: dict[str, str], cookie: str, status: int
) -> None:
    await keep_letters(database, letter(1))
    transport = dashboard(tmp_path, database)
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as own:
        await own.get("/", params={"token": TOKEN})
        form = {**hidden((await own.get("/dead-letters")).text, path), "confirm": "1"}
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as other:
            sent = {**headers, "cookie": f"outboard-1={cookie}"}
            assert (await other.post(path, data=form, headers=sent)).status_code == status
        assert "1 letter in 1 group" in (await own.get("/dead-letters")).text


async def test_actions_are_no_get(browser: httpx.AsyncClient) -> None:
    for path in ("/dead-letters/replay", "/dead-letters/drop"):
        assert (await browser.get(path)).status_code == 405
