"""Leases the partitions of the outbox in the file that it is given, says so, and waits to be killed."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from sqlalchemy import MetaData, create_engine

from outboard.kit.outbox.lease import new_token
from outboard.kit.outbox.partitions import LEASE_SECONDS
from outboard.kit.outbox.sql.durability import make_durable
from outboard.kit.outbox.sql.engine import LazyEngine
from outboard.kit.outbox.sql.store import SqlOutboxStore
from outboard.kit.outbox.sql.tables import Tables


async def lease(path: Path) -> frozenset[int]:
    engine = create_engine(f"sqlite:///{path}")
    make_durable(engine)
    store = SqlOutboxStore(Tables.in_metadata(MetaData(), "outboard_"), LazyEngine(engine))
    await store.prepare()
    return await store.claim(new_token(), LEASE_SECONDS)


if __name__ == "__main__":
    sys.stdout.write(f"{len(asyncio.run(lease(Path(sys.argv[1]))))} leased\n")
    sys.stdout.flush()
    time.sleep(600)
