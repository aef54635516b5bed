"""The databases of a run's apps: as they tell them, with the password of a URL that a person names."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from outboard.clock import SystemClock
from outboard.dashboard.databases import known_databases
from outboard.dashboard.watching import Watch, WatchedRuns
from outboard.hops.files.databases import AppDatabase, tell_database
from outboard.host.processes import process_identity
from outboard.live.places import SearchPlaces
from outboard.runs.finding import KnownRun, RunState
from outboard.runs.folder import HOPS
from outboard.runs.record import RunRecord
from support.letters import keep_letters, letter

pytestmark = pytest.mark.anyio

TOLD = "postgresql+psycopg://app@db:5432/shop"
OWN = "postgresql://other:geheim@db:5432/shop"


def watch(folder: Path, *databases: str, record: Path | None = None) -> Watch:
    """Of one run in `folder`, which is over."""
    place = SearchPlaces(folder, folder, {})
    now = datetime(2026, 1, 2, tzinfo=UTC)
    run = RunRecord("r1", "1", "outboard", "", str(folder), now, process_identity())
    watched = WatchedRuns(place, databases=databases, record=record)
    return Watch(watched, SystemClock(), runs=[KnownRun(folder, run, RunState.ENDED)])


def tell(folder: Path, *told: AppDatabase) -> None:
    for each in told:
        tell_database(folder / HOPS, each)


async def test_letters_come_first_and_one_database_of_two_apps_is_one(tmp_path: Path) -> None:
    tell(
        tmp_path,
        AppDatabase("api", "outbox", "sqlite:////srv/api.db", "outboard_"),
        AppDatabase("shop", "letters", TOLD, "outboard_"),
        AppDatabase("billing", "letters", TOLD, "outboard_"),
        AppDatabase("shop", "outbox", TOLD, "outboard_"),
        AppDatabase("shop", "letters", TOLD, "other_"),
    )
    found = await known_databases(watch(tmp_path))
    assert [(each.app_ids, set(each.holds), each.prefix, each.shown) for each in found] == [
        (("billing", "shop"), {"letters", "outbox"}, "outboard_", "postgresql://db:5432/shop"),
        (("shop",), {"letters"}, "other_", "postgresql://db:5432/shop"),
        (("api",), {"outbox"}, "outboard_", "api.db"),
    ]
    assert len({each.id for each in found}) == 3


async def test_a_named_url_has_the_password_of_the_told_one(tmp_path: Path) -> None:
    tell(tmp_path, AppDatabase("shop", "letters", TOLD, "outboard_"))
    (found,) = await known_databases(watch(tmp_path, OWN))
    assert (found.url, found.app_ids) == (OWN, ("shop",))
    assert "geheim" not in found.shown + repr(found)


async def test_a_named_database_is_one_for_each_service_in_it(tmp_path: Path) -> None:
    url = f"sqlite:///{(tmp_path / 'x.db').as_posix()}"
    await keep_letters(url, letter(1))
    (found,) = await known_databases(watch(tmp_path, url))
    assert (found.prefix, found.app_ids, found.shown) == ("outboard_", (), "x.db")


async def test_what_a_record_from_elsewhere_tells_is_not_followed(tmp_path: Path) -> None:
    tell(tmp_path, AppDatabase("shop", "letters", TOLD, "outboard_"))
    assert await known_databases(watch(tmp_path, record=tmp_path / HOPS)) == []
