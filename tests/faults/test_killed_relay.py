"""SIGKILL of a process that relays an outbox: the next one goes on at once, not after the lease."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from outboard.kit.outbox.lease import new_token
from outboard.kit.outbox.partitions import LEASE_SECONDS
from support.outbox import OutboxBench, sqlite_engine

pytestmark = pytest.mark.anyio


async def test_a_killed_relay_is_superseded_at_once_and_a_live_one_never(tmp_path: Path) -> None:
    for engine in sqlite_engine(tmp_path):
        bench, token = OutboxBench(engine, real_time=True), new_token()
        with leasing(tmp_path / "app.db") as process:
            assert await bench.store.claim(token, LEASE_SECONDS) == frozenset()
            process.kill()
            process.wait()
        assert len(await bench.store.claim(token, LEASE_SECONDS)) == 16


@contextmanager
def leasing(database: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process, once it has leased all partitions."""
    command = [sys.executable, str(Path(__file__).with_name("outbox_relay.py")), str(database)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8") as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "16 leased\n"
            yield process
        finally:
            process.kill()
