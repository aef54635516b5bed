"""The page on PostgreSQL, with a PostgreSQL: elsewhere its snippets run on SQLite."""

from __future__ import annotations

from pathlib import Path

import pytest

import dev
from support.pages import run_page

PAGE = dev.ROOT / "docs" / "how-to" / "postgresql.md"


def test_the_page_runs_on_postgresql(
    tmp_path: Path, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", postgresql_url)
    run_page(PAGE, tmp_path)
    assert not (tmp_path / "shop.db").exists()
