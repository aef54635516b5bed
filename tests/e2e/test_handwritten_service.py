"""A service that speaks Dapr's HTTP API by hand works unchanged: with Outboard's sidecar as with daprd."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.processes import Program, eventually, free_ports, outboard, running

SERVICE = Path(__file__).parent / "handwritten" / "service.py"
COMPONENTS = Path(__file__).parent / "handwritten" / "components"


@pytest.fixture(
    params=["outboard sidecar", "outboard run", pytest.param("daprd", marks=pytest.mark.engine("daprd"))]
)
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[httpx.Client]:
    """A client of the service, which runs with a sidecar of the kind that the parameter names."""
    app_port, *sidecar_ports = free_ports(5)
    with (
        _running(request, tmp_path, app_port, sidecar_ports) as programs,
        httpx.Client(base_url=f"http://127.0.0.1:{app_port}", trust_env=False, timeout=10) as client,
    ):
        _wait_until_ready(sidecar_ports[0], programs)
        yield client


@contextmanager
def _running(
    request: pytest.FixtureRequest, folder: Path, app_port: int, sidecar_ports: list[int]
) -> Iterator[list[Program]]:
    http_port, grpc_port, internal_port, metrics_port = sidecar_ports
    service = [sys.executable, str(SERVICE)]
    flags = ["--app-id", "handwritten", "--app-port", str(app_port), "--resources-path", str(COMPONENTS)]
    flags += ["--dapr-http-port", str(http_port), "--dapr-grpc-port", str(grpc_port)]
    if request.param == "outboard run":
        with running(outboard("run", *flags, "--", *service), folder) as both:
            yield [both]
        return
    if request.param == "daprd":
        flags += ["--dapr-internal-grpc-port", str(internal_port), "--metrics-port", str(metrics_port)]
        flags += ["--dapr-listen-addresses", "127.0.0.1", "--mode", "standalone"]
        sidecar = [str(request.getfixturevalue("daprd")), *flags]
    else:
        sidecar = outboard("sidecar", *flags)
    variables = {"APP_PORT": str(app_port), "DAPR_HTTP_PORT": str(http_port)}
    with running(service, folder, **variables) as app, running(sidecar, folder) as beside:
        yield [app, beside]


def _wait_until_ready(http_port: int, programs: list[Program]) -> None:
    with httpx.Client(base_url=f"http://localhost:{http_port}", trust_env=False, timeout=5) as client:

        def ready() -> bool:
            try:
                return client.get("/v1.0/healthz").status_code == 204
            except httpx.TransportError:
                return False

        eventually(ready, lambda: "\n".join(program.output for program in programs), programs[-1])


def _received(service: httpx.Client, count: int) -> list[dict[str, Any]]:
    """What its handlers were given, once that is `count` events."""

    def enough() -> list[dict[str, Any]] | None:
        events: list[dict[str, Any]] = service.get("/received").json()
        return events if len(events) >= count else None

    events = eventually(enough, lambda: f"{count} events did not come: {service.get('/received').text}")
    assert events is not None
    return events


def test_handwritten_handlers_get_whole_cloud_events_once_each(service: httpx.Client) -> None:
    data = {"action": "created", "task_id": 7, "data": {"title": "Wäsche <&> \u2028 waschen", "done": False}}
    for topic in ("task-events", "reminders", "reminders"):
        assert service.post(f"/publish/{topic}", json=data).json() == {"published": True}

    events = _received(service, 3)

    assert sorted(event["route"] for event in events) == [
        "/events/reminder",
        "/events/reminder",
        "/events/task",
    ]
    assert len({event["id"] for event in events}) == 3
    for event in events:
        assert event["data"] == data
        assert event["source"] == "handwritten"
        assert event["specversion"] == "1.0"
        assert event["type"] == "com.dapr.event.sent"
        assert event["datacontenttype"] == "application/json"


def test_handwritten_publish_without_a_subscriber_is_taken(service: httpx.Client) -> None:
    """Nobody is subscribed, and that is no error to the publisher."""
    assert service.post("/publish/nobody-listens", json={"a": 1}).json() == {"published": True}
    assert service.post("/publish/task-events", json={"b": 2}).json() == {"published": True}

    assert [event["data"] for event in _received(service, 1)] == [{"b": 2}]


def test_handwritten_state_is_saved_as_an_array_read_and_deleted(service: httpx.Client) -> None:
    value = {"theme": "dark", "columns": ["title", "due"], "depth": {"n": 1.5, "none": None}}

    assert service.get("/state/ana").status_code == 404
    assert service.put("/state/ana", json=value).json() == {"saved": True}
    assert service.get("/state/ana").json() == value
    assert service.delete("/state/ana").json() == {"deleted": True}
    assert service.get("/state/ana").status_code == 404
