"""The kit, Dapr's extension for FastAPI and a route by hand in one app, beside our sidecar and daprd."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.projects import Project, publish, running

SERVICE = """
import os, sys

import uvicorn
from dapr.ext.fastapi import DaprApp
from fastapi import Body, FastAPI
from outboard import Event, Outboard

board = Outboard()
app = FastAPI(lifespan=board.lifespan)
dapr_app = DaprApp(app)


def tell(*words):
    sys.stdout.write(" ".join(map(str, words)) + "\\n")
    sys.stdout.flush()


@app.get("/dapr/subscribe")
def by_hand():
    return [{"pubsubname": "pubsub", "topic": "by-hand", "route": "/by-hand"}]


@app.post("/by-hand")
def on_one_by_hand(event: dict = Body(...)):
    tell("BY HAND", event["data"]["n"])
    return {"status": "SUCCESS"}


@dapr_app.subscribe(pubsub="pubsub", topic="sdk", route="/sdk")
def on_one_of_the_sdk(event: dict = Body(...)):
    tell("SDK", event["data"]["n"])
    return {"status": "SUCCESS"}


@board.topic("kit", dict[str, int]).subscribe("/kit")
async def on_one_of_the_kit(event: Event[dict[str, int]]) -> None:
    tell("KIT", event.data["n"])


board.mount(app)
uvicorn.run(app, host="127.0.0.1", port=int(os.environ["APP_PORT"]), log_level="warning")
"""


@pytest.mark.parametrize("engine", ["outboard", "daprd"])
def test_all_three_get_their_events(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    project = Project(tmp_path)
    project.add("shop").write_text(SERVICE, encoding="utf-8")
    arguments = ["--engine", "daprd", "--daprd-path", str(request.getfixturevalue("daprd"))]
    with running(project, *(arguments if engine == "daprd" else [])) as run:
        sidecar = run.ready()["shop"]
        for number, (topic, word) in enumerate([("by-hand", "BY HAND"), ("sdk", "SDK"), ("kit", "KIT")]):
            publish(sidecar, topic, n=number)
            assert run.line(word) == f"{word} {number}"
        assert run.interrupt() == 0
