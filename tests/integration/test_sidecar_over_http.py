"""The sidecar with its sockets, an app with its own, and aiohttp between them."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web

from outboard.errors import PortTaken
from outboard.hops.record import HopKind
from outboard.resources.loader import Resources
from outboard.resources.resiliency import Resiliency, RetryPolicy, Target
from outboard.sidecar.channel.exchange import LONGEST_ANSWER, exchange_with
from outboard.sidecar.runtime.options import Options
from outboard.sidecar.runtime.sidecar import Sidecar
from outboard.sidecar.runtime.sockets import Purpose, listening
from outboard.wire.http import ExchangeFailed, Request
from support.processes import free_ports
from support.sidecars import Hops, component

pytestmark = pytest.mark.anyio

RESOURCES = Resources((component("ps", "pubsub.in-memory"),))
PORT = Purpose("the test", "--port")


class App:
    """An aiohttp app that subscribes to `t`, keeps its events, and answers `answer`."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.answer: Callable[[], web.StreamResponse] = web.Response
        self.gate = asyncio.Event()
        self.gate.set()

    async def subscribe(self, request: web.Request) -> web.Response:
        return web.json_response([{"pubsubname": "ps", "topic": "t", "route": "/t"}])

    async def handle(self, request: web.Request) -> web.StreamResponse:
        await self.events.put(json.loads(await request.read()))
        await self.gate.wait()
        return self.answer()

    @asynccontextmanager
    async def serving(self, port: int = 0, keepalive: float = 75.0) -> AsyncIterator[int]:
        app = web.Application()
        app.router.add_get("/dapr/subscribe", self.subscribe)
        app.router.add_post("/t", self.handle)
        runner = web.AppRunner(app, keepalive_timeout=keepalive, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        try:
            yield site.port
        finally:
            await runner.cleanup()


@asynccontextmanager
async def served(app_port: int, resources: Resources = RESOURCES, **options: Any) -> AsyncIterator[Sidecar]:
    """A sidecar on a free port, stopped at the end; that must end it with code 0."""
    sidecar = Sidecar(Options("api", app_port=app_port, http_port=0, grpc_port=0, **options), resources)
    serving = asyncio.create_task(sidecar.serve())
    await asyncio.wait((serving, asyncio.create_task(sidecar.ready())), return_when=asyncio.FIRST_COMPLETED)
    try:
        yield sidecar
    finally:
        sidecar.stop()
        assert await serving == 0


def client(sidecar: Sidecar, host: str = "127.0.0.1") -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"http://{host}:{sidecar.http_port}", trust_env=False)


async def test_from_publish_to_handler() -> None:
    app = App()
    async with app.serving() as port, served(port) as sidecar, client(sidecar) as http:
        assert (await http.get("/v1.0/healthz")).status_code == 204
        for number in range(20):
            answer = await http.post("/v1.0/publish/ps/t", json={"n": number})
            assert (answer.status_code, answer.content) == (204, b"")
        events = [await app.events.get() for _ in range(20)]
    assert [event["data"]["n"] for event in events] == list(range(20))


async def test_localhost_reaches_it_in_both_families() -> None:
    async with served(0) as sidecar:
        for host in ("localhost", "127.0.0.1", "[::1]"):
            if host == "[::1]" and not socket.has_ipv6:
                continue
            async with client(sidecar, host) as http:
                assert (await http.get("/v1.0/healthz")).status_code == 204


async def test_a_body_that_is_too_large_gets_its_answer() -> None:
    async with served(0, max_body_bytes=1000) as sidecar, client(sidecar) as http:
        answer = await http.post("/v1.0/publish/ps/t", content=b"x" * 2_000_000)
        assert answer.status_code == 500
        assert answer.json()["message"].endswith("stream too large")
        assert (await http.post("/v1.0/publish/ps/t", json={})).status_code == 204


async def test_the_api_answers_before_the_app_is_there() -> None:
    app = App()
    with listening(("127.0.0.1",), 0, PORT) as [reserved]:
        port = reserved.getsockname()[1]
    sidecar = Sidecar(Options("api", app_port=port, http_port=0, grpc_port=0), RESOURCES)
    serving = asyncio.create_task(sidecar.serve())
    await sidecar.readiness.outbound.wait()
    async with client(sidecar) as http:
        assert (await http.get("/v1.0/healthz/outbound")).status_code == 204
        assert (await http.get("/v1.0/healthz")).json()["errorCode"] == "ERR_HEALTH_NOT_READY"
        async with app.serving(port):
            await sidecar.ready()
            assert (await http.post("/v1.0/publish/ps/t", json={})).status_code == 204
            await app.events.get()
    sidecar.stop()
    assert await serving == 0


async def test_an_app_that_restarts_gets_what_it_missed() -> None:
    retry = Resiliency(retries={"r": RetryPolicy(duration=0.01)}, inbound={"ps": Target(retry="r")})
    resources = Resources(RESOURCES.components, resiliencies=(retry,))
    app = App()
    async with app.serving() as port:
        lifetime = served(port, resources)
        sidecar = await lifetime.__aenter__()
    async with client(sidecar) as http:
        assert (await http.post("/v1.0/publish/ps/t", json={"n": 1})).status_code == 204
    async with app.serving(port):
        assert (await app.events.get())["data"] == {"n": 1}
        await lifetime.__aexit__(None, None, None)


