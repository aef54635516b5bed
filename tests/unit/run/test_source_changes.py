"""Which files mean that an app must be started anew."""

from __future__ import annotations

import pytest

from outboard.run.source_changes import is_source


@pytest.mark.parametrize("path", ["app/main.py", "x/.env", "settings.toml", "page.HTML", "dapr/pubsub.yaml"])
def test_sources(path: str) -> None:
    assert is_source(path)


@pytest.mark.parametrize(
    "path", ["tasks.db", "tasks.sqlite3-wal", "app.log", "state.json", "__pycache__/a.pyc"]
)
def test_what_an_app_writes_is_not_source(path: str) -> None:
    assert not is_source(path)
