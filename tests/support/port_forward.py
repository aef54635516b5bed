"""Port-forward of the kubelet that stands for one: a WebSocket whose messages are those of a port of a pod.

Source: Kubernetes, the WebSocket protocol of port-forward: channel 0 has the data, 1 what went wrong; the
first message of each is the number of the port.
"""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping
from wsproto.utilities import LocalProtocolError

PodPort: TypeAlias = "tuple[str, str, int]"
"""Namespace, pod, port inside it."""
Dial: TypeAlias = Callable[[], socket.socket]
"""Connects to what is behind a port."""
Answer: TypeAlias = "tuple[int, object]"
"""A status, and a body that becomes JSON; text stays as it is."""
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
SIZE = 65_536


def to_port(port: int) -> Dial:
    """What listens on a port of loopback."""
    return lambda: socket.create_connection(("127.0.0.1", port))


def answering(answers: Mapping[str, Answer], token: str = "") -> Dial:
    """A server that answers a path, or a method and a path, as `answers` have it, and 404 at others; with
    `token`, 401 to whoever does not send it.
    """

    def dial() -> socket.socket:
        ours, theirs = socket.socketpair()
        threading.Thread(target=_serve, args=(theirs, answers, token), daemon=True).start()
        return ours

    return dial


def parse_forward(target: str) -> PodPort | None:
    """What the path and query `target` ask for; None where it is no request for a port."""
    url = urlsplit(target)
    parts = url.path.strip("/").split("/")
    if len(parts) != 3 or parts[0] != "portForward":
        return None
    query = parse_qs(url.query)
    return parts[1], parts[2], int((query.get("port") or query["ports"])[0])


def forward(handler: BaseHTTPRequestHandler, dial: Dial | None, wanted: PodPort) -> None:
    """Make a WebSocket of the request, and hand on what comes until one of the two ends."""
    key = handler.headers["Sec-WebSocket-Key"] + GUID
    handler.send_response(101)
    handler.send_header("Upgrade", "websocket")
    handler.send_header("Connection", "Upgrade")
    accept = base64.b64encode(hashlib.sha1(key.encode(), usedforsecurity=False).digest())
    handler.send_header("Sec-WebSocket-Accept", accept.decode())
    handler.end_headers()
    with suppress(OSError):  # the other end has gone
        _forward(_WebSocket(handler.connection), dial, wanted)


def _forward(web: _WebSocket, dial: Dial | None, wanted: PodPort) -> None:
    number = wanted[2].to_bytes(2, "little")
    web.send(b"\0" + number)
    web.send(b"\1" + number)
    if dial is None:
        web.send(f"\1failed to connect to localhost:{wanted[2]}: connect: connection refused".encode())
        web.close()
        return
    with dial() as port:
        back = threading.Thread(target=_back, args=(web, port), daemon=True)
        back.start()
        while (message := web.receive()) is not None:
            port.sendall(message[1:])
        with suppress(OSError):  # it has ended first
            port.shutdown(socket.SHUT_RDWR)
        back.join()


def _back(web: _WebSocket, port: socket.socket) -> None:
    with suppress(OSError, LocalProtocolError):  # one of the two has gone
        while data := port.recv(SIZE):
            web.send(b"\0" + data)
        web.close()


class _WebSocket:
    """The server's end, over a socket that is through the handshake."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._protocol = Connection(ConnectionType.SERVER)
        self._writing = threading.Lock()

    def send(self, message: bytes) -> None:
        with self._writing:
            self._socket.sendall(self._protocol.send(BytesMessage(message)))

    def close(self) -> None:
        with self._writing:
            if self._protocol.state is ConnectionState.OPEN:
                self._socket.sendall(self._protocol.send(CloseConnection(1000)))

    def receive(self) -> bytes | None:
        """The next message; None at the end."""
        gathered = b""
        while data := self._socket.recv(SIZE):
            self._protocol.receive_data(data)
            for event in self._protocol.events():
                if isinstance(event, CloseConnection):
                    return None
                if isinstance(event, Ping):
                    with self._writing:
                        self._socket.sendall(self._protocol.send(event.response()))
                if isinstance(event, BytesMessage):
                    gathered += event.data
                    if event.message_finished:
                        return gathered
        return None


def _serve(connection: socket.socket, answers: Mapping[str, Answer], token: str) -> None:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, body = answers.get(f"{self.command} {self.path}") or answers.get(self.path) or (404, "")
            if token and self.headers.get("dapr-api-token") != token:
                status, body = 401, ""
            content = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_OPTIONS = do_GET

        def log_message(self, format: str, *arguments: Any) -> None:
            """The test has its own log."""

    with connection, suppress(OSError):  # the other end has gone
        Handler(connection, ("", 0), None)  # type: ignore[arg-type]
