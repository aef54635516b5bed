"""An app on Dapr's own SDK that takes events by streams, without a port, also after a restart."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from support.processes import Program, free_ports, outboard, running

READY = "dapr initialized. Status: Running."
COMPONENT = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {{name: pubsub}}
spec:
  type: pubsub.sqlite
  version: v1
  metadata: [{{name: connectionString, value: "{file}"}}]
"""
HANDLED = """
import time
from dapr.clients import DaprClient
from dapr.clients.grpc._response import TopicEventResponse

def handle(message):
    print("EVENT", message.data()["n"], flush=True)
    return TopicEventResponse("success")

with DaprClient() as client:
    client.subscribe_with_handler("pubsub", "orders", handler_fn=handle)
    print("SUBSCRIBED", flush=True)
    while True:
        time.sleep(1)
"""
ITERATED = """
from dapr.clients import DaprClient
from dapr.common.pubsub.subscription import StreamReconnectError

with DaprClient() as client:
    subscription = client.subscribe("pubsub", "orders")
    print("SUBSCRIBED", flush=True)
    while True:
        try:
            for message in subscription:
                print("EVENT", message.data()["n"], flush=True)
                subscription.respond_success(message)
        except StreamReconnectError:  # it tries five times
            continue
"""
AWAITED_HANDLER = """
import asyncio
from dapr.aio.clients import DaprClient
from dapr.clients.grpc._response import TopicEventResponse

async def handle(message):
    print("EVENT", message.data()["n"], flush=True)
    return TopicEventResponse("success")

async def main():
    async with DaprClient() as client:
        await client.subscribe_with_handler("pubsub", "orders", handler_fn=handle)
        print("SUBSCRIBED", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""
AWAITED = """
import asyncio
from dapr.aio.clients import DaprClient
from dapr.common.pubsub.subscription import StreamReconnectError

async def main():
    async with DaprClient() as client:
        subscription = await client.subscribe("pubsub", "orders")
        print("SUBSCRIBED", flush=True)
        while True:
            try:
                async for message in subscription:
                    print("EVENT", message.data()["n"], flush=True)
                    await subscription.respond_success(message)
            except StreamReconnectError:  # it tries five times
                continue

asyncio.run(main())
"""
THROUGH_RESTARTS = {"handled": HANDLED, "iterated": ITERATED, "awaited": AWAITED}


@contextmanager
def sidecar(folder: Path, http_port: int, grpc_port: int) -> Iterator[httpx.Client]:
    ports = ["--dapr-http-port", str(http_port), "--dapr-grpc-port", str(grpc_port)]
    command = outboard("sidecar", "--app-id", "shop", *ports, "--resources-path", str(folder / "resources"))
    address = f"http://127.0.0.1:{http_port}"
    with running(command, folder) as program, httpx.Client(base_url=address, trust_env=False) as http:
        program.wait_for(READY)
        yield http


@contextmanager
def subscriber(code: str, folder: Path, http_port: int, grpc_port: int) -> Iterator[Program]:
    """Killed at the end: an interrupt it only hears between two of its calls."""
    variables = {"DAPR_HTTP_PORT": str(http_port), "DAPR_GRPC_PORT": str(grpc_port)}
    with running([sys.executable, "-c", code], folder, **variables) as program:
        try:
            program.wait_for("SUBSCRIBED")
            yield program
        finally:
            program.kill()


def place(folder: Path) -> tuple[Path, int, int]:
    """A folder with the component, and two ports."""
    resources = folder / "resources"
    resources.mkdir()
    text = COMPONENT.format(file=(folder / "events.db").as_posix())
    (resources / "pubsub.yaml").write_text(text, encoding="utf-8")
    http_port, grpc_port = free_ports(2)
    return folder, http_port, grpc_port


def publish(http: httpx.Client, number: int) -> None:
    assert http.post("/v1.0/publish/pubsub/orders", json={"n": number}).status_code == 204


@pytest.mark.parametrize("name", THROUGH_RESTARTS)
def test_streams_go_on_after_a_restart_of_the_sidecar(tmp_path: Path, name: str) -> None:
    at = place(tmp_path)
    with ExitStack() as life:
        with sidecar(*at) as http:
            app = life.enter_context(subscriber(THROUGH_RESTARTS[name], *at))
            publish(http, 1)
            app.wait_for("EVENT 1\n")
        with sidecar(*at) as http:
            publish(http, 2)
            app.wait_for("EVENT 2\n")
    assert app.output.count("EVENT") == 2


def test_an_awaited_handler_gets_its_events(tmp_path: Path) -> None:
    """Through a short restart only: after five attempts the SDK's task ends, and nobody hears of it."""
    at = place(tmp_path)
    with sidecar(*at) as http, subscriber(AWAITED_HANDLER, *at) as app:
        for number in (1, 2):
            publish(http, number)
            app.wait_for(f"EVENT {number}\n")
