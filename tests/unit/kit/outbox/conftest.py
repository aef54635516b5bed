from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from support.outbox import OutboxBench, sqlite_engine


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    yield from sqlite_engine(tmp_path)


@pytest.fixture
async def bench(engine: Engine) -> OutboxBench:
    """An outbox whose leases are there."""
    made = OutboxBench(engine)
    await made.store.prepare()
    return made