async def test_connections_that_the_app_closed_lose_no_event() -> None:
    app, hops = App(), Hops()
    async with app.serving(keepalive=0.01) as port:
        sidecar = Sidecar(Options("api", app_port=port, http_port=0, grpc_port=0), RESOURCES, recorder=hops)
        serving = asyncio.create_task(sidecar.serve())
        await sidecar.ready()
        async with client(sidecar) as http:
            for _ in range(5):
                await http.post("/v1.0/publish/ps/t", json={})
                await app.events.get()
                await asyncio.sleep(0.015)
        sidecar.stop()
        assert await serving == 0
    assert {hop.outcome for hop in hops.of(HopKind.DELIVERED)} == {"SUCCESS"}


async def test_stopping_waits_for_the_handler() -> None:
    app = App()
    async with app.serving() as port:
        async with served(port) as sidecar, client(sidecar) as http:
            app.gate.clear()
            await http.post("/v1.0/publish/ps/t", json={})
            await app.events.get()
            asyncio.get_running_loop().call_later(0.05, app.gate.set)
        assert app.gate.is_set(), "the sidecar ended before the handler did"


async def test_a_handler_that_hangs_is_given_up_at_the_end_of_the_grace() -> None:
    app = App()
    async with app.serving() as port:
        sidecar = Sidecar(
            Options("api", app_port=port, http_port=0, grpc_port=0, graceful_shutdown=0.05), RESOURCES
        )
        serving = asyncio.create_task(sidecar.serve())
        await sidecar.ready()
        app.gate.clear()
        async with client(sidecar) as http:
            await http.post("/v1.0/publish/ps/t", json={})
            await app.events.get()
        sidecar.stop()
        assert await serving == 1
        app.gate.set()


@pytest.mark.parametrize(("headers", "code"), [({}, 0), ({"dapr-force-shutdown": "true"}, 1)])
async def test_shutdown_over_the_api(headers: dict[str, str], code: int) -> None:
    sidecar = Sidecar(Options("api", http_port=0, grpc_port=0), RESOURCES)
    serving = asyncio.create_task(sidecar.serve())
    await sidecar.ready()
    async with client(sidecar) as http:
        assert (await http.post("/v1.0/shutdown", headers=headers)).status_code == 204
    assert await serving == code


async def test_a_taken_port_is_told_before_anything_else() -> None:
    with listening(("127.0.0.1",), 0, PORT) as [bound]:
        port = bound.getsockname()[1]
        with pytest.raises(PortTaken) as caught:
            await Sidecar(Options("api", http_port=port, grpc_port=0), RESOURCES).serve()
    assert f"port {port} for the Dapr HTTP API is taken by" in str(caught.value)


async def test_of_a_response_only_so_much_is_kept_and_an_app_that_is_away_is_told() -> None:
    app = App()
    app.answer = lambda: web.Response(body=b"y" * (LONGEST_ANSWER + 10_000))
    async with app.serving() as port, exchange_with(f"http://127.0.0.1:{port}", 100) as exchange:
        response = await exchange(Request("POST", "/t", body=b"{}"), None)
        assert (response.status, len(response.body)) == (200, LONGEST_ANSWER)
    async with exchange_with(f"http://127.0.0.1:{port}", 100) as exchange:
        with pytest.raises(ExchangeFailed) as caught:
            await exchange(Request("POST", "/t", body=b"{}"), 5.0)
    assert not caught.value.sent


async def test_a_call_to_the_app_takes_no_longer_than_it_may() -> None:
    app = App()
    app.gate.clear()
    async with app.serving() as port, exchange_with(f"http://127.0.0.1:{port}", 100) as exchange:
        with pytest.raises(ExchangeFailed, match="context deadline exceeded"):
            await exchange(Request("POST", "/t", body=b"{}"), 0.05)
        app.gate.set()


MAIN = """
import asyncio, os, sys
from outboard.sidecar.process.main import run
sys.exit(asyncio.run(run(sys.argv[1:], os.environ, sys.stdout)))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a console signal on Windows reaches the test run itself")
def test_as_a_process_it_ends_with_a_signal_and_says_what_it_did(tmp_path: Path) -> None:
    (tmp_path / "pubsub.yaml").write_text(
        "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: ps}\n"
        "spec: {type: pubsub.in-memory, version: v1}\n",
        encoding="utf-8",
    )
    port, grpc_port = free_ports(2)
    ports = [f"--dapr-http-port={port}", f"--dapr-grpc-port={grpc_port}"]
    arguments = ["--app-id", "api", *ports, "--resources-path", str(tmp_path)]
    command = [sys.executable, "-c", MAIN, *arguments]
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if "dapr initialized. Status: Running." in line:
                process.send_signal(signal.SIGTERM)
    assert process.returncode == 0
    log = "".join(lines)
    assert 'msg="Component loaded: ps (pubsub.in-memory/v1)"' in log
    assert f'msg="HTTP server is running on port {port}"' in log
    assert "Daprd shutdown gracefully" in log


def test_as_a_process_it_tells_a_mistake_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "pubsub.yaml").write_text(
        "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: ps}\n"
        "spec: {type: pubsub.inmemory, version: v1}\n",
        encoding="utf-8",
    )
    arguments = [
        "--app-id=api",
        "--app-port=1",
        "--dapr-http-port=0",
        "--dapr-grpc-port=0",
        f"--resources-path={tmp_path}",
    ]
    process = subprocess.run(
        [sys.executable, "-c", MAIN, *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert process.returncode == 1
    assert "Fatal error from runtime" in process.stdout
    assert "pubsub.yaml" in process.stdout
    assert "Traceback" not in process.stdout + process.stderr
