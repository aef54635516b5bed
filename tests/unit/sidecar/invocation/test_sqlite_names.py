"""daprd's file of names."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from outboard.errors import ResourceError
from outboard.resources.configuration import NameResolution
from outboard.sidecar.invocation.names.port import Announced
from outboard.sidecar.invocation.names.sqlite import sqlite_names
from outboard.sidecar.invocation.targets import AppName
from outboard.sidecar.logs import SidecarLog

pytestmark = pytest.mark.anyio
NAME = AppName("a", "default")


def names(folder: Path, **settings: str) -> Any:
    found = NameResolution("sqlite", {"connectionString": "names.db", **settings}, Path("c.yaml"), 7)
    return sqlite_names(found, folder, SidecarLog("test", "info", "1"))


def rows(folder: Path, query: str, *values: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(folder / "names.db")) as database, database:
        return list(database.execute(query, values))


async def test_whoever_is_announced_is_found_until_it_ends(tmp_path: Path) -> None:
    register, other = names(tmp_path), names(tmp_path)
    async with register.announced(Announced(NAME, "h:1")), other.announced(Announced(NAME, "h:2")):
        assert sorted(await register.find(NAME)) == ["h:1", "h:2"]
        assert await register.find(AppName("b", "default")) == []
    assert await register.find(NAME) == []
    assert rows(tmp_path, "SELECT key, value FROM metadata") == [("nr-migrations", "1")]


async def test_a_row_that_is_not_renewed_counts_for_nothing(tmp_path: Path) -> None:
    register = names(tmp_path)
    async with register.announced(Announced(NAME, "h:1")):
        rows(tmp_path, "UPDATE hosts SET last_update = last_update - 6")
        assert await register.find(NAME) == []


async def test_an_address_is_that_of_whoever_came_last(tmp_path: Path) -> None:
    register, other = names(tmp_path), names(tmp_path)
    later = Announced(AppName("b", ""), "h:1")
    async with register.announced(Announced(NAME, "h:1")), other.announced(later):
        assert await register.find(NAME) == []
        assert await register.find(AppName("b", "")) == ["h:1"]


async def test_tables_of_another_name(tmp_path: Path) -> None:
    async with names(tmp_path, tableName="t", metadataTableName="m").announced(Announced(NAME, "h:1")):
        assert rows(tmp_path, "SELECT address, namespace FROM t") == [("h:1", "")]


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"connectionString": ""}, "has no `connectionString`"),
        ({"tableName": "a b"}, "`tableName: a b` is no name of a table"),
        ({"updateInterval": "1500ms"}, "`updateInterval: 1500ms` is no whole number of seconds"),
        ({"updateInterval": "x"}, "`updateInterval: x`"),
    ],
)
def test_settings_that_cannot_be(tmp_path: Path, settings: dict[str, str], problem: str) -> None:
    with pytest.raises(ResourceError, match=problem) as caught:
        names(tmp_path, **settings)
    assert "c.yaml:7" in str(caught.value)


async def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match="cannot be used as a register of names"):
        async with names(tmp_path / "nowhere").announced(Announced(NAME, "h:1")):
            pass


async def test_sidecars_that_start_together_make_the_file_together(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        registers = [names(tmp_path).announced(Announced(NAME, f"h:{number}")) for number in range(16)]
        await asyncio.gather(*map(stack.enter_async_context, registers))
        assert len(await names(tmp_path).find(NAME)) == 16


async def test_one_that_makes_the_file_at_the_same_moment_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite3.connect(tmp_path / "names.db", check_same_thread=False)) as holder:
        holder.execute("BEGIN IMMEDIATE")  # SQLite says "locked" of a switch to WAL now, and does not wait
        monkeypatch.setattr(
            "outboard.sidecar.components.sqlite.write_ahead.time.sleep", lambda _: holder.commit()
        )
        async with names(tmp_path).announced(Announced(NAME, "h:1")):
            assert await names(tmp_path).find(NAME) == ["h:1"]
