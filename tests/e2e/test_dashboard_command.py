"""`outboard dashboard` as a program: its address, who gets in, and its end."""

from __future__ import annotations

import json
import re
import socket
import time
from pathlib import Path

import httpx
import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from outboard.hops.record import HopKind
from support.dashboard import hop, write_hops
from support.engines import engine
from support.processes import Program, eventually, free_ports, outboard, running


def address_of(program: Program) -> httpx.URL:
    """What it has printed, as JSON."""
    program.wait_for('"event": "dashboard"')
    (line,) = [line for line in program.output.splitlines() if '"event": "dashboard"' in line]
    return httpx.URL(json.loads(line)["url"])


def test_the_dashboard_shows_a_record_to_who_has_the_address_and_ends_on_request(tmp_path: Path) -> None:
    write_hops(tmp_path / "hops", [hop(HopKind.STORED, "event-1", at=time.time())])
    with running(outboard("dashboard", "--record", "hops", "-o", "json"), tmp_path) as program:
        address = address_of(program)
        assert address.host == "127.0.0.1"
        with httpx.Client(base_url=address.copy_with(path="/", query=None), trust_env=False) as browser:
            assert browser.get("/events").status_code == 401
            assert browser.get(address).status_code == 200
            assert "event-1" in browser.get("/events").text
            with browser.stream("GET", "/events/stream") as stream:  # a stream that goes on holds nobody up
                lines = stream.iter_lines()
                assert any("event-1" in line for line in lines)
                assert program.interrupt() == 0


def test_events_that_come_later_come_by_the_stream(tmp_path: Path) -> None:
    (tmp_path / "hops").mkdir()
    with running(outboard("dashboard", "--record", "hops", "-o", "json"), tmp_path) as program:
        address = address_of(program)
        with httpx.Client(base_url=address.copy_with(path="/", query=None), trust_env=False) as browser:
            browser.get(address)
            with browser.stream("GET", "/events/stream?topic=orders") as stream:
                lines = stream.iter_lines()
                assert any("0 of 0 events" in line or "0 that fit of 0 events" in line for line in lines)
                write_hops(tmp_path / "hops", [hop(HopKind.STORED, "later", at=time.time())])
                assert any('id="e-later"' in line for line in lines)


def test_the_printed_line_is_for_people_by_default(tmp_path: Path) -> None:
    (tmp_path / "hops").mkdir()
    port = free_ports(1)[0]
    command = outboard("dashboard", "--record", "hops", "--port", str(port))
    with running(command, tmp_path) as program:
        program.wait_for(f"Dashboard: http://127.0.0.1:{port}/?token=")
        program.wait_for("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf")


def test_the_exporter_of_opentelemetry_sends_its_spans_with_what_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hops").mkdir()
    with running(outboard("dashboard", "--record", "hops"), tmp_path) as program:
        program.wait_for("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf")
        lines = program.output.splitlines()
        for name, _, value in (line.strip().partition("=") for line in lines if "OTEL_" in line):
            monkeypatch.setenv(name, value)
        provider = TracerProvider(resource=Resource.create({"service.name": "legacy"}))
        provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(compression=Compression.Gzip)))
        with provider.get_tracer("test").start_as_current_span("outer") as outer:
            parent = f"00-{outer.get_span_context().trace_id:032x}-{outer.get_span_context().span_id:016x}-01"
            provider.get_tracer("test").start_span("take it").end()
        provider.shutdown()
        published = hop(HopKind.STORED, "e1", at=time.time())
        traced = published._replace(event=published.event._replace(traceparent=parent))
        write_hops(tmp_path / "hops", [traced])
        address = httpx.URL(re.search(r"Dashboard: (\S+)", program.output)[1])  # type: ignore[index]
        with httpx.Client(base_url=address.copy_with(path="/", query=None), trust_env=False) as browser:
            browser.get(address)
            page = eventually(
                lambda: shown(browser, "take it (internal)"), lambda: browser.get("/event?id=e1").text
            )
        assert "legacy" in page


def shown(browser: httpx.Client, text: str) -> str:
    page = browser.get("/event?id=e1").text
    return page if text in page else ""


