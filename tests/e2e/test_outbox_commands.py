"""`outboard outbox` looks, and `outboard relay` publishes what an app that is not there has staged."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session

from outboard import Outboard, Outbox
from support.outboxes import filled_outbox
from support.projects import GROUP_FLAGS, Project, running

PATIENCE = 60


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "project"
    made.mkdir()
    return made


@pytest.fixture
def engine(folder: Path) -> Engine:
    made = create_engine(f"sqlite:///{(folder / 'shop.db').as_posix()}")
    Outbox.make_durable(made)
    return made


def command(folder: Path, *arguments: str, code: int = 0, database: str = "sqlite:///shop.db") -> str:
    environment = {**os.environ, "HOME": str(folder), "OUTBOARD_DATABASE_URL": database}
    done = subprocess.run(
        [sys.executable, "-m", "outboard", *arguments], cwd=folder, capture_output=True, encoding="utf-8",
        timeout=PATIENCE, env=environment,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def test_what_an_outbox_holds_is_shown(folder: Path, engine: Engine) -> None:
    filled_outbox(engine, waiting=3, parked=2, seconds=90)
    engine.dispose()
    told = command(folder, "outbox", "status")
    assert "outboard_outbox: 3 wait, the first for 9" in told
    assert "2 parked" in told
    assert "nobody relays it" in told
    (found,) = json.loads(command(folder, "outbox", "status", "-o", "json"))
    assert (found["waiting"], found["parked"], found["heldLanes"], found["relays"]) == (3, 2, 0, [])
    assert "as they have to be" in command(folder, "outbox", "check")


def test_what_is_wrong_with_the_tables_is_shown_and_mended(folder: Path, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE other (id INTEGER)"))
    told = command(folder, "outbox", "check", code=1)
    assert "table outboard_outbox is missing" in told
    assert "CREATE TABLE outboard_outbox (" in told
    assert "there is none" in command(folder, "outbox", "status", code=1)
    assert "is missing" in command(folder, "relay", code=1)
    made = command(folder, "outbox", "sql", "--dialect", "sqlite")
    with engine.begin() as connection:
        for statement in made.split(";\n\n"):
            connection.execute(text(statement or "SELECT 1"))
    engine.dispose()
    assert json.loads(command(folder, "outbox", "check", "-o", "json")) == []
    assert "no database is named" in command(folder, "outbox", "status", code=2, database="")
    assert "no database is named" in command(folder, "relay", code=2, database="")
    assert "could not" in command(folder, "outbox", "status", code=1, database="sqlite:///missing.db")


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM to be sent there")
def test_a_relay_alone_publishes_and_ends_when_it_is_asked(folder: Path, engine: Engine) -> None:
    outbox = Outbox(engine)
    outbox.create_tables(engine)
    jobs = Outboard(app_id="shop", environ={}, outbox=outbox).topic("jobs")
    project = Project(folder)
    project.add("worker", topics="jobs")
    with running(project) as run:
        port = urlsplit(run.ready()["worker"]).port
        arguments = [sys.executable, "-m", "outboard", "relay", "-d", "sqlite:///shop.db"]
        relay = subprocess.Popen(
            [*arguments, "--dapr-http-port", str(port)], cwd=folder, stderr=subprocess.PIPE, encoding="utf-8",
            creationflags=GROUP_FLAGS,
        )  # fmt: skip
        try:
            for number in (1, 2, 3):
                with Session(engine) as session:
                    jobs.stage(session, {"n": number}, key="k")
                    session.commit()
            for number in (1, 2, 3):
                assert run.line(f"EVENT {number}", "worker")
            (found,) = json.loads(command(folder, "outbox", "status", "-o", "json"))
            assert found["relays"] == [16]
            assert f"relayed by process {relay.pid}: 16 partitions" in command(folder, "outbox", "status")
            relay.send_signal(signal.SIGTERM)
            assert relay.wait(PATIENCE) == 0
            (found,) = json.loads(command(folder, "outbox", "status", "-o", "json"))
            assert (found["waiting"], found["relays"]) == (0, [])
        finally:
            relay.kill()
            assert relay.stderr is not None
            told = relay.stderr.read()
            relay.stderr.close()
        run.interrupt()
    assert "relaying 16 partitions of the outbox" in told
    engine.dispose()
