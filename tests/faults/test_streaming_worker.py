"""A worker without a port: publishes over HTTP come to it by a stream, whoever is killed meanwhile."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import pytest

from faults.recorder import recording
from faults.sidecars import RETRY, Beside, component, daprd_beside, sidecar_beside
from support.kafka import KafkaBroker
from support.processes import Program, eventually, free_ports, running

WORKER = Path(__file__).with_name("streaming_worker.py")
OPEN = "gets its events by a stream of topic 'orders' of 'pubsub'"
AGAIN = "gets its events again by a stream"
COMPONENTS = {"pubsub.yaml": component(), "retry.yaml": RETRY}


class Start(Protocol):
    """Starts a sidecar with `resources`, as often as one likes."""

    def __call__(
        self,
        grpc_port: int,
        app_port: int = 0,
        resources: Mapping[str, str] = COMPONENTS,
        **variables: str,
    ) -> AbstractContextManager[Beside]: ...


def worker(folder: Path, grpc_port: int, **variables: str) -> AbstractContextManager[Program]:
    ports = {"DAPR_GRPC_PORT": str(grpc_port), "DAPR_API_PROTOCOL": "grpc", "APP_ID": "shop"}
    return running([sys.executable, str(WORKER)], folder, **ports, **variables)


def published_behind(sidecar: Beside, data: object) -> threading.Thread:
    """Publish while the test goes on: a broker in memory answers when the event is handled."""
    thread = threading.Thread(target=lambda: sidecar.http.post("/v1.0/publish/pubsub/orders", json=data))
    thread.start()
    return thread


@pytest.fixture(params=["outboard", pytest.param("daprd", marks=pytest.mark.engine("daprd"))])
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Start:
    executable: Path | None = request.getfixturevalue("daprd") if request.param == "daprd" else None

    def started(
        grpc_port: int,
        app_port: int = 0,
        resources: Mapping[str, str] = COMPONENTS,
        **variables: str,
    ) -> AbstractContextManager[Beside]:
        if executable is None:
            return sidecar_beside(
                tmp_path, resources, app_port=app_port, port=0, grpc_port=grpc_port, ready=True, **variables
            )
        return daprd_beside(
            executable, tmp_path, resources, app_port=app_port, grpc_port=grpc_port, port=0, **variables
        )

    return started


@pytest.fixture
def grpc_port() -> Iterator[int]:
    yield free_ports(1)[0]


def test_events_come_and_poison_goes_to_the_dead_letters(
    start: Start, grpc_port: int, tmp_path: Path
) -> None:
    with (
        recording({"pubsubname": "pubsub", "topic": "orders-dead"}) as recorder,
        start(grpc_port, recorder.port) as sidecar,
        worker(tmp_path, grpc_port) as program,
    ):
        program.wait_for(OPEN)
        for number in (1, 13, 2):
            sidecar.publish("orders", {"number": number})
        sidecar.publish("orders", {"number": "many"})
        program.wait_for("HANDLED 2")
        unlucky, poison = (taken.event for taken in recorder.wait("orders-dead", 2))
        assert (unlucky["data"], unlucky["deadletterreason"]) == ({"number": 13}, "unlucky")
        assert poison["data"] == {"number": "many"}
        assert "HANDLED 13" not in program.output


def test_a_sidecar_that_was_killed_is_subscribed_to_again(
    start: Start, grpc_port: int, tmp_path: Path
) -> None:
    with worker(tmp_path, grpc_port) as program:
        program.wait_for("gets no events: the stream of topic 'orders' of 'pubsub' is not open")
        with start(grpc_port) as sidecar:
            program.wait_for(AGAIN)
            sidecar.publish("orders", {"number": 1})
            program.wait_for("HANDLED 1")
            sidecar.program.kill()
        with start(grpc_port) as sidecar:
            eventually(lambda: program.output.count(AGAIN) == 2, lambda: program.output, program)
            sidecar.publish("orders", {"number": 2})
            program.wait_for("HANDLED 2")


def test_what_a_killed_worker_had_in_its_hands_comes_to_the_next_one(
    start: Start, grpc_port: int, tmp_path: Path, kafka: KafkaBroker
) -> None:
    group = {"brokers": kafka.address, "authType": "none", "consumerGroup": f"killed-{grpc_port}"}
    kept = component("pubsub", "pubsub.kafka", initialOffset="oldest", **group)
    with start(grpc_port, resources={"pubsub.yaml": kept}) as sidecar:
        with worker(tmp_path, grpc_port) as program:
            program.wait_for(OPEN)
            sidecar.publish("orders", {"number": 150})
            program.wait_for("BEGIN 150")
            program.kill()
        assert "HANDLED 150" not in program.output
        with worker(tmp_path, grpc_port) as program:
            program.wait_for("HANDLED 150")


def test_a_worker_that_is_to_stop_settles_what_it_has(start: Start, grpc_port: int, tmp_path: Path) -> None:
    with start(grpc_port) as sidecar, worker(tmp_path, grpc_port) as program:
        program.wait_for(OPEN)
        publishing = published_behind(sidecar, {"number": 150})
        program.wait_for("BEGIN 150")
        assert program.interrupt() == 0
        assert "HANDLED 150" in program.output
        publishing.join()


def test_a_wrong_token_is_told_and_not_the_token(start: Start, grpc_port: int, tmp_path: Path) -> None:
    with (
        start(grpc_port, DAPR_API_TOKEN="the-right-token"),
        worker(tmp_path, grpc_port, DAPR_API_TOKEN="the-wrong-token") as program,
    ):
        program.wait_for("refused the API token: DAPR_API_TOKEN of this process must be the one")
        assert "the-wrong-token" not in program.output
