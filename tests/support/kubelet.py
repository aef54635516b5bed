"""What stands for the kubelet of a node: it serves logs that a test has written and connections to ports
that a test has named, and runs nothing.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TypeAlias
from urllib.parse import parse_qs, urlsplit

from support.certificates import self_signed
from support.port_forward import Dial, PodPort, forward, parse_forward

Container: TypeAlias = "tuple[str, str, str]"
"""Namespace, pod, container."""

FOLLOW_POLL = 0.05
RFC3339 = "%Y-%m-%dT%H:%M:%S.%f000Z"


@dataclass
class Logs:
    """The lines of each container, oldest first, with the time of each; `previous` is of the run before."""

    current: dict[Container, list[tuple[datetime, str]]] = field(default_factory=dict)
    previous: dict[Container, list[tuple[datetime, str]]] = field(default_factory=dict)

    def write(self, namespace: str, pod: str, container: str, *lines: str) -> None:
        """Have the container say `lines` now."""
        now = datetime.now(UTC)
        self.current.setdefault((namespace, pod, container), []).extend((now, line) for line in lines)

    def restart(self, namespace: str, pod: str, container: str) -> None:
        """What the container said is from now on that of its previous run."""
        self.previous[namespace, pod, container] = self.current.pop((namespace, pod, container), [])


@dataclass(frozen=True)
class Wanted:
    """What a request for logs asks for, as `kubectl logs` has it."""

    container: Container
    previous: bool
    follow: bool
    timestamps: bool
    tail: int | None
    since: datetime | None

    def chosen(self, lines: Sequence[tuple[datetime, str]]) -> list[tuple[datetime, str]]:
        """Those of `lines` that it asks for."""
        fresh = [line for line in lines if self.since is None or line[0] >= self.since]
        return fresh if self.tail is None else fresh[len(fresh) - min(self.tail, len(fresh)) :]

    def text(self, lines: Sequence[tuple[datetime, str]]) -> bytes:
        """`lines` as they are sent."""
        stamp = f"{RFC3339} " if self.timestamps else ""
        return "".join(f"{time:{stamp}}{line}\n" if stamp else f"{line}\n" for time, line in lines).encode()


def parse(target: str, now: datetime) -> Wanted | None:
    """What the path and query `target` ask for; None where it is no request for logs."""
    url = urlsplit(target)
    parts = url.path.strip("/").split("/")
    if len(parts) != 4 or parts[0] != "containerLogs":
        return None
    query = {name: values[-1] for name, values in parse_qs(url.query).items()}
    since = datetime.fromisoformat(query["sinceTime"]) if "sinceTime" in query else None
    if "sinceSeconds" in query:
        since = now - timedelta(seconds=int(query["sinceSeconds"]))
    return Wanted(
        container=(parts[1], parts[2], parts[3]),
        previous=query.get("previous") == "true",
        follow=query.get("follow") == "true",
        timestamps=query.get("timestamps") == "true",
        tail=int(query["tailLines"]) if "tailLines" in query else None,
        since=since,
    )


class FakeKubelet:
    """`port` of loopback, over TLS; the API server asks it when somebody wants logs."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.logs = Logs()
        self.ports: dict[PodPort, Dial] = {}
        """What is behind the ports of pods; at another one nobody listens."""


@contextmanager
def running_kubelet(folder: Path) -> Iterator[FakeKubelet]:
    """Serve until the block ends; `folder` takes its certificate."""
    certificate, key = self_signed(folder, "kubelet")
    ended = threading.Event()
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        kubelet = FakeKubelet(server.server_address[1])
        server.RequestHandlerClass = _handler(kubelet, ended)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield kubelet
        finally:
            ended.set()
            server.shutdown()
            thread.join()


def _handler(kubelet: FakeKubelet, ended: threading.Event) -> type[BaseHTTPRequestHandler]:
    logs = kubelet.logs

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else the end of each answer waits for 40 ms

        def do_GET(self) -> None:
            forwarded = parse_forward(self.path)
            if forwarded is not None:
                self.close_connection = True
                forward(self, kubelet.ports.get(forwarded), forwarded)
                return
            wanted = parse(self.path, datetime.now(UTC))
            if wanted is None:
                self.send_error(404)
                return
            lines = (logs.previous if wanted.previous else logs.current).get(wanted.container)
            if lines is None:
                self._refuse(wanted)
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self._send(wanted, lines)
            self.wfile.write(b"0\r\n\r\n")

        def _send(self, wanted: Wanted, lines: list[tuple[datetime, str]]) -> None:
            sent = len(lines)
            self._chunk(wanted.text(wanted.chosen(lines[:sent])))
            while wanted.follow and not ended.wait(FOLLOW_POLL):
                new = lines[sent:]
                sent += len(new)
                self._chunk(wanted.text(new))

        def _chunk(self, content: bytes) -> None:
            if content:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(content), content))
                self.wfile.flush()

        def _refuse(self, wanted: Wanted) -> None:
            _, pod, container = wanted.container
            name = f'container "{container}" in pod "{pod}"'
            reason = (
                f"previous terminated {name} not found" if wanted.previous else f"{name} is waiting to start"
            )
            self.send_response(400)
            self.send_header("Content-Length", str(len(reason)))
            self.end_headers()
            self.wfile.write(reason.encode())

        def log_message(self, format: str, *arguments: object) -> None:
            """The test has its own log."""

    return Handler
