"""Apps of a run export spans with OpenTelemetry's SDK: they stand in the dashboard's timeline of an event."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import httpx
import pytest

from support.processes import eventually, free_ports
from support.projects import PATIENCE, PUBSUB, Run, outboard

SHOP = """
import httpx
from fastapi import FastAPI
from opentelemetry import propagate, trace
import os

app = FastAPI()
tracer = trace.get_tracer("shop")
BILL = {"bill.token": "abcdefgh", "bill.id": "b-7"}


@app.post("/orders")
async def order() -> None:
    with tracer.start_as_current_span("send the order", kind=trace.SpanKind.CLIENT):
        headers: dict[str, str] = {}
        propagate.inject(headers)
        url = f"http://127.0.0.1:{os.environ['DAPR_HTTP_PORT']}/v1.0/publish/pubsub/orders"
        async with httpx.AsyncClient(trust_env=False) as client:
            (await client.post(url, json={"n": 1}, headers=headers)).raise_for_status()


@app.get("/dapr/subscribe")
def subscribe() -> list[dict[str, str]]:
    return [{"pubsubname": "pubsub", "topic": "orders", "route": "/on-order"}]


@app.post("/on-order")
def on_order() -> dict[str, str]:
    with tracer.start_as_current_span("write the bill", attributes=BILL):
        return {"status": "SUCCESS"}
"""
RUN_FILE = """
version: 1
common: {{resourcesPath: components}}
apps:
  - appID: shop
    appDirPath: .
    appPort: {port}
    command: [{python}, -m, uvicorn, main:app, --port, "{port}"]
    env: {{FASTAPI_OTEL_AUTO_CONFIGURE: "true", OTEL_TRACES_EXPORTER: otlp, OTEL_BSP_SCHEDULE_DELAY: "100"}}
"""


def test_spans_of_an_app_without_the_kit_join_the_timeline(tmp_path: Path) -> None:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", 4318)) == 0:
            pytest.skip("a collector listens on port 4318: an app that names no endpoint is left to it")
    (tmp_path / "components").mkdir()
    (tmp_path / "components" / "pubsub.yaml").write_text(PUBSUB, encoding="utf-8")
    (tmp_path / "main.py").write_text(SHOP, encoding="utf-8")
    (port,) = free_ports(1)
    path = tmp_path / "dapr.yaml"
    path.write_text(RUN_FILE.format(port=port, python=sys.executable), encoding="utf-8")
    command = ["run", "-f", str(path), "--dashboard", "--output", "json"]
    with outboard(command, tmp_path) as process:
        run = Run(process)
        run.ready()
        address = httpx.URL(run.event("dashboard")["url"])
        httpx.post(f"http://127.0.0.1:{port}/orders", trust_env=False, timeout=PATIENCE).raise_for_status()
        base = address.copy_with(path="/", query=None)
        with httpx.Client(base_url=base, trust_env=False, timeout=PATIENCE) as browser:
            browser.get(address)

            def page() -> str:
                found = browser.get("/events").text.partition('href="/event?id=')[2].partition('"')[0]
                return browser.get(f"/event?id={found}").text if found else ""

            def told() -> str:
                shown = page()
                return shown if "write the bill" in shown and "POST /orders" in shown else ""

            timeline = eventually(told, page).partition("timeline-title")[2].partition("</section>")[0]
        order = ["POST /orders (server)", "send the order (client)", "published to orders"]
        order += ["POST /on-order (server)", "write the bill (internal)", "attempt 1: SUCCESS"]
        places = [timeline.index(text) for text in order]
        assert places == sorted(places)
        assert "b-7" in timeline
        assert "abcdefgh" not in timeline
        assert run.interrupt() == 0
        said = [
            line for event in [*run.seen, *run.rest()] for line in [str(event)] if "exporting" in line.lower()
        ]
        assert said == []
