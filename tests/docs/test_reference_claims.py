"""What the reference says of the HTTP API, the state example and the debugger's variables is tried."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from fastapi import FastAPI

from outboard import Outboard, State
from outboard.host.ports import MachinePorts
from outboard.run.plan.interpreter import this_interpreter
from outboard.run.plan.making import make_plan
from outboard.run.plan.plan import ChosenApps, RunOptions
from outboard.run.plan.template import read_template
from outboard.testing import Harness
from outboard.wire.http import Request
from support.pages import blocks

DOCS = Path(__file__).parents[2] / "docs"
ENDPOINT = re.compile(r"^\| `(?P<method>GET|POST|PUT|DELETE) (?P<path>/v1\.0\S*)` \|", re.M)
NAMES = {"pubsub": "pubsub", "topic": "numbers", "store": "statestore", "key": "k"}


@pytest.mark.anyio
async def test_each_endpoint_of_the_table_is_served(outboard: Harness) -> None:
    page = (DOCS / "reference" / "sidecar.md").read_text(encoding="utf-8")
    found = [(match["method"], match["path"].format(**NAMES)) for match in ENDPOINT.finditer(page)]
    assert len(found) == 15
    async with outboard.serving(FastAPI(), app_id="a") as sidecar:
        for method, path in found:
            answer = await sidecar(Request(method, path, {"content-type": "application/json"}, b"[]"), 5.0)
            assert b"ERR_DIRECT_INVOKE" not in answer.body, f"{method} {path} is not served"


@pytest.mark.anyio
async def test_the_counter_of_the_kit_page_loses_nothing(outboard: Harness) -> None:
    namespace: dict[str, object] = {"__name__": "page"}
    (example,) = [block for block in blocks(DOCS / "reference" / "kit.md") if "def add_one" in block.text]
    exec(compile(example.text, f"<line {example.line}>", "exec"), namespace)
    add_one = namespace["add_one"]
    assert callable(add_one)
    count: Callable[[State[int], str], Awaitable[None]] = add_one
    board = Outboard(environ={})
    async with outboard.connected(board):
        counts = board.state(int)
        await asyncio.gather(*(count(counts, "tasks") for _ in range(8)))
        assert await counts.get("tasks") == 8


def test_the_editor_gets_the_variables_that_the_command_shows(tmp_path: Path) -> None:
    files = {
        block.title: block.text for block in blocks(DOCS / "how-to" / "debug-one-service.md") if block.title
    }
    (tmp_path / "components").mkdir()
    (tmp_path / "dapr.yaml").write_text(files["dapr.yaml"].replace("Port: ", "Port: 2"), encoding="utf-8")
    chosen = ChosenApps(read_template(tmp_path / "dapr.yaml").apps)
    options = RunOptions(frozenset({"notification"}))
    plan = make_plan(chosen, options, MachinePorts(), this_interpreter(), {}, str)
    told = next(app for app in plan.apps if app.app_id == "notification").added_environment
    (launch,) = json.loads(files[".vscode/launch.json"])["configurations"]
    given = {
        name: value.replace("3501", "23501").replace("8001", "28001") for name, value in launch["env"].items()
    }
    assert given.items() <= told.items()


@pytest.mark.anyio
async def test_what_is_not_served_answers_as_the_page_for_the_sdk_says(outboard: Harness) -> None:
    page = (DOCS / "how-to" / "come-from-the-official-sdk.md").read_text(encoding="utf-8")
    row = re.compile(r"^\| [^|]+ \| `(GET|POST|PUT) (/\S*)` \| (\d+) `(\w+)` \|$", re.M)
    found = row.findall(page)
    assert len(found) == 8
    body = b'{"resourceId": "r", "lockOwner": "o", "expiryInSeconds": 1}'  # a lock is asked for in full
    async with outboard.serving(FastAPI(), app_id="a") as sidecar:
        for method, path, status, code in found:
            answer = await sidecar(Request(method, path, {"content-type": "application/json"}, body), 5.0)
            told = (str(answer.status), json.loads(answer.body)["errorCode"])
            assert told == (status, code), f"{method} {path}"
