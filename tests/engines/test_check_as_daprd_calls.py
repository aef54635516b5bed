"""The same of rules about which daprd says something once it calls an app, or is called."""

from __future__ import annotations

import json
import os
import re
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from support.engines import engine
from support.processes import eventually, free_ports
from support.rule_cases import read_cases
from support.said_by_daprd import CALLED

CASES = {each.code: each for each in read_cases() if each.fires}
"""The last case of each rule, which its page shows."""
PUBSUB = "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: kafka-pubsub\nspec:\n"
PUBSUB += "  type: pubsub.in-memory\n  version: v1\n"
pytestmark = pytest.mark.engine("daprd")


@dataclass(frozen=True)
class Call:
    """Beside the files of a case: where an event is published, what the app takes, and variables."""

    pubsub: str = "kafka-pubsub"
    takes: tuple[Mapping[str, str], ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


ORDERS = {"pubsubname": "pubsub", "topic": "orders", "route": "/orders", "deadLetterTopic": "orders-dead"}
CALLS = {
    "OB614": Call(variables={"DAPR_API_TOKEN": "of-the-secret"}),
    "OB803": Call("pubsub"),
    "OB804": Call("pubsub", (ORDERS,)),
    "OB812": Call("pubsub"),
}


class App(BaseHTTPRequestHandler):
    """An app that takes what it is told to, and answers events by 404."""

    takes: tuple[Mapping[str, str], ...] = ()

    def do_GET(self) -> None:
        self.answer(200 if self.path == "/dapr/subscribe" else 404, json.dumps(self.takes).encode())

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.answer(404, b"")

    def answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@contextmanager
def listening(takes: tuple[Mapping[str, str], ...]) -> Iterator[int]:
    """The port of such an app."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Taking", (App,), {"takes": takes}))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def resources(code: str) -> Iterator[str]:
    """The resources of the case; no broker is looked for."""
    found = False
    for text in CASES[code].files.values():
        for each in text.split("---\n"):
            if "apiVersion: dapr.io/" in each:
                found = found or "kind: Component" in each
                if code == "OB804":  # the event itself may be published, or there would be no dead letter
                    each = each.replace("shop=invoices", "shop=orders")
                each = re.sub(r"^  metadata: *\n(?=scopes)", "", each, flags=re.M)
                yield re.sub(r"type: pubsub\.(kafka|redis)", "type: pubsub.in-memory", each)
    if not found:
        yield PUBSUB


@pytest.mark.parametrize("code", CALLED)
def test_daprd_says_so_when_an_event_is_published(
    code: str, pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    call = CALLS.get(code, Call())
    folder, log = tmp_path / "resources", tmp_path / "daprd.log"
    folder.mkdir()
    for index, text in enumerate(resources(code)):
        (folder / f"{index}.yaml").write_text(text, encoding="utf-8")
    with listening(call.takes) as port:
        http, grpc, internal = free_ports(3)
        command = [
            *(str(engine("daprd", pytestconfig)), "--app-id", "shop", "--app-port", str(port)),
            *("--resources-path", str(folder), "--dapr-http-port", str(http), "--dapr-grpc-port", str(grpc)),
            *("--dapr-internal-grpc-port", str(internal), "--enable-metrics=false"),
            *("--dapr-listen-addresses", "127.0.0.1", "--dapr-internal-grpc-listen-address", "127.0.0.1"),
        ]
        with log.open("w", encoding="utf-8") as file:
            process = subprocess.Popen(
                command,
                stdout=file,
                stderr=subprocess.STDOUT,
                cwd=tmp_path,
                env={**os.environ, **call.variables},
            )
        said: list[str] = []

        def is_said() -> bool:
            said[:] = [log.read_text(encoding="utf-8"), *said[1:], published(http, call.pubsub)]
            return any(CALLED[code] in each for each in said)

        try:
            eventually(lambda: "dapr initialized" in log.read_text(encoding="utf-8"), lambda: "not ready")
            eventually(is_said, lambda: "\n".join(said[:3]))
        finally:
            process.kill()
            process.wait(60)


def published(port: int, pubsub: str) -> str:
    """What daprd answers to an event."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1.0/publish/{pubsub}/orders",
        data=b'{"item": "cup"}',
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return str(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode()
