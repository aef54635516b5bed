"""`outboard doctor` on set-ups with a real Kafka, behind either sidecar."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from outboard.hops.files.reader import read_record
from outboard.hops.record import HopKind
from support.broken import SetUp
from support.doctoring import Place, codes, doctor, made, running
from support.kafka import KafkaBroker
from support.processes import eventually, free_ports
from support.processes import outboard as command_line
from support.processes import running as program
from support.servers import is_open

GROUP_TOOL = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"

KAFKA = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {{name: pubsub}}
spec:
  type: pubsub.kafka
  version: v1
  metadata:
    - {{name: brokers, value: "{brokers}"}}
    - {{name: authType, value: none}}
    - {{name: initialOffset, value: {offset}}}
    - {{name: consumerGroup, value: "{group}"}}
"""
JOBS = {"TOPICS": "{topic}"}
BOTH = pytest.mark.parametrize("engine", ["outboard", "daprd"])


def looked(
    setup: SetUp,
    kafka: KafkaBroker,
    engine: str,
    request: pytest.FixtureRequest,
    *,
    offset: str = "oldest",
    own_groups: bool = True,
) -> tuple[int, dict[str, Any]]:
    """What the doctor says of `setup` with a topic of its own."""
    folder = request.getfixturevalue("tmp_path_factory").mktemp("case")
    topic = f"jobs-{folder.name}-{engine}"
    group = f"{topic}-{{appID}}" if own_groups else topic

    def named(variables: Mapping[str, str]) -> dict[str, str]:
        return {name: value.format(topic=topic) for name, value in variables.items()}

    text = KAFKA.format(brokers=kafka.address, offset=offset, group=group)
    whole = SetUp(
        setup.name,
        setup.expected,
        named(setup.variables),
        {"pubsub.yaml": text},
        publish=tuple(each.replace("jobs", topic) for each in setup.publish),
        other=None if setup.other is None else named(setup.other),
    )
    daprd: Path | None = request.getfixturevalue("daprd") if engine == "daprd" else None
    place = made(whole, folder)
    with running(whole, place, daprd):
        return doctor(folder)


@BOTH
def test_what_is_intact_passes(kafka: KafkaBroker, engine: str, request: pytest.FixtureRequest) -> None:
    setup = SetUp("intact", "", JOBS, publish=("jobs", "jobs"), other=JOBS)
    code, told = looked(setup, kafka, engine, request)
    assert (code, codes(told, "failed")) == (0, set()), json.dumps(told, indent=1)
    assert codes(told, "warning") <= {"sidecar-version"}
    assert {"group-members", "group-partitions", "group-moves"} <= codes(told, "passed")


@BOTH
@pytest.mark.parametrize(
    ("setup", "own_groups"),
    [
        (
            SetUp(
                "an event is not taken", "group-moves", {**JOBS, "ANSWERS": "500"}, publish=("jobs", "jobs")
            ),
            True,
        ),
        (SetUp("what waits is no CloudEvent", "event-format", JOBS, publish=("raw:jobs",)), True),
        (SetUp("two apps share a group", "group-shared", JOBS, publish=("jobs",), other=JOBS), False),
        (
            SetUp(
                "another route, and a shared group", "route-there", {**JOBS, "SERVED": "/other"}, other=JOBS
            ),
            False,
        ),
    ],
    ids=lambda value: value.name if isinstance(value, SetUp) else "",
)
def test_the_hop_that_is_broken_is_told(
    setup: SetUp, own_groups: bool, kafka: KafkaBroker, engine: str, request: pytest.FixtureRequest
) -> None:
    code, told = looked(setup, kafka, engine, request, own_groups=own_groups)
    assert (code, codes(told, "failed")) == (1, {setup.expected}), json.dumps(told, indent=1)


def test_an_event_that_is_not_taken_is_named_with_its_place(
    kafka: KafkaBroker, request: pytest.FixtureRequest
) -> None:
    setup = SetUp(
        "an event is not taken", "group-moves", {**JOBS, "ANSWERS": "500"}, publish=("jobs", "jobs")
    )
    _, told = looked(setup, kafka, "outboard", request)
    (check,) = [
        check for each in told["categories"] for check in each["checks"] if check["code"] == "group-moves"
    ]
    assert "at offset 0 is next, 2 wait" in check["evidence"][0]
    assert kafka.address in check["command"]["bash"]


def test_a_broker_that_has_gone_is_told(own_kafka: KafkaBroker, tmp_path: Path) -> None:
    text = KAFKA.format(brokers=own_kafka.address, offset="oldest", group="jobs")
    setup = SetUp("the broker has gone", "broker-reachable", {"TOPICS": "jobs"}, {"pubsub.yaml": text})
    with running(setup, made(setup, tmp_path), None):
        own_kafka.stop()
        code, told = doctor(tmp_path)
    assert (code, codes(told, "failed")) == (1, {"broker-reachable"}), json.dumps(told, indent=1)


