"""`outboard dead-letters` beside a run: what a service gave up is seen, and goes back to it alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from outboard.kit.outbox.sql.durability import make_durable
from support.kafka import KafkaBroker
from support.outboxes import filled_outbox
from support.projects import Project, running

PATIENCE = 60
SHOP = """
import os
from pathlib import Path
from typing import Annotated

import uvicorn
from fastapi import FastAPI
from outboard import Drop, Event, Outboard, Outbox, Sensitive
from pydantic import BaseModel
from sqlalchemy import create_engine


class Order(BaseModel):
    n: int
    email: Annotated[str, Sensitive()] = "ann@example.org"


STOCK = Path(__file__).parent / "stock.txt"
board = Outboard()
orders = board.topic("orders", Order)
app = FastAPI(lifespan=board.lifespan)
board.mount(app)
if os.environ.get("COLLECTS"):
    engine = create_engine("sqlite:///" + os.environ["COLLECTS"])
    Outbox.make_durable(engine)
    letters = board.dead_letters(engine)
    letters.create_tables(engine)


@orders.subscribe("/orders")
async def on_order(event: Event[Order]) -> None:
    if os.environ.get("COLLECTS") and not STOCK.exists():
        raise Drop(f"order {event.data.n} of {event.data.email}: nothing is in stock")
    print("ORDER", event.data.n, event.id, flush=True)


