"""The tokens of `outboard run`: who is kept out by them, and that a service written by hand is not."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.processes import Program, eventually, free_ports, outboard, running

HANDWRITTEN = Path(__file__).parent / "handwritten"
KIT = """
import os
from fastapi import FastAPI
from outboard import Event, Outboard

board = Outboard()
app = FastAPI(lifespan=board.lifespan)
board.mount(app)
orders = board.topic("orders")
seen = []

@orders.subscribe("/orders")
async def on_order(event: Event[object]) -> None:
    seen.append(event.id)

@app.get("/seen")
async def get_seen() -> list[str]:
    return seen

@app.get("/tokens")
async def tokens() -> dict[str, str]:
    return {name: os.environ.get(name, "") for name in ("DAPR_API_TOKEN", "APP_API_TOKEN")}

@app.post("/publish")
async def publish() -> str:
    return (await orders.publish({"n": 1})).id
"""
COMPONENT = """
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: NAME}
spec: {type: TYPE, version: v1}
"""
EVENT = {"specversion": "1.0", "id": "forged", "source": "web", "type": "t", "data": {}}


@contextmanager
def serving(folder: Path, command: list[str], *arguments: str) -> Iterator[tuple[str, str, Program]]:
    """The addresses of an app and its sidecar, once both are ready."""
    port, http_port = free_ports(2)
    components = folder / "components"
    components.mkdir()
    for name, kind in (("pubsub", "pubsub"), ("kafka-pubsub", "pubsub"), ("statestore", "state")):
        text = COMPONENT.replace("NAME", name).replace("TYPE", f"{kind}.in-memory")
        (components / f"{name}.yaml").write_text(text, encoding="utf-8")
    run = outboard(
        "run", *arguments, "--app-id", "shop", "--app-port", str(port), "--dapr-http-port", str(http_port),
        "-d", str(components), "--", *[word.replace("PORT", str(port)) for word in command],
    )  # fmt: skip
    with running(run, folder) as program:
        program.wait_for("Ctrl-C stops everything")
        yield f"http://localhost:{port}", f"http://localhost:{http_port}", program


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=10) as client:
        yield client


@contextmanager
def kit(folder: Path, *arguments: str) -> Iterator[tuple[str, str, Program]]:
    (folder / "shop.py").write_text(KIT, encoding="utf-8")
    with serving(folder, ["python", "-m", "uvicorn", "shop:app", "--port", "PORT"], *arguments) as addresses:
        yield addresses


def published(client: httpx.Client, app: str, program: Program) -> None:
    event_id = client.post(f"{app}/publish").json()
    eventually(lambda: event_id in client.get(f"{app}/seen").json(), lambda: program.output, program)


def status(client: httpx.Client, url: str, body: Any = None, **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(url, json=body, headers=named).status_code


def test_events_come_from_the_sidecar_alone_and_pages_reach_nobody(
    client: httpx.Client, tmp_path: Path
) -> None:
    with kit(tmp_path) as (app, sidecar, program):
        tokens = client.get(f"{app}/tokens").json()
        topic = f"{sidecar}/v1.0/publish/pubsub/other"
        assert len({*tokens.values(), ""}) == 3
        assert not any(token in program.output for token in tokens.values())
        published(client, app, program)
        assert status(client, f"{app}/orders", EVENT) == 401
        assert status(client, topic, {}) == 204
        assert status(client, topic, {}, dapr_api_token="wrong") == 401
        assert status(client, topic, {}, dapr_api_token=tokens["DAPR_API_TOKEN"]) == 204
        assert status(client, topic, {}, sec_fetch_site="none") == 401
        assert status(client, topic, {}, origin="https://evil.example") == 403
        assert status(client, f"{sidecar}/v1.0/shutdown", origin="https://evil.example") == 403
        assert status(client, topic, {}, host="evil.example") == 403
        assert "forged" not in client.get(f"{app}/seen").json()


def test_tokens_may_be_required(client: httpx.Client, tmp_path: Path) -> None:
    with kit(tmp_path, "--tokens", "required") as (app, sidecar, program):
        published(client, app, program)
        assert status(client, f"{sidecar}/v1.0/publish/pubsub/other", {}) == 401


def test_no_tokens_may_be_made(client: httpx.Client, tmp_path: Path) -> None:
    with kit(tmp_path, "--tokens", "none") as (app, _, program):
        published(client, app, program)
        assert client.get(f"{app}/tokens").json() == {"DAPR_API_TOKEN": "", "APP_API_TOKEN": ""}
        assert status(client, f"{app}/orders", EVENT) == 200


def test_a_service_that_sends_no_token_works(client: httpx.Client, tmp_path: Path) -> None:
    shutil.copy(HANDWRITTEN / "service.py", tmp_path)
    with serving(tmp_path, ["python", "service.py"]) as (app, _, program):
        event = {"action": "created"}
        assert client.post(f"{app}/publish/task-events", json=event).json() == {"published": True}
        eventually(lambda: bool(client.get(f"{app}/received").json()), lambda: program.output, program)
        assert client.put(f"{app}/state/k", json={"a": 1}).json() == {"saved": True}
        assert client.get(f"{app}/state/k").json() == {"a": 1}
