"""The outbox of an app as the doctor sees it, by the URL of its database."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from outboard.doctor.checks.outcomes import outbox_backlog, outbox_parked
from outboard.doctor.evidence import AppSeen, Evidence, OutboxSeen
from outboard.doctor.laptop.outboxes import look_at_outboxes, password_of
from outboard.doctor.results import Status
from support.outboxes import filled_outbox

pytestmark = pytest.mark.anyio


def seen(*outboxes: OutboxSeen) -> Evidence:
    apps = (AppSeen("shop", 1, 2, app_log=("event x is parked in the outbox: refused",)),)
    return Evidence("here", datetime(2026, 1, 1, tzinfo=UTC), apps, outboxes=outboxes)


async def test_what_waits_and_what_is_parked_is_told(tmp_path: Path) -> None:
    file = tmp_path / "shop & co.db"
    engine = create_engine(f"sqlite:///{file}")
    filled_outbox(engine, waiting=2, parked=1, seconds=90)
    engine.dispose()
    before = file.read_bytes()
    (outbox,) = await look_at_outboxes(f"sqlite:///{file}")
    assert (outbox.waiting, outbox.parked, outbox.failure) == (2, 1, "")
    assert outbox.oldest_age >= 90
    assert outbox.parked_events == (("p0", "orders", "the topic is not allowed"),)
    assert file.read_bytes() == before
    (parked,) = outbox_parked(seen(outbox))
    assert parked.status is Status.WARNING
    assert "event p0 of 'orders' is parked: the topic is not allowed" in parked.evidence
    (backlog,) = outbox_backlog(seen(outbox))
    assert backlog.status is Status.WARNING
    assert backlog.evidence[0].startswith("2 wait, the oldest for ")


async def test_an_empty_outbox_passes(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'shop.db'}")
    filled_outbox(engine, waiting=0, parked=0, seconds=0)
    engine.dispose()
    (outbox,) = await look_at_outboxes(f"sqlite+aiosqlite:///{tmp_path / 'shop.db'}")
    results = [*outbox_parked(seen(outbox)), *outbox_backlog(seen(outbox))]
    assert {each.status for each in results} == {Status.PASSED}


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("sqlite:///{folder}/absent.db", "unable to open"),
        ("sqlite:///{folder}/empty.db", "no table has its columns"),
        ("sqlite:///{folder}/text.db", "not a database"),
        ("nonsense", "parse"),
        ("oracle+nonsense://shop:open-sesame@127.0.0.1/x", "nonsense"),
    ],
)
async def test_what_cannot_be_read_is_told_and_the_rest_is_looked_into(
    url: str, why: str, tmp_path: Path
) -> None:
    (tmp_path / "empty.db").touch()
    (tmp_path / "text.db").write_text("no database, but a text that is long enough\n" * 99, encoding="utf-8")
    (outbox,) = await look_at_outboxes(url.format(folder=tmp_path))
    assert why in outbox.failure
    assert "open-sesame" not in repr(outbox)
    assert not (tmp_path / "absent.db").exists()
    unknown, by_log = outbox_parked(seen(outbox))
    assert (unknown.status, by_log.status) == (Status.UNKNOWN, Status.WARNING)
    assert list(outbox_backlog(seen(outbox))) == []


@pytest.mark.parametrize(
    ("url", "password"),
    [("postgresql://a:b@c@h/d", "b@c"), ("postgresql://a@h/d", ""), ("sqlite:///a.db", ""), ("x", "")],
)
def test_the_password_of_a_url(url: str, password: str) -> None:
    assert password_of(url) == password
