"""The page of outboxes: backlog, keys held, who relays, and what is parked, with what one can do about it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from outboard.kit.outbox.sql.durability import make_durable
from support.dashboard import asking
from support.letters import keep_letters, letter
from support.outboxes import filled_outbox

pytestmark = pytest.mark.anyio

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{(tmp_path / 'shop.db').as_posix()}"


def fill(url: str, *, waiting: int, parked: int, seconds: float) -> None:
    engine = create_engine(url)
    make_durable(engine)
    filled_outbox(engine, waiting=waiting, parked=parked, seconds=seconds)
    engine.dispose()


def tiles(page: str) -> dict[str, str]:
    return dict(re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)</dd>", page))


async def test_what_an_outbox_holds_is_told(tmp_path: Path, database: str) -> None:
    fill(database, waiting=3, parked=2, seconds=120)
    async with asking(tmp_path, database) as client:
        page = (await client.get("/outbox")).text
    told = tiles(page)
    assert (told["waiting"], told["parked"], told["keys held"]) == ("3", "2", "0")
    assert told["oldest for"].startswith("2 min")
    assert "Nobody relays it" in page
    assert page.count('<tr id="l-') == 2
    assert "the topic is not allowed" in page
    assert 'name="ids" value="p' in page


async def test_parked_events_have_a_page_and_are_retried_or_dropped(tmp_path: Path, database: str) -> None:
    fill(database, waiting=0, parked=2, seconds=1)
    async with asking(tmp_path, database) as client:
        page = (await client.get("/outbox")).text
        (own, *_) = re.findall(r'href="(/dead-letter\?[^"]*)"', page)
        assert "Parked event" in (await client.get(own.replace("&amp;", "&"))).text
        for path in ("/dead-letters/replay", "/dead-letters/drop"):
            form = dict(
                re.findall(
                    r'type="hidden" name="(\w+)" value="([^"]*)"',
                    page.split(f'action="{path}"')[1].split("</form>")[0],
                )
            )
            plan = await client.post(path, data=form, headers={"origin": "http://127.0.0.1:1"})
            assert "2" in plan.text
            assert "Nothing was done yet." in plan.text


async def test_a_database_without_an_outbox_is_not_shown(tmp_path: Path, database: str) -> None:
    await keep_letters(database, letter(1))
    async with asking(tmp_path, database) as client:
        page = await client.get("/outbox")
    assert page.status_code == 200
    assert "shop.db" not in page.text
    assert "No app here has told of an outbox." in page.text


async def test_why_an_outbox_cannot_be_looked_into_is_told(tmp_path: Path) -> None:
    async with asking(tmp_path, f"sqlite:///{(tmp_path / 'gone.db').as_posix()}") as client:
        page = await client.get("/outbox")
    assert page.status_code == 200
    assert "unable to open database file" in page.text


async def test_names_of_parked_events_are_text(tmp_path: Path, database: str) -> None:
    fill(database, waiting=0, parked=1, seconds=1)
    engine = create_engine(database)
    with engine.begin() as connection:
        changed = "UPDATE outboard_outbox SET topic = :x, event_id = :x, last_error = :x, pubsub = :x"
        connection.execute(text(changed), {"x": SCRIPT})
    engine.dispose()
    async with asking(tmp_path, database) as client:
        page = (await client.get("/outbox")).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
