"""Unix domain sockets in the place of ports: what answers where, over HTTP and gRPC, and what is left."""

from __future__ import annotations

import asyncio
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import grpc
import pytest
from anyio.from_thread import BlockingPortal
from dapr.proto.runtime.v1 import metadata_pb2, pubsub_pb2

from conformance.http1 import LOOPBACK, Answer, exchange
from conformance.question import Group, Question, subscribed
from conformance.questions.files import component
from conformance.sidecars import APP_ID, Program, Running, app_of, started

pytestmark = [
    pytest.mark.engine("daprd"),
    pytest.mark.timeout(120),
    pytest.mark.skipif(sys.platform == "win32", reason="there are no Unix domain sockets in Python here"),
]

PATIENCE = 30.0
FILES = {"ps.yaml": component("ps", "pubsub.in-memory")}
QUESTION = Question("unix", (), subscriptions=(subscribed("t"),))
SERVICE = "/dapr.proto.runtime.v1.Dapr"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short one: the path of a socket may have about 100 characters."""
    made = Path(tempfile.mkdtemp(prefix="uds-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@asynccontextmanager
async def at_sockets(program: Program, folder: Path, flags: Sequence[str] = ()) -> AsyncIterator[Running]:
    place = folder / program.name
    (place / "run").mkdir(parents=True)
    group = Group("unix", (QUESTION,), FILES, (f"--unix-domain-socket={place / 'run'}", *flags))
    async with app_of(group) as app, started(program, group, place, app) as sidecar:
        yield sidecar


def path_of(sidecar: Running, protocol: str) -> Path:
    return sidecar.folder / "run" / f"dapr-{APP_ID}-{protocol}.socket"


async def asked(sidecar: Running, method: str, path: str) -> int | None:
    """The status that the socket answers, None where nothing does."""
    connector = aiohttp.UnixConnector(path=str(path_of(sidecar, "http")))
    try:
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.request(
                method, f"http://localhost{path}", data=b"1" if method == "POST" else None
            ) as answer,
        ):
            return answer.status
    except aiohttp.ClientError:
        return None


async def ready(sidecar: Running) -> None:
    async with asyncio.timeout(PATIENCE):
        while await asked(sidecar, "GET", "/v1.0/healthz") != 204:
            assert sidecar.process.returncode is None, (sidecar.folder / "log").read_text(encoding="utf-8")
            await asyncio.sleep(0.05)


async def over_grpc(sidecar: Running) -> list[object]:
    """The app's id that the socket tells, and the publishing of an event at it."""
    async with grpc.aio.insecure_channel(f"unix:{path_of(sidecar, 'grpc')}") as channel:

        async def call(name: str, request: bytes) -> bytes:
            plain = (lambda data: data, lambda data: data)
            return bytes(await channel.unary_unary(f"{SERVICE}/{name}", *plain)(request, timeout=PATIENCE))

        told = metadata_pb2.GetMetadataResponse.FromString(await call("GetMetadata", b""))
        event = pubsub_pb2.PublishEventRequest(pubsub_name="ps", topic="t", data=b"1")
        return [told.id, await call("PublishEvent", event.SerializeToString())]


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


async def _observed(program: Program, folder: Path) -> list[object]:
    async with at_sockets(program, folder) as sidecar:
        await ready(sidecar)
        http, grpc_port, _, metrics, public = sidecar.ports[:5]
        health = await exchange(public, "GET", "/v1.0/healthz", b"", {})
        told: list[object] = [
            await asked(sidecar, "POST", "/v1.0/publish/ps/t"),
            await asked(sidecar, "GET", "/v1.0/metadata"),
            await asked(sidecar, "GET", "/nowhere"),
            await over_grpc(sidecar),
            health.status if isinstance(health, Answer) else None,
            [listens(port) for port in (http, grpc_port, metrics, public)],
        ]
        await asyncio.wait_for(sidecar.app.until({"/t"}, 2), PATIENCE)
        log = (sidecar.folder / "log").read_text(encoding="utf-8")
        lines = ("HTTP server is running on a Unix Domain Socket", "API gRPC server is running on a Unix")
        told += [line in log for line in lines]
        told += [f"{kind} server listening on UNIX socket: {path_of(sidecar, kind.lower())}" in log
                 for kind in ("HTTP", "gRPC")]  # fmt: skip
        sidecar.process.terminate()
        told.append(await asyncio.wait_for(sidecar.process.wait(), PATIENCE))
        told.append([path_of(sidecar, protocol).exists() for protocol in ("http", "grpc")])
        return told


def test_the_same_answers_where_ports_would_be(
    programs: tuple[Program, Program], portal: BlockingPortal, folder: Path
) -> None:
    real, ours = (portal.call(_observed, each, folder) for each in programs)
    assert ours == real
