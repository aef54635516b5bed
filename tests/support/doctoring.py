"""Set-ups of `support.broken` put into a folder, run, and looked at by `outboard doctor`."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from outboard.hops.files.reader import read_record
from support.broken import APP, MEMORY, SetUp
from support.processes import eventually, free_ports
from support.projects import PATIENCE, Run, outboard
from support.servers import is_open

__all__ = ["Place", "codes", "doctor", "made", "running"]


@dataclass
class Place:
    """A folder with a set-up, and its ports."""

    folder: Path
    free: int
    ports: dict[str, tuple[int, int]]
    """App → its port, and that of its sidecar."""


def made(setup: SetUp, folder: Path) -> Place:
    """The files of a set-up."""
    (folder / "components").mkdir()
    for name, text in {"pubsub.yaml": MEMORY, **setup.files}.items():
        if text:
            (folder / "components" / name).write_text(text, encoding="utf-8")
    (folder / "app.py").write_text(APP, encoding="utf-8")
    apps = {"worker": setup.variables} | ({} if setup.other is None else {"other": setup.other})
    free, *numbers = free_ports(1 + 3 * len(apps))
    place = Place(folder, free, {})
    lines = ["version: 1", "common: {resourcesPath: components}", "apps:"]
    for index, (app, variables) in enumerate(apps.items()):
        (folder / app).mkdir()
        app_port, http_port, grpc_port = numbers[3 * index : 3 * index + 3]
        place.ports[app] = app_port, http_port
        given = {name: value.replace("{free}", str(free)) for name, value in variables.items()}
        lines += [
            f"  - appID: {app}",
            f"    appDirPath: {app}",
            *([] if setup.no_port and app == "worker" else [f"    appPort: {app_port}"]),
            f"    daprHTTPPort: {http_port}",
            f"    daprGRPCPort: {grpc_port}",
            *([f"    {setup.keys}"] if setup.keys else []),
            "    command: [python, ../app.py]",
            f"    env: {json.dumps(given)}",
        ]
    (folder / "dapr.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return place


@contextmanager
def running(setup: SetUp, place: Place, daprd: Path | None) -> Iterator[None]:
    """The run of a set-up, come as far as it says, with what happens then; `daprd` serves as its sidecars."""
    arguments = ["run", "-f", "dapr.yaml", "-o", "json", *setup.arguments]
    if daprd is not None:
        arguments += ["--engine", "daprd", "--daprd-path", str(daprd)]
    with outboard(arguments, place.folder, **setup.environment) as process, ExitStack() as stack:
        run = Run(process)
        _wait(setup, run, place)
        for topic in setup.publish:
            _publish(place, topic)
        if daprd is None and setup.publish:
            topics = {topic.rpartition(":")[2] for topic in setup.publish}
            eventually(lambda: topics <= _recorded(place), run.told)  # it is written each second
        _act(setup, place, stack)
        yield
        if process.poll() is None:
            run.interrupt()


def _wait(setup: SetUp, run: Run, place: Place) -> None:
    match setup.until:
        case "ready":
            run.ready()
        case "begun":
            run.line("BEGIN")
        case "open":
            eventually(lambda: is_open(place.free), run.told)
        case "listening":
            eventually(lambda: is_open(place.ports["worker"][0]), run.told)
        case "attach":
            run.event("attach")
        case "ended-app":
            run.event("ended")
        case "ended":
            run.ended()


def _publish(place: Place, topic: str) -> None:
    raw, _, name = topic.rpartition(":")
    port = place.ports["worker"][1]
    query = "?metadata.rawPayload=true" if raw else ""
    url = f"http://127.0.0.1:{port}/v1.0/publish/pubsub/{name}{query}"
    body, kind = (b"hello", "text/plain") if raw else (b'{"n": 1}', "application/json")
    headers = {"content-type": kind}
    answer = httpx.post(url, content=body, headers=headers, trust_env=False, timeout=PATIENCE)
    assert answer.status_code == 204, answer.text
    time.sleep(0.3)


def _recorded(place: Place) -> set[str]:
    """The topics of which the record of the run tells."""
    runs = place.folder / ".outboard" / "runs"
    return {hop.topic for folder in runs.glob("*/hops") for hop in read_record(folder).hops}


def _act(setup: SetUp, place: Place, stack: ExitStack) -> None:
    match setup.act:
        case "take the port":
            taken = stack.enter_context(socket.socket())
            taken.bind(("127.0.0.1", place.ports["worker"][0]))
            taken.listen()
        case "remove the file":
            (place.folder / "events.db").unlink()


def doctor(folder: Path, *arguments: str, **variables: str) -> tuple[int, dict[str, Any]]:
    """What `outboard doctor -o json` says in `folder`, which is also the home of its user."""
    with outboard(["doctor", "-o", "json", *arguments], folder, **variables) as process:
        out, errors = process.communicate(timeout=PATIENCE)
    assert "Traceback" not in errors, errors
    return process.returncode, json.loads(out)


def codes(told: dict[str, Any], result: str) -> set[str]:
    """The codes of the checks with that `result`."""
    return {
        check["code"]
        for category in told["categories"]
        for check in category["checks"]
        if check["result"] == result
    }