def test_a_listener_that_leads_nowhere_is_told(kafka_brokers: Any, tmp_path: Path) -> None:
    """The broker answers at its address, and names another one, where nobody listens: the sidecar waits."""
    broker = kafka_brokers(
        {
            "listeners": "SECURED://127.0.0.1:{secured_port}",
            "advertised.listeners": "SECURED://127.0.0.1:1",
            "listener.security.protocol.map": "SECURED:PLAINTEXT",
        }
    )
    text = KAFKA.format(brokers=broker.secured_address, offset="oldest", group="jobs")
    setup = SetUp(
        "a listener leads nowhere", "sidecar-ready", {"TOPICS": "jobs"}, {"pubsub.yaml": text},
        until="listening",
    )  # fmt: skip
    with running(setup, made(setup, tmp_path), None):
        code, told = doctor(tmp_path, "--wait", "1s")
    assert code == 1, json.dumps(told, indent=1)
    assert codes(told, "failed") == {"sidecar-ready"}, json.dumps(told, indent=1)
    (check,) = [
        check for each in told["categories"] for check in each["checks"] if check["code"] == "sidecar-ready"
    ]
    assert any("the broker of 'pubsub' cannot be reached" in each for each in check["evidence"]), json.dumps(
        check
    )
    assert "advertised.listeners" in check["fix"]


def test_an_event_that_goes_back_and_forth_between_members_is_named(
    kafka: KafkaBroker, tmp_path: Path
) -> None:
    topic = f"jobs-{tmp_path.name}"
    kafka.create_topic(topic, 2)
    text = KAFKA.format(brokers=kafka.address, offset="oldest", group=topic)
    setup = SetUp("", "group-moves", {"TOPICS": topic, "ANSWERS": "500"}, {"pubsub.yaml": text})
    place = made(setup, tmp_path)
    with running(setup, place, None):
        (run,) = (each for each in (tmp_path / ".outboard" / "runs").iterdir() if each.is_dir())
        hops = run / "hops"
        with second_member(place, hops):
            for number in range(8):
                publish(place, topic, str(number))
            eventually(lambda: len({who for who, *_ in failed(hops)}) == 2, lambda: str(failed(hops)))
        ended = time.time()
        eventually(lambda: given_to_both(hops, ended), lambda: str(failed(hops)))
        (twice,) = given_to_both(hops, ended)
        code, told = doctor(tmp_path)
    assert (code, codes(told, "failed")) == (1, {"group-moves"}), json.dumps(told, indent=1)
    (check,) = [
        check for each in told["categories"] for check in each["checks"] if check["code"] == "group-moves"
    ]
    assert any(f"event {twice} goes back and forth between worker " in each for each in check["evidence"]), (
        check
    )


@contextmanager
def second_member(place: Place, hops: Path) -> Iterator[None]:
    """Another sidecar of the app, in its group, until the block ends."""
    http_port, grpc_port = free_ports(2)
    command = command_line(
        "sidecar", "--app-id", "worker", "--app-port", str(place.ports["worker"][0]),
        "--dapr-http-port", str(http_port), "--dapr-grpc-port", str(grpc_port),
        "--resources-path", str(place.folder / "components"),
    )  # fmt: skip
    with program(command, place.folder, OUTBOARD_HOPS=str(hops)):
        eventually(lambda: is_open(http_port), str)
        yield


def publish(place: Place, topic: str, key: str) -> None:
    url = f"http://127.0.0.1:{place.ports['worker'][1]}/v1.0/publish/pubsub/{topic}"
    answer = httpx.post(url, params={"metadata.partitionKey": key}, json={"n": 1}, trust_env=False)
    assert answer.status_code == 204, answer.text


def failed(hops: Path) -> list[tuple[str, str, float]]:
    """Which process has delivered which event in vain, and when."""
    return [
        (hop.instance, hop.event.event_id, hop.at)
        for hop in read_record(hops).hops
        if hop.kind is HopKind.DELIVERED and hop.outcome != "SUCCESS"
    ]


def given_to_both(hops: Path, since: float) -> set[str]:
    """The events that more than one process has delivered in vain, one of them after `since`."""
    found = failed(hops)
    late = {event for _, event, at in found if at > since}
    return {each for each in late if len({who for who, event, _ in found if event == each}) > 1}


@BOTH
def test_a_group_that_was_deleted_begins_behind_what_is_there(
    kafka: KafkaBroker, tmp_path: Path, engine: str, request: pytest.FixtureRequest
) -> None:
    topic = f"jobs-{tmp_path.name}"
    text = KAFKA.format(brokers=kafka.address, offset="newest", group=topic)
    setup = SetUp("", "", {"TOPICS": topic}, {"pubsub.yaml": text})
    place = made(setup, tmp_path)
    daprd: Path | None = request.getfixturevalue("daprd") if engine == "daprd" else None
    with running(setup, place, daprd):
        code, _ = doctor(tmp_path, "--wait", "10s")
        for number in range(3):
            publish(place, topic, str(number))
        code, told = doctor(tmp_path, "--wait", "10s")
        assert (code, codes(told, "warning") - {"sidecar-version"}) == (0, set()), told
    kafka.tool(GROUP_TOOL, "--delete", "--group", topic)
    with running(setup, place, daprd):
        code, told = doctor(tmp_path, "--wait", "10s")
    found = [check for each in told["categories"] for check in each["checks"] if check["result"] == "warning"]
    assert (code, codes(told, "warning") - {"sidecar-version"}) == (0, {"group-offset"}), found
    (warning,) = [each for each in found if each["code"] == "group-offset"]
    assert "are skipped" in warning["evidence"][0]
    assert "initialOffset: oldest" in warning["fix"]
