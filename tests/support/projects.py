"""Projects with small services, run by `outboard run --output json` and listened to."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from support.processes import free_ports

if sys.platform == "win32":
    CTRL_C = signal.CTRL_BREAK_EVENT
    GROUP_FLAGS = subprocess.CREATE_NEW_PROCESS_GROUP
else:
    CTRL_C = signal.SIGINT
    GROUP_FLAGS = 0

PATIENCE = 20.0
APP = '''
"""A service in plain HTTP: says what it gets. Its options come from the environment."""
import http.server, json, os, signal, subprocess, sys, time

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        topics = os.environ.get("TOPICS", "").split()
        body = [{"pubsubname": "pubsub", "topic": topic, "route": "/events"} for topic in topics]
        self.answer(200, body if self.path == "/dapr/subscribe" else {})

    def do_POST(self):
        event = json.loads(self.rfile.read(int(self.headers["content-length"])))
        data = event["data"]
        self.tell(f"BEGIN {data}")
        if "die" in data:
            os._exit(7)
        time.sleep(float(data.get("takes", 0)))
        self.tell(f"EVENT {data['n']} {VERSION}")
        self.answer(200, {"status": "SUCCESS"})

    def tell(self, line):  # at once: threads share the output
        sys.stdout.write(line + chr(10))
        sys.stdout.flush()

    def answer(self, status, body):
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass

VERSION = "v1"
if os.environ.get("STUBBORN"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.environ.get("WITH_CHILD"):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    print("CHILD", child.pid, flush=True)
print("DAPR_HTTP_PORT", os.environ["DAPR_HTTP_PORT"], "APP_ID", os.environ["APP_ID"], flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["APP_PORT"])), Handler).serve_forever()
'''
PUBSUB = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: pubsub}
spec: {type: pubsub.in-memory, version: v1}
"""

Event = Mapping[str, Any]


@dataclass
class Project:
    """A folder with apps, to be run from a generated dapr.yaml."""

    folder: Path
    apps: list[str] = field(default_factory=list)
    ports: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.folder / "components").mkdir()
        (self.folder / "components" / "pubsub.yaml").write_text(PUBSUB, encoding="utf-8")

    def add(self, app_id: str, *, topics: str = "", more: str = "", **variables: str) -> Path:
        """An app in a folder of its own: the path of its program."""
        (self.folder / app_id).mkdir()
        program = self.folder / app_id / "app.py"
        program.write_text(APP, encoding="utf-8")
        self.ports[app_id], http_port, grpc_port = free_ports(3)
        environment = json.dumps({"TOPICS": topics, **variables})
        self.apps.append(
            f"  - appID: {app_id}\n    appDirPath: {app_id}\n    appPort: {self.ports[app_id]}\n"
            f"    daprHTTPPort: {http_port}\n    daprGRPCPort: {grpc_port}\n"
            f"    command: [python, app.py]\n    env: {environment}\n{more}"
        )
        return program

    def write(self) -> Path:
        path = self.folder / "dapr.yaml"
        text = "version: 1\ncommon: {resourcesPath: components}\napps:\n" + "".join(self.apps)
        path.write_text(text, encoding="utf-8")
        return path


class Run:
    """A running `outboard run --output json`, and what it tells."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.seen: list[Event] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        assert process.stdout is not None
        # Its own descriptor: the end of the process' block closes the other while this one is read.
        output = os.dup(process.stdout.fileno())
        threading.Thread(target=self._read, args=(output,), daemon=True).start()

    def _read(self, descriptor: int) -> None:
        with open(descriptor, encoding="utf-8") as output:
            for line in output:
                self._lines.put(line)
        self._lines.put(None)

    def until(self, matches: Callable[[Event], bool]) -> Event:
        """The next event that `matches`; those before it are in `seen`."""
        while True:
            try:
                line = self._lines.get(timeout=PATIENCE)
            except queue.Empty:
                pytest.fail(f"nothing more was told; so far: {self.told()}")
            if line is None:
                pytest.fail(f"it ended; so far: {self.told()} {self.errors()}")
            event: Event = json.loads(line)
            self.seen.append(event)
            if matches(event):
                return event

    def event(self, name: str) -> Event:
        return self.until(lambda event: event["event"] == name)

    def line(self, text: str, app: str = "") -> str:
        """The next line of an app that holds `text`."""
        found = self.until(lambda e: e["event"] == "log" and text in e["line"] and app in e["app"])
        return str(found["line"])

    def ready(self) -> dict[str, str]:
        """Wait for it: the address of the sidecar of each app."""
        return {app["app"]: app["sidecar_url"] for app in self.event("ready")["apps"]}

    def rest(self) -> list[Event]:
        """What is told up to the end."""
        return [json.loads(line) for line in iter(self._lines.get, None)]

    def interrupt(self) -> int:
        """Ctrl-C: the exit code."""
        self.process.send_signal(CTRL_C)
        return self.process.wait(PATIENCE)

    def ended(self) -> int:
        return self.process.wait(PATIENCE)

    def errors(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.read()

    def told(self) -> str:
        return "\n".join(json.dumps(event) for event in self.seen)


def outboard(
    arguments: Sequence[str], folder: Path, **variables: str
) -> AbstractContextManager[subprocess.Popen[str]]:
    """The command as a process; whatever is left of it at the end of the block is killed."""
    return _python(["-m", "outboard", *arguments], folder, variables)


def outboard_program(code: str, folder: Path) -> AbstractContextManager[subprocess.Popen[str]]:
    """The same for a Python program that calls the command."""
    return _python(["-c", code], folder, {})


@contextmanager
def _python(
    arguments: Sequence[str], folder: Path, variables: Mapping[str, str]
) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "HOME": str(folder), "USERPROFILE": str(folder), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        encoding="utf-8",
        creationflags=GROUP_FLAGS,
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                for started in psutil.Process(process.pid).children(recursive=True):
                    with suppress(psutil.NoSuchProcess):  # it has ended by itself just now
                        started.kill()
                process.kill()


@contextmanager
def running(project: Project, *arguments: str) -> Iterator[Run]:
    with outboard(
        ["run", "-f", str(project.write()), "--output", "json", *arguments], project.folder
    ) as process:
        yield Run(process)


def publish(sidecar: str, topic: str, **data: object) -> None:
    response = httpx.post(
        f"{sidecar}/v1.0/publish/pubsub/{topic}", json=data, trust_env=False, timeout=PATIENCE
    )
    assert response.status_code == 204, response.text


def pids(run: Run) -> list[int]:
    return [event["pid"] for event in run.seen if event["event"] == "started"]


def lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