def test_a_token_of_spans_that_is_none_is_wrong_usage(tmp_path: Path) -> None:
    command = outboard("dashboard", "--record", ".")
    with running(command, tmp_path, OUTBOARD_SPANS_TOKEN="short") as program:
        assert program.wait_for_end() == 2
    assert "OUTBOARD_SPANS_TOKEN is no token" in program.output


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--record", "nowhere"], 2, "there is no folder nowhere"),
        (["--run", "2026"], 2, "there is no run with the id 2026"),
        (["--run", "2026", "--record", "."], 2, "two records"),
        (["--run", "2026", "--dapr-http-port", "3500"], 2, "sidecars that no run has started"),
        ([], 2, "Start one with `outboard run`"),
        (["--record", ".", "--host", "192.0.2.1"], 2, "--host 192.0.2.1 cannot be listened on"),
    ],
)
def test_what_cannot_be_shown_is_told_in_a_sentence(
    tmp_path: Path, arguments: list[str], code: int, told: str
) -> None:
    with running(outboard("dashboard", *arguments), tmp_path, HOME=str(tmp_path)) as program:
        assert program.wait_for_end() == code
    assert told in program.output
    assert "Traceback" not in program.output


def test_a_port_that_is_taken_is_told_with_its_owner(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with running(outboard("dashboard", "--record", ".", "--port", port), tmp_path) as program:
            assert program.wait_for_end() == 1
    assert f"port {port}" in program.output.lower()
    assert "--port" in program.output


def test_without_jinja2_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "jinja2.py").write_text("raise ImportError('not here')\n", encoding="utf-8")
    command = outboard("dashboard", "--record", ".")
    with running(command, tmp_path, PYTHONPATH=str(tmp_path)) as program:
        assert program.wait_for_end() == 1
    assert "pip install 'outboard[dashboard]'" in program.output


COMPONENT = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: pubsub}
spec: {type: pubsub.in-memory, version: v1}
"""


@pytest.mark.parametrize("by", ["outboard", pytest.param("daprd", marks=pytest.mark.engine("daprd"))])
def test_a_sidecar_that_no_run_has_started_is_joined(
    tmp_path: Path, pytestconfig: pytest.Config, by: str
) -> None:
    """What it tells is shown, what it does not tell is said, and an event goes through it."""
    folder = tmp_path / "components"
    folder.mkdir()
    (folder / "pubsub.yaml").write_text(COMPONENT, encoding="utf-8")
    port, grpc, metrics, internal = free_ports(4)
    asked = ["--app-id", "lonely", "--dapr-http-port", str(port), "--dapr-grpc-port", str(grpc)]
    asked += ["--metrics-port", str(metrics), "--dapr-internal-grpc-port", str(internal)]
    asked += ["--resources-path", str(folder)]
    started = outboard("sidecar", *asked)
    if by == "daprd":
        started = [str(engine("daprd", pytestconfig)), *asked]
    dashboard = outboard("dashboard", "--dapr-http-port", str(port), "-o", "json")
    home = {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}
    with running(started, tmp_path, **home), running(dashboard, tmp_path, **home) as program:
        address = address_of(program)
        base = address.copy_with(path="/", query=None)
        with httpx.Client(base_url=base, trust_env=False, timeout=30) as browser:
            browser.get(address)
            page = eventually(lambda: told(browser, ">lonely</h2>"), lambda: browser.get("/apps").text)
            assert "was not started by `outboard run`" in page
            assert "Its process, its port and its log are not known" in page
            assert 'action="/apps/restart"' not in page
            assert "sidecars that no run has started" in page
            assert "pubsub.in-memory" in browser.get("/components").text
            assert ">lonely<" in browser.get("/flow").text
            form = {"topic": "jobs", "data": "{}"}
            published = browser.post("/event/publish", data=form, headers={"origin": str(base).rstrip("/")})
            assert "Published to jobs of pubsub, through the sidecar of lonely" in published.text


def told(browser: httpx.Client, text: str) -> str:
    page = browser.get("/apps").text
    return page if text in page and "not well" not in page else ""


def test_a_sidecar_that_does_not_answer_is_told(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    command = outboard("dashboard", "--dapr-http-port", str(port), "-o", "json")
    with running(command, tmp_path, HOME=str(tmp_path), USERPROFILE=str(tmp_path)) as program:
        address = address_of(program)
        with httpx.Client(base_url=address.copy_with(path="/", query=None), trust_env=False) as browser:
            browser.get(address)
            page = browser.get("/apps").text
            assert "a sidecar that does not tell its name" in page
            assert f"http://127.0.0.1:{port}" in page
            assert "not well" in page
