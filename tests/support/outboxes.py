"""Outboxes with events in them, as an app leaves them behind."""

from __future__ import annotations

import time

from sqlalchemy import Engine, insert

from outboard import Outbox

__all__ = ["filled_outbox"]


def filled_outbox(engine: Engine, *, waiting: int, parked: int, seconds: float) -> None:
    """So many that wait, and have for so long, and so many that are parked."""
    outbox = Outbox(engine)
    outbox.create_tables(engine)
    (table,) = (each for name, each in outbox.metadata.tables.items() if name.endswith("outbox"))
    now = int(time.time() * 1000)
    common = {
        "pubsub": "pubsub",
        "topic": "orders",
        "lane": 1,
        "partition": 1,
        "body": b"{}",
        "details": "{}",
    }
    common |= {"hold": False, "available_at": 0, "staged_at": now - int(seconds * 1000)}
    rows = [{**common, "event_id": f"w{n}", "attempts": 0} for n in range(waiting)]
    refused = {"attempts": 3, "parked_at": now, "last_error": "the topic is not allowed"}
    with engine.begin() as connection:
        for row in [*rows, *({**common, "event_id": f"p{n}", **refused} for n in range(parked))]:
            connection.execute(insert(table), row)
