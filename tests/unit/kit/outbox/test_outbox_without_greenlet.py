"""`outboard[sql]` brings SQLAlchemy, which since 2.1 brings no greenlet: an `Engine` needs none."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import asyncio, sys

sys.modules["greenlet"] = None  # as if it were not installed

from sqlalchemy import create_engine, text

from outboard import Outbox
from outboard.kit.outbox.sql.engine import LazyEngine

engine = create_engine("sqlite://")
Outbox(engine).create_tables(engine)
for source in (engine, lambda: engine):
    print(asyncio.run(LazyEngine(source).run("count", lambda opened: opened.scalar(text("SELECT 3")))))
"""


def test_the_outbox_with_an_engine_needs_no_greenlet() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout.split()) == (0, ["3", "3"]), done.stderr
