"""Two apps of one run export their spans over OTLP: they join to one trace, by the semantic conventions."""

from __future__ import annotations

import sys
from pathlib import Path

import httpx
import pytest

from support.otlp import attributes, collector
from support.processes import free_ports
from support.projects import PATIENCE, PUBSUB, Run, outboard

SHOP = """
from fastapi import FastAPI
from outboard import Outboard

board = Outboard()
orders = board.topic("orders", dict[str, int])
app = FastAPI(lifespan=board.lifespan)
board.mount(app)


@app.post("/orders")
async def order() -> dict[str, str]:
    event = await orders.publish({"n": 1}, key="7")
    return {"id": event.id, "correlationid": event.correlationid or ""}
"""
BILLING = """
from fastapi import FastAPI
from outboard import Event, Outboard

board = Outboard()
orders, bills = board.topic("orders", dict[str, int]), board.topic("bills", dict[str, int])
app = FastAPI(lifespan=board.lifespan)
board.mount(app)


@orders.subscribe("/orders")
async def on_order(event: Event[dict[str, int]]) -> None:
    await bills.publish(event.data)
"""
RUN_FILE = """
version: 1
common: {{resourcesPath: components}}
apps:
  - appID: shop
    appDirPath: shop
    appPort: {0}
    command: [{python}, -m, uvicorn, main:app, --port, "{0}"]
  - appID: billing
    appDirPath: billing
    appPort: {1}
    command: [{python}, -m, uvicorn, main:app, --port, "{1}"]
"""
PRODUCER, CONSUMER, SERVER = 4, 5, 2


@pytest.fixture
def run_file(tmp_path: Path) -> tuple[Path, int]:
    (tmp_path / "components").mkdir()
    (tmp_path / "components" / "pubsub.yaml").write_text(PUBSUB, encoding="utf-8")
    for name, text in (("shop", SHOP), ("billing", BILLING)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "main.py").write_text(text, encoding="utf-8")
    ports = free_ports(2)
    path = tmp_path / "dapr.yaml"
    path.write_text(RUN_FILE.format(*ports, python=sys.executable), encoding="utf-8")
    return path, ports[0]


@pytest.mark.parametrize("continues", [True, False])
def test_spans_of_two_apps_join_to_one_trace(run_file: tuple[Path, int], continues: bool) -> None:
    path, port = run_file
    with (
        collector() as taken,
        outboard(
            ["run", "-f", str(path), "--output", "json"],
            path.parent,
            FASTAPI_OTEL_AUTO_CONFIGURE="true",
            OTEL_EXPORTER_OTLP_ENDPOINT=taken.url,
            OTEL_BSP_SCHEDULE_DELAY="100",
            OTEL_METRIC_EXPORT_INTERVAL="200",
            OTEL_LOGS_EXPORTER="none",
            OUTBOARD_CONTINUE_TRACES=str(continues).lower(),
        ) as process,
    ):
        run = Run(process)
        run.ready()
        answer = httpx.post(f"http://127.0.0.1:{port}/orders", trust_env=False, timeout=PATIENCE).json()
        told = taken.wait_for("POST /orders", "publish orders", "process orders", "publish bills")
        (_, _), (_, published), (_, handled), (_, billed) = told
        assert [service for service, _ in told][1:] == ["shop", "billing", "billing"]
        assert len({span.trace_id for _, span in told}) == 1
        assert (published.kind, handled.kind, billed.kind) == (PRODUCER, CONSUMER, PRODUCER)
        assert [link.span_id for link in handled.links] == [published.span_id]
        assert billed.parent_span_id == handled.span_id
        by_id = {span.span_id: (service, span) for service, _, span in taken.spans}
        parent = by_id[handled.parent_span_id]
        assert parent[0] == ("shop" if continues else "billing")
        if not continues:
            assert parent[1].kind == SERVER
        destination = {"messaging.system": "dapr", "messaging.destination.name": "orders"}
        event = {
            "messaging.message.id": answer["id"],
            "messaging.message.conversation_id": answer["correlationid"],
        }
        sent = {"messaging.operation.name": "publish", "messaging.operation.type": "send"}
        done = {"messaging.operation.name": "process", "messaging.operation.type": "process"}
        for span, operation in ((published, sent), (handled, done)):
            said = attributes(span.attributes)
            assert said.items() >= {**destination, **event, **operation}.items()
            assert said["server.address"] == "127.0.0.1"
            assert isinstance(said["server.port"], int)
        assert answer["correlationid"] == published.trace_id.hex()
        assert taken.schemas == {"https://opentelemetry.io/schemas/1.44.0"}
        assert run.interrupt() == 0
    assert taken.metrics >= {
        "messaging.client.sent.messages",
        "messaging.client.operation.duration",
        "messaging.client.consumed.messages",
        "messaging.process.duration",
    }
