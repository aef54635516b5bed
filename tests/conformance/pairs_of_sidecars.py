"""Two sidecars, a caller and a callee, each daprd or ours, and one app behind both that tells what it got.

They find each other in a file of daprd's SQLite resolver, a file a pair.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import h11
from dapr.proto.runtime.v1 import invoke_pb2

from conformance.app import App
from conformance.grpc_asking import invoked
from conformance.http1 import LOOPBACK, Answer, Gone, exchange, next_event
from conformance.question import Group, Respond
from conformance.sidecars import Program, Running, started, stopped_together, until_ready

__all__ = ["CALLEE", "CALLER", "AppOfPairs", "Mirror", "Pair", "all_pairs", "pairs", "seen"]

CALLER = "caller"
CALLEE = "callee"
CONFIGURATION = """
apiVersion: dapr.io/v1alpha1
kind: Configuration
metadata:
  name: names
spec:
  nameResolution:
    component: sqlite
    version: v1
    configuration:
      connectionString: {file}
      updateInterval: 60s
"""
"""With the default, 5 s, a name of daprd counts for nothing a second after it should have been renewed. A
machine that is busy with other tests is late by as much: then `no host found with the given ID` is told."""
ITS_OWN = {"accept-encoding", "dapr-authority", "dapr-grpc-accept-encoding"}
"""What a library adds or keeps to itself: Go's shows the app of which headers a gRPC call was made."""
AGENTS = {"outboard", "Go-http-client/1.1", "Go-http-client/2.0"}
OF_A_CONNECTION = {"connection", "date", "transfer-encoding", "content-length", "host"}


class Mirror:
    """An app that answers each request with what it got; `status`, `headers` and `body` say how, once."""

    def __init__(self) -> None:
        self.port = 0
        self.status = 200
        self.headers: Sequence[tuple[str, str]] = ()
        self.body: bytes | None = None

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._serve, LOOPBACK, 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1024 * 1024)
        try:
            while await self._answer(connection, reader, writer):
                connection.start_next_cycle()
        except (ConnectionError, h11.ProtocolError):
            pass
        finally:
            writer.close()

    async def _answer(
        self, connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        request, body = await _request(connection, reader)
        if request is None:
            return False
        told = {
            "method": request.method.decode(),
            "target": request.target.decode("latin-1"),
            "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in request.headers],
            "body": body.decode("latin-1"),
        }
        content = json.dumps(told).encode() if self.body is None else self.body
        without = self.status in {204, 304} or request.method == b"HEAD"
        headers = [("content-type", "application/json"), *self.headers]
        if not without:
            headers.append(("content-length", str(len(content))))
        writer.write(connection.send(h11.Response(status_code=self.status, headers=headers)) or b"")
        if not without:
            writer.write(connection.send(h11.Data(data=content)) or b"")
        writer.write(connection.send(h11.EndOfMessage()) or b"")
        await writer.drain()
        return connection.our_state is h11.DONE and connection.their_state is h11.DONE


async def _request(
    connection: h11.Connection, reader: asyncio.StreamReader
) -> tuple[h11.Request | None, bytes]:
    request, body = None, b""
    while True:
        event = await next_event(connection, reader)
        match event:
            case h11.Request():
                request = event
            case h11.Data():
                body += bytes(event.data)
            case h11.EndOfMessage():
                return request, body
            case _:
                return None, b""


class AppOfPairs(Protocol):
    """What is behind both sidecars."""

    port: int

    def serving(self) -> AbstractAsyncContextManager[None]:
        """Listen at `port` while the block runs."""
        ...


A = TypeVar("A", bound=AppOfPairs)


@dataclass(frozen=True)
class Pair(Generic[A]):
    """A caller and a callee that are up, with an app for both."""

    name: str
    app: A
    caller: Running
    callee: Running

    async def ask(
        self, method: str, target: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[object, ...]:
        """What comes of a request to the caller's sidecar, without what differs by itself."""
        answer = await exchange(self.caller.port, method, target, body, headers)
        return seen(answer, {str(self.app.port): "APP"})

    async def call(self, request: invoke_pb2.InvokeServiceRequest) -> tuple[object, ...]:
        """What comes of InvokeService at the caller's sidecar: status, metadata and answer."""
        said = await invoked(self.caller.ports[1], request)
        return *said[:3], _body(said[3], {str(self.app.port): "APP"})


def all_pairs(programs: tuple[Program, Program]) -> dict[str, tuple[Program, Program]]:
    """daprd to daprd, which is compared with; ours to ours; each to the other."""
    real, ours = programs
    return {
        "daprd-daprd": (real, real),
        "ours-ours": (ours, ours),
        "ours-daprd": (ours, real),
        "daprd-ours": (real, ours),
    }


@asynccontextmanager
async def pairs(
    made_of: Mapping[str, tuple[Program, Program]],
    folder: Path,
    app: A,
    more: str = "",
    flags: Sequence[str] = (),
    files: Mapping[str, str] | None = None,
) -> AsyncIterator[list[Pair[A]]]:
    """A pair for each name, with `app` behind all of them, which serves already.

    `more` is for the spec of the callees' Configuration, `files` are resources of the callers.
    """
    async with AsyncExitStack() as stack:
        running = []
        for name, (caller, callee) in made_of.items():
            found = []
            for app_id, program in ((CALLER, caller), (CALLEE, callee)):
                place = folder / name / app_id
                text = CONFIGURATION.replace("{file}", str(folder / f"{name}.db"))
                given = (f"--app-id={app_id}", "--config={folder}/names.yaml", f"--app-port={app.port}",
                         "--dapr-internal-grpc-listen-address=127.0.0.1", *flags)  # fmt: skip
                written = {"../names.yaml": text + (more if app_id == CALLEE else "")}
                if app_id == CALLER:
                    written |= files or {}
                group = Group(app_id, (), flags=given, app=False, files=written)
                nobody = App(Respond())  # the flags name another one
                found.append(await stack.enter_async_context(started(program, group, place, nobody)))
            running.append(Pair(name, app, *found))
        for pair in running:
            await until_ready(pair.caller)
            await until_ready(pair.callee)
        async with stopped_together(*(each for pair in running for each in (pair.caller, pair.callee))):
            yield running


def seen(answer: Answer | Gone, masked: Mapping[str, str]) -> tuple[object, ...]:
    """An answer as a value that two sidecars should give alike."""
    if isinstance(answer, Gone):
        return ("gone",)
    return answer.status, _headers(answer.headers), _body(answer.body, masked)


def _headers(
    headers: Iterable[Sequence[str]], ignored: Iterable[str] = OF_A_CONNECTION
) -> list[tuple[str, str]]:
    return sorted((name.lower(), value) for name, value in headers if name.lower() not in ignored)


def _body(body: bytes, masked: Mapping[str, str]) -> object:
    text = body.decode("latin-1")
    for before, after in masked.items():
        text = text.replace(before, after)
    try:
        told = json.loads(text)
    except ValueError:
        return text
    if isinstance(told, dict) and "headers" in told:
        headers = _headers(told["headers"])
        told["headers"] = [item for item in headers if not _is_its_own(item)]
    return told


def _is_its_own(header: tuple[str, str]) -> bool:
    name, value = header
    return name in ITS_OWN or (name == "user-agent" and value in AGENTS)
