"""An app that is away, or does not come back from a handler: its events wait for it, in their order."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from faults.sidecars import RETRY, Beside, component, sidecar_beside
from support.processes import Program, eventually, free_ports, running

SERVICE = Path(__file__).with_name("service.py")
RESOURCES = {"pubsub.yaml": component(), "retry.yaml": RETRY}
TIMEOUT = RETRY.replace("  policies:\n", "  policies:\n    timeouts: {short: 300ms}\n").replace(
    "inbound: {", "inbound: {timeout: short, "
)


@contextmanager
def service(folder: Path, app_port: int, sidecar: Beside | None = None) -> Iterator[Program]:
    """The service, serving; what stands in its output came after that."""
    port = str(sidecar.port) if sidecar is not None else "1"
    with running([sys.executable, str(SERVICE)], folder, APP_PORT=str(app_port), DAPR_HTTP_PORT=port) as app:
        yield app


@contextmanager
def together(folder: Path, resources: dict[str, str]) -> Iterator[tuple[Beside, Program]]:
    """A sidecar with the service that it waited for."""
    (app_port,) = free_ports(1)
    with service(folder, app_port) as app, sidecar_beside(folder, resources, app_port=app_port) as sidecar:
        yield sidecar, app


def order(number: int, wait_for: Path | None = None) -> dict[str, object]:
    return {"number": number} if wait_for is None else {"number": number, "wait_for": str(wait_for)}


def said(app: Program, word: str) -> list[int]:
    """The numbers that it said after `word`, in their order."""
    lines = [line.split() for line in app.output.splitlines()]
    return [int(words[1]) for words in lines if words[:1] == [word]]


def test_what_is_published_before_the_app_is_there_waits_for_it(tmp_path: Path) -> None:
    (app_port,) = free_ports(1)
    resources = {"pubsub.yaml": component(backlog="100")}
    with sidecar_beside(tmp_path, resources, app_port=app_port, ready=False) as sidecar:
        for number in range(1, 21):
            sidecar.publish("orders", order(number))
        sidecar.program.wait_for(f"waiting on port {app_port}.")
        assert sidecar.http.get("/v1.0/healthz").json()["errorCode"] == "ERR_HEALTH_NOT_READY"
        with service(tmp_path, app_port, sidecar) as app:
            app.wait_for("HANDLED 20")

    assert said(app, "HANDLED") == list(range(1, 21))
    assert "Traceback" not in sidecar.program.output


def test_an_event_whose_handler_was_killed_comes_again_and_the_others_behind_it(tmp_path: Path) -> None:
    (app_port,) = free_ports(1)
    gate = tmp_path / "gate"
    with (
        service(tmp_path, app_port) as first,
        sidecar_beside(tmp_path, RESOURCES, app_port=app_port) as sidecar,
    ):
        sidecar.publish("orders", order(1))
        sidecar.publish("orders", order(2, gate))
        first.wait_for("BEGIN 2")
        sidecar.publish("orders", order(3))
        first.kill()
        sidecar.publish("orders", order(4))  # the broker takes it although nobody is there
        sidecar.program.wait_for("on topic orders was not handled by the app: ")
        gate.touch()
        with service(tmp_path, app_port, sidecar) as second:
            second.wait_for("HANDLED 4")

    assert said(first, "HANDLED") == [1]
    assert said(second, "BEGIN") == [2, 3, 4]
    assert said(second, "HANDLED") == [2, 3, 4]
    assert "Traceback" not in sidecar.program.output


def test_a_handler_that_hangs_holds_up_its_own_subscription_only(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with together(tmp_path, RESOURCES) as (sidecar, app):
        sidecar.publish("orders", order(1, gate))
        app.wait_for("BEGIN 1")
        sidecar.publish("orders", order(2))
        for number in range(5):
            sidecar.publish("others", number)
        app.wait_for("OTHER 4")
        assert said(app, "HANDLED") == []
        gate.touch()
        app.wait_for("HANDLED 2")

    assert said(app, "OTHER") == [0, 1, 2, 3, 4]
    assert said(app, "BEGIN") == [1, 2]
    assert said(app, "HANDLED") == [1, 2]


def test_a_handler_that_hangs_longer_than_the_policy_allows_gets_its_event_again(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with together(tmp_path, {"pubsub.yaml": component(), "retry.yaml": TIMEOUT}) as (sidecar, app):
        sidecar.publish("orders", order(1, gate))
        sidecar.publish("orders", order(2))
        eventually(lambda: said(app, "BEGIN")[:2] == [1, 1], lambda: app.output, app)
        sidecar.program.wait_for("was not handled by the app: context deadline exceeded")
        gate.touch()
        app.wait_for("HANDLED 2")

    lines = app.output.splitlines()
    assert lines.index("HANDLED 1") < lines.index("BEGIN 2"), "2 came before 1 was settled"
    assert said(app, "BEGIN").count(2) == said(app, "HANDLED").count(2) == 1


def test_a_hanging_handler_does_not_keep_the_sidecar_from_its_end(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    (app_port,) = free_ports(1)
    grace = ("--dapr-graceful-shutdown-seconds", "1")
    with (
        service(tmp_path, app_port) as app,
        sidecar_beside(tmp_path, RESOURCES, *grace, app_port=app_port) as sidecar,
    ):
        sidecar.publish("orders", order(1, gate))
        app.wait_for("BEGIN 1")
        code = sidecar.program.interrupt()
        gate.touch()

    assert code == 1
    assert "Graceful shutdown timeout exceeded, forcing shutdown" in sidecar.program.output
    assert "Traceback" not in sidecar.program.output
