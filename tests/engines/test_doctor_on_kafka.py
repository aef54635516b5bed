"""`outboard doctor` on set-ups with a real Kafka, behind either sidecar."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from support.broken import SetUp
from support.doctoring import codes, doctor, made, running
from support.kafka import KafkaBroker

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
