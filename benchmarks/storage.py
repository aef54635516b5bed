"""What a row of outbox and of inbox takes on the disk, with its indexes, on SQLite.

    python benchmarks/storage.py [--rows 10000] [--data 1024]

The figures of the formulas in docs/explanation/guarantees.md. Events have UUIDs as ids, a key, and `--data`
bytes of data.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Final
from uuid import uuid4

from measuring import print_machine
from sqlalchemy import Engine, MetaData, create_engine, func, select, text
from sqlalchemy.orm import Session

from outboard import Outboard
from outboard.kit.inbox.port import EventName
from outboard.kit.inbox.sql.table import claim, inbox_table
from outboard.kit.outbox.sql.outbox import Outbox

AT_ONCE: Final = 500
CONSUMER: Final = "notification/tasks-added"
NOW: Final = 1_767_322_800_000


def size(engine: Engine) -> int:
    """Of the database, in bytes."""
    with engine.connect() as connection:
        pages, page = (
            int(connection.execute(text(f"PRAGMA {name}")).scalar_one())
            for name in ("page_count", "page_size")
        )
    return pages * page


def of_outbox(engine: Engine, rows: int, data: int) -> tuple[float, float]:
    """Bytes of a row, and of the CloudEvent in it."""
    outbox = Outbox(engine)
    outbox.create_tables(engine)
    topic = Outboard(app_id="todo", outbox=outbox, environ={}).topic("tasks")
    before = size(engine)
    for first in range(0, rows, AT_ONCE):
        with Session(engine) as session:
            for number in range(first, min(first + AT_ONCE, rows)):
                topic.stage(session, {"text": "x" * (data - len('{"text":""}'))}, key=f"task-{number % 200}")
            session.commit()
    table = outbox.metadata.tables["outboard_outbox"]
    with engine.connect() as connection:
        envelope = float(connection.execute(select(func.avg(func.length(table.c.body)))).scalar_one())
    return (size(engine) - before) / rows, envelope


def of_inbox(engine: Engine, rows: int) -> float:
    """Bytes of a row."""
    metadata = MetaData()
    table = inbox_table(metadata, "outboard_inbox")
    metadata.create_all(engine)
    before = size(engine)
    for first in range(0, rows, AT_ONCE):
        with Session(engine) as session:
            events = [EventName("todo", str(uuid4())) for _ in range(first, min(first + AT_ONCE, rows))]
            claim(session, table, CONSUMER, events, NOW)
            session.commit()
    return (size(engine) - before) / rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--data", type=int, default=1_024, help="bytes of data of an event")
    asked = parser.parse_args()
    print_machine()
    with tempfile.TemporaryDirectory() as folder:
        engine = create_engine(f"sqlite:///{Path(folder) / 'outbox.db'}")
        Outbox.make_durable(engine)
        row, envelope = of_outbox(engine, asked.rows, asked.data)
        print(f"outbox: {row:,.0f} bytes a row, of which {envelope:,.0f} are the CloudEvent")
        engine.dispose()
        engine = create_engine(f"sqlite:///{Path(folder) / 'inbox.db'}")
        Outbox.make_durable(engine)
        print(f"inbox: {of_inbox(engine, asked.rows):,.0f} bytes a row")
        engine.dispose()


if __name__ == "__main__":
    main()
