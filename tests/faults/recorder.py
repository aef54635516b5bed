"""A service without the kit that keeps, as they came, the events it is given."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from support.processes import eventually

__all__ = ["Recorder", "Taken", "recording"]


@dataclass(frozen=True)
class Taken:
    """One delivery. `headers` have their names in lower case."""

    topic: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.body)
        return event


class Recorder:
    """What was delivered so far, in its order; `port` is where the service listens."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.taken: list[Taken] = []

    def of(self, topic: str) -> list[Taken]:
        return [taken for taken in self.taken if taken.topic == topic]

    def data(self, topic: str) -> list[Any]:
        """The data of the events of `topic`."""
        return [taken.event["data"] for taken in self.of(topic)]

    def wait(self, topic: str, count: int = 1) -> list[Taken]:
        """The deliveries of `topic`, once there are `count`."""
        eventually(lambda: len(self.of(topic)) >= count, lambda: f"{topic}: only {self.of(topic)}")
        return self.of(topic)


@contextmanager
def recording(*subscriptions: Mapping[str, str]) -> Iterator[Recorder]:
    """Serve an app with `subscriptions` (pubsubname, topic, perhaps more) on a free port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            listed = [{**item, "route": f"/{item['topic'].encode().hex()}"} for item in subscriptions]
            self._answer(json.dumps(listed).encode() if self.path == "/dapr/subscribe" else b"{}")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            recorder.taken.append(Taken(bytes.fromhex(self.path[1:]).decode(), headers, body))
            self._answer(b"{}")

        def _answer(self, content: bytes) -> None:
            self.send_response(200)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Handler) as server:
        recorder = Recorder(server.server_port)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield recorder
        finally:
            server.shutdown()
            thread.join()
