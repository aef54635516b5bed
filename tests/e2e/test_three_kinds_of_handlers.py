"""The kit, Dapr's extension for FastAPI and a route by hand in one app, beside our sidecar and daprd.

The kit's topic has versions: the older one is brought to the newest behind either sidecar.
"""

from __future__ import annotations

from pathlib import Path

import httpx
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


kit = board.topic("kit", dict[str, int], dataschema="urn:kit:2")


@kit.upcast(dict[str, str], dataschema="urn:kit:1")
def with_numbers(old: dict[str, str]) -> dict[str, int]:
    return {name: int(value) for name, value in old.items()}


@kit.subscribe("/kit")
async def on_one_of_the_kit(event: Event[dict[str, int]]) -> None:
    tell("KIT", event.data["n"])


board.mount(app)
uvicorn.run(app, host="127.0.0.1", port=int(os.environ["APP_PORT"]), log_level="warning")
"""


OLDER = {
    "specversion": "1.0",
    "id": "1",
    "source": "test",
    "type": "numbers",
    "dataschema": "urn:kit:1",
    "data": {"n": "7"},
}


def publish_the_older_version(sidecar: str) -> None:
    """An event of a version that the kit's handler does not know: it gets what its upcaster makes of it."""
    headers = {"content-type": "application/cloudevents+json"}
    address = f"{sidecar}/v1.0/publish/pubsub/kit"
    response = httpx.post(address, json=OLDER, headers=headers, trust_env=False, timeout=20.0)
    assert response.status_code == 204, response.text


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
        publish_the_older_version(sidecar)
        assert run.line("KIT") == "KIT 7"
        assert run.interrupt() == 0
