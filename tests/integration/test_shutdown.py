"""How a sidecar ends: in-flight events, the block period, signals; and an app that is unwell for a while."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web

from outboard.clock import SystemClock
from outboard.hops.record import HopKind
from outboard.resources.loader import Resources
from outboard.resources.resiliency import Resiliency, RetryPolicy, Target
from outboard.sidecar.channel.health import AppHealthOptions
from outboard.sidecar.runtime.options import Options
from outboard.sidecar.runtime.sidecar import Sidecar
from support.sidecars import Hops, component

pytestmark = pytest.mark.anyio

COMPONENTS = (component("ps", "pubsub.in-memory"), component("st", "state.in-memory"))
PERIOD = 600.0
HEALTH = AppHealthOptions(interval=0.02, timeout=30.0, threshold=1)
"""Its answers alone decide, however late a busy machine gives them."""


class BlockClock(SystemClock):
    """The block period lasts until the test ends it."""

    def __init__(self) -> None:
        super().__init__()
        self.blocking, self.over = asyncio.Event(), asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        if seconds != PERIOD:
            return await super().sleep(seconds)
        self.blocking.set()
        await self.over.wait()
        return None


class App:
    """Subscribes to `t` with dead letter topic `dead`, keeps its events, and answers as it is told."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[Any] = asyncio.Queue()
        self.answers: list[int] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.health = 200

    async def subscribe(self, request: web.Request) -> web.Response:
        entry = {"pubsubname": "ps", "topic": "t", "route": "/t", "deadLetterTopic": "dead"}
        return web.json_response([entry])

    async def handle(self, request: web.Request) -> web.Response:
        await self.events.put(json.loads(await request.read())["data"])
        await self.gate.wait()
        return web.Response(status=self.answers.pop(0) if self.answers else 200)

    async def probe(self, request: web.Request) -> web.Response:
        return web.Response(status=self.health)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[int]:
        app = web.Application()
        app.router.add_get("/dapr/subscribe", self.subscribe)
        app.router.add_get("/healthz", self.probe)
        app.router.add_post("/t", self.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            yield site.port
        finally:
            self.gate.set()
            await runner.cleanup()


class Bench:
    """An app beside a sidecar that serves, and a client of its API."""

    def __init__(self, app: App, sidecar: Sidecar, clock: BlockClock, hops: Hops, http: httpx.AsyncClient):
        self.app, self.sidecar, self.clock, self.hops, self.http = app, sidecar, clock, hops, http
        self.serving = asyncio.create_task(sidecar.serve())

    async def publish(self, data: object) -> int:
        return (await self.http.post("/v1.0/publish/ps/t", json=data)).status_code

    async def answers(self, path: str, expected: Callable[[httpx.Response], bool]) -> None:
        """Return when the API answers at `path` as it is expected to."""
        while True:
            if expected(await self.http.get(path)):
                return
            await asyncio.sleep(0.01)

    async def closed(self) -> None:
        """Return when nobody listens any more."""
        while True:
            try:
                async with httpx.AsyncClient(base_url=self.http.base_url, trust_env=False) as http:
                    await http.get("/v1.0/healthz")
            except httpx.TransportError:
                return
            await asyncio.sleep(0.01)


@asynccontextmanager
async def bench(
    retry: RetryPolicy | None = None, *, alone: bool = False, health: int = 200, **options: Any
) -> AsyncIterator[Bench]:
    app, clock, hops = App(), BlockClock(), Hops()
    app.health = health
    policies = Resiliency(retries={"r": retry}, inbound={"ps": Target(retry="r")}) if retry else Resiliency()
    resources = Resources(COMPONENTS, resiliencies=(policies,))
    async with app.serving() as port:
        given = Options("api", app_port=0 if alone else port, http_port=0, grpc_port=0, **options)
        sidecar = Sidecar(given, resources, clock=clock, recorder=hops)
        serving = Bench(app, sidecar, clock, hops, httpx.AsyncClient(trust_env=False))
        await sidecar.ready()
        serving.http.base_url = httpx.URL(f"http://127.0.0.1:{sidecar.http_port}")
        try:
            yield serving
        finally:
            await serving.http.aclose()
            serving.serving.cancel()
            await asyncio.wait((serving.serving,))


# What is handled yet


async def test_the_api_closes_at_once_while_a_handler_is_waited_for() -> None:
    async with bench() as it:
        it.app.gate.clear()
        await it.publish(1)
        await it.app.events.get()
        it.sidecar.stop()
        await it.closed()
        assert not it.serving.done()
        it.app.gate.set()
        assert await it.serving == 0
        assert [hop.outcome for hop in it.hops.of(HopKind.DELIVERED)] == ["SUCCESS"]


async def test_what_fails_while_stopping_is_tried_again_within_the_grace() -> None:
    async with bench(RetryPolicy(duration=0.05)) as it:
        it.app.answers = [500, 503]
        it.app.gate.clear()
        await it.publish(1)
        await it.app.events.get()
        it.sidecar.stop()
        await it.closed()
        it.app.gate.set()
        assert await it.serving == 0
        assert [hop.outcome for hop in it.hops.of(HopKind.DELIVERED)] == ["RETRY", "RETRY", "SUCCESS"]


async def test_what_fails_for_good_while_stopping_is_left_to_the_broker() -> None:
    async with bench(RetryPolicy(duration=0.01, max_retries=1)) as it:
        it.app.answers = [500, 500]
        it.app.gate.clear()
        await it.publish(1)
        await it.app.events.get()
        it.sidecar.stop()
        await it.closed()
        it.app.gate.set()
        assert await it.serving == 0
        assert len(it.hops.of(HopKind.DELIVERED)) == 2
        assert not it.hops.of(HopKind.DEAD_LETTERED)
        assert not it.hops.of(HopKind.LOST)


async def test_retries_that_never_end_end_with_the_grace(caplog: pytest.LogCaptureFixture) -> None:
    async with bench(RetryPolicy(duration=0.01), graceful_shutdown=0.1) as it:
        it.app.answers = [500] * 10_000
        await it.publish(1)
        await it.app.events.get()
        it.sidecar.stop()
        assert await it.serving == 1
    assert "Graceful shutdown timeout exceeded, forcing shutdown" in caplog.messages


# The block period


async def test_in_the_block_period_the_api_serves_and_no_event_comes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    async with bench(block_shutdown=PERIOD) as it:
        it.sidecar.stop()
        await it.clock.blocking.wait()
        assert (await it.http.get("/v1.0/state/st/a")).status_code == 204
        assert (await it.http.get("/v1.0/metadata")).status_code == 200
        assert (await it.http.get("/v1.0/healthz")).status_code == 500
        assert await it.publish(1) == 204
        it.clock.over.set()
        assert await it.serving == 0
        assert not it.hops.of(HopKind.DELIVERED)
    told = [message for message in caplog.messages if "shut" in message]
    assert told == [
        "Blocking graceful shutdown for 10m0s or until app reports unhealthy...",
        "Block shutdown period expired, entering shutdown...",
        "Dapr is shutting down",
        "Daprd shutdown gracefully",
    ]


async def test_a_call_that_outlives_the_grace_has_no_answer_but_the_end_of_its_connection() -> None:
    async with bench(graceful_shutdown=0.3) as it:
        it.app.gate.clear()
        call = asyncio.create_task(it.http.post("/v1.0/invoke/api/method/t", json={"data": 1}))
        await it.app.events.get()
        it.sidecar.stop()
        assert await it.serving == 1
        with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
            await call


async def test_a_handler_can_use_the_api_before_the_block_period_begins() -> None:
    async with bench(block_shutdown=PERIOD) as it:
        it.app.gate.clear()
        await it.publish(1)
        await it.app.events.get()
        it.sidecar.stop()
        await it.answers("/v1.0/healthz", lambda answer: answer.status_code == 500)
        assert (await it.http.post("/v1.0/state/st", json=[{"key": "a", "value": 1}])).status_code == 204
        assert not it.clock.blocking.is_set()
        it.app.gate.set()
        await it.clock.blocking.wait()
        it.clock.over.set()
        assert await it.serving == 0
        assert [hop.outcome for hop in it.hops.of(HopKind.DELIVERED)] == ["SUCCESS"]


async def test_an_app_that_becomes_unhealthy_ends_the_block_period(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with bench(block_shutdown=PERIOD, app_health=HEALTH) as it:
        await it.answers("/v1.0/metadata", lambda answer: bool(answer.json().get("subscriptions")))
        it.sidecar.stop()
        await it.clock.blocking.wait()
        it.app.health = 503
        assert await it.serving == 0
    assert "App entered un-healthy status: Health check failed with status code: 503" in caplog.messages
    assert "App reported unhealthy, entering shutdown..." in caplog.messages


async def test_an_app_that_never_was_healthy_has_no_block_period() -> None:
    async with bench(health=503, block_shutdown=PERIOD, app_health=HEALTH) as it:
        it.sidecar.stop()
        assert await it.serving == 0


async def test_without_an_app_the_block_period_is_a_whole_one() -> None:
    async with bench(alone=True, block_shutdown=PERIOD) as it:
        it.sidecar.stop()
        await it.clock.blocking.wait()
        assert (await it.http.get("/v1.0/state/st/a")).status_code == 204
        it.clock.over.set()
        assert await it.serving == 0


async def test_a_shutdown_over_the_api_has_no_block_period() -> None:
    async with bench(block_shutdown=PERIOD) as it:
        assert (await it.http.post("/v1.0/shutdown")).status_code == 204
        assert await it.serving == 0


@pytest.mark.parametrize(("headers", "code"), [({}, 0), ({"dapr-force-shutdown": "true"}, 1)])
async def test_a_shutdown_over_the_api_ends_a_block_period(headers: dict[str, str], code: int) -> None:
    async with bench(block_shutdown=PERIOD) as it:
        it.sidecar.stop()
        await it.clock.blocking.wait()
        assert (await it.http.post("/v1.0/shutdown", headers=headers)).status_code == 204
        assert await it.serving == code


# App health checks


async def test_an_app_that_is_unwell_gets_no_events_until_it_is_well_again() -> None:
    async with bench(app_health=HEALTH) as it:
        while it.app.events.empty():
            await it.publish("while it is well")
            await asyncio.sleep(0.01)
        it.app.health = 503
        await settled(it, "while it becomes unwell")
        count = len(it.hops.of(HopKind.DELIVERED))
        assert await it.publish("while it is unwell") == 204
        assert (await it.http.get("/v1.0/healthz")).status_code == 204
        assert len((await it.http.get("/v1.0/metadata")).json()["subscriptions"]) == 1
        await asyncio.sleep(0.05)
        assert len(it.hops.of(HopKind.DELIVERED)) == count

        it.app.health = 200
        while len(it.hops.of(HopKind.DELIVERED)) == count:
            await it.publish("well again")
            await asyncio.sleep(0.01)
        received = [json.loads(hop.payload)["data"] for hop in it.hops.of(HopKind.DELIVERED)]
        assert "while it is unwell" not in received
        assert received[-1] == "well again"
        it.sidecar.stop()
        assert await it.serving == 0


async def settled(it: Bench, data: str) -> None:
    """Publish until no event comes through any more."""
    while True:
        before = len(it.hops.of(HopKind.DELIVERED))
        await it.publish(data)
        await asyncio.sleep(0.1)
        if len(it.hops.of(HopKind.DELIVERED)) == before:
            return


# Signals

MAIN = """
import asyncio, os, sys
from outboard.sidecar.process.main import run
sys.exit(asyncio.run(run(sys.argv[1:], os.environ, sys.stdout)))
"""


def lives(
    tmp_path: Path, react: Callable[[subprocess.Popen[str], str], None], *flags: str
) -> tuple[int, str]:
    """Run a sidecar as a process, `react` to each line of its log: its exit code and its log."""
    arguments = ["--app-id=api", "--dapr-http-port=0", "--dapr-grpc-port=0", "--app-port=1", *flags]
    command = [sys.executable, "-c", MAIN, *arguments, f"--resources-path={tmp_path}"]
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            react(process, line)
    return process.returncode, "".join(lines)


@pytest.mark.skipif(sys.platform == "win32", reason="a console signal on Windows reaches the test run itself")
def test_a_second_signal_ends_the_process_at_once(tmp_path: Path) -> None:
    def react(process: subprocess.Popen[str], line: str) -> None:
        if "waiting on port" in line or "Blocking graceful shutdown" in line:
            process.send_signal(signal.SIGTERM)

    code, log = lives(tmp_path, react, "--dapr-block-shutdown-duration=10m")

    assert code == 1
    assert "level=info msg=\"Received signal 'terminated'; beginning shutdown\"" in log
    assert "level=fatal msg=\"Received signal 'terminated' during shutdown; exiting immediately\"" in log


@pytest.mark.skipif(sys.platform == "win32", reason="a console signal on Windows reaches the test run itself")
def test_a_signal_ends_a_sidecar_that_waits_for_its_app(tmp_path: Path) -> None:
    def react(process: subprocess.Popen[str], line: str) -> None:
        if "waiting on port" in line:
            process.send_signal(signal.SIGINT)

    code, log = lives(tmp_path, react)

    assert code == 0
    assert "Received signal 'interrupt'; beginning shutdown" in log
    assert "Daprd shutdown gracefully" in log