uvicorn.run(app, port=int(os.environ["APP_PORT"]), log_level="warning")
"""

KAFKA = """
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {{name: pubsub}}
spec:
  type: pubsub.kafka
  version: v1
  metadata:
    - {{name: brokers, value: "{brokers}"}}
    - {{name: authType, value: none}}
    - {{name: initialOffset, value: oldest}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "project"
    folder.mkdir()
    made = Project(folder)
    for app, database in (("shop", str(folder / "shop.db")), ("billing", "")):
        made.add(app, COLLECTS=database).write_text(SHOP, encoding="utf-8")
    return made


class Letters:
    """The command, in the folder of a project."""

    def __init__(self, folder: Path, database: str = "sqlite:///shop.db") -> None:
        self.folder = folder
        self.database = database

    def __call__(self, *arguments: str, code: int = 0, data: str = "") -> str:
        home = {"HOME": str(self.folder), "USERPROFILE": str(self.folder)}
        environment = {**os.environ, **home, "OUTBOARD_DATABASE_URL": self.database}
        done = subprocess.run(
            [sys.executable, "-m", "outboard", *arguments], cwd=self.folder, input=data, capture_output=True,
            encoding="utf-8", timeout=PATIENCE, env=environment,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self("dead-letters", *arguments, "-o", "json", code=code))

    def wait(self, number: int, *options: str) -> list[dict[str, Any]]:
        """Until there are so many letters."""
        found: list[dict[str, Any]] = until(
            lambda: self.json("list", "--each", *options), lambda found: len(found) == number
        )
        return found


def until(look: Callable[[], Any], wanted: Callable[[Any], bool]) -> Any:
    deadline = time.monotonic() + PATIENCE
    while not wanted(found := look()):
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    return found


@pytest.mark.timeout(300)
@pytest.mark.parametrize("engine", ["outboard", "daprd and Kafka"])
def test_letters_are_seen_and_go_back_to_the_app_that_failed(
    project: Project, engine: str, request: pytest.FixtureRequest
) -> None:
    letters, arguments = Letters(project.folder), []
    if engine == "daprd and Kafka":
        kafka: KafkaBroker = request.getfixturevalue("own_kafka")
        component = KAFKA.format(brokers=kafka.address)
        (project.folder / "components" / "pubsub.yaml").write_text(component, encoding="utf-8")
        arguments = ["--engine", "daprd", "--daprd-path", str(request.getfixturevalue("daprd"))]
    with running(project, *arguments) as run:
        run.ready()
        for number in (1, 2, 3):
            letters("publish", "-t", "orders", "--id", f"e{number}", "-d", json.dumps({"n": number}))
            run.line(f"ORDER {number} e{number}", "billing")
        letters.wait(3)
        (group,) = letters.json("list")
        assert (group["count"], group["app"], group["route"], group["error"]) == (
            3,
            "shop",
            "/orders",
            "Drop",
        )
        told = letters("dead-letters", "list")
        assert "3  shop/orders  Drop: order <n> of ***: nothing is in stock" in told
        assert f"outboard dead-letters replay --group {group['group']}" in told

        shown = letters("dead-letters", "show", "1")
        assert 'data      {"n":1,"email":"***"}' in shown
        assert "topic     orders of pubsub" in shown
        assert "ann@example.org" not in shown + told
        raw = json.loads(letters("dead-letters", "show", "1", "--raw"))
        assert (raw["id"], raw["data"]) == ("e1", {"n": 1})
        letters("dead-letters", "show", "77", code=1)

        planned = letters("dead-letters", "replay", "--group", group["group"])
        assert "3 of 3 would be replayed" in planned
        assert "Nothing was done" in planned
        (project.folder / "shop" / "stock.txt").touch()
        done = letters("dead-letters", "replay", "--group", group["group"], "--yes", "--limit", "2")
        assert "2 of 3 replayed through the sidecar of shop" in done
        run.line("ORDER 1 e1", "shop")
        run.line("ORDER 2 e2", "shop")
        raw["data"]["n"] = 33
        letters("dead-letters", "replay", "3", "--data-file", "-", "--yes", data=json.dumps(raw))
        run.line("ORDER 33 e3", "shop")
        assert "0 of 0 replayed" in letters("dead-letters", "replay", "--all", "--yes")
        assert len(letters.json("list", "--each", "--state", "replayed")) == 3

        traced = letters("trace", "e1")
        assert "replayed" in traced
        assert "it is replayed for 'shop' alone" in traced
        run.interrupt()
    lines = [event["line"] for event in run.seen if event["event"] == "log" and event["app"] == "billing"]
    assert [line for line in lines if "ORDER" in line] == [f"ORDER {n} e{n}" for n in (1, 2, 3)]


def test_without_a_sidecar_what_goes_without_one_goes(project: Project) -> None:
    folder = project.folder
    engine = create_engine(f"sqlite:///{(folder / 'shop.db').as_posix()}")
    make_durable(engine)
    filled_outbox(engine, waiting=1, parked=2, seconds=5)
    engine.dispose()
    letters = Letters(folder)
    first, second = letters.json("list", "--each")
    assert (first["id"][0], first["eventId"]) == ("p", "p0")
    assert "the topic is not allowed" in letters("dead-letters", "list")
    done = letters("dead-letters", "replay", first["id"], "--yes")
    assert "1 of 1 replayed\n" in done
    assert "1 would be dropped" in letters("dead-letters", "drop", second["id"])
    assert letters.json("drop", "--all", "--yes") == {"dropped": 1, "dryRun": False}
    assert "no dead letters wait" in letters("dead-letters", "list")


def test_what_is_wrong_is_said(project: Project) -> None:
    folder = project.folder
    nothing = Letters(folder, "")
    assert "OUTBOARD_DATABASE_URL" in nothing("dead-letters", "list", code=2)
    for url in ("sqlite:///missing.db", "nonsense", "postgresql+psycopg://x:secret@127.0.0.1:1/x"):
        told = Letters(folder, url)("dead-letters", "list", code=1)
        assert "could not be opened" in told
        assert "secret" not in told
    assert not (folder / "missing.db").exists()
    engine = create_engine(f"sqlite:///{(folder / 'shop.db').as_posix()}")
    make_durable(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE other (id INTEGER)")
    letters = Letters(folder)
    assert "no table of dead letters is there" in letters("dead-letters", "list", code=1)
    from outboard import Outboard, Outbox

    for prefix in ("a_", "b_"):
        Outboard(environ={}).dead_letters(engine, prefix=prefix).create_tables(engine)
    Outbox(engine, prefix="c_").create_tables(engine)
    engine.dispose()
    assert "'a_', 'b_', 'c_'" in letters("dead-letters", "list", code=2)
    assert "no table begins with 'x_'" in letters("dead-letters", "list", "--prefix", "x_", code=1)
    assert letters.json("list", "--prefix", "c_") == letters.json("list", "--prefix", "b_") == []
    for wrong in (
        ["replay"], ["drop"], ["replay", "x"], ["list", "--state", "lost"], ["list", "--since", "soon"],
        ["replay", "1", "--data", "{"], ["replay", "1", "--data", "1", "--data-file", "-"],
        ["replay", "1", "--for", "a", "--for-everybody"], ["replay", "1", "--to", "a||b"],
    ):  # fmt: skip
        letters("dead-letters", *wrong, "--prefix", "a_", code=2)
