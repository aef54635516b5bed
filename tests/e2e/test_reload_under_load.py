"""`outboard run --reload` while events flow: none is lost and none comes twice, whatever file changes."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.kafka import KafkaBroker
from support.processes import eventually
from support.projects import PUBSUB, Project, Run, running

SUBSCRIPTION = """\
apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata: {{name: declared}}
spec: {{topic: declared, pubsubname: pubsub, routes: {{default: {route}}}}}
scopes: [worker]
"""
STATE = PUBSUB.replace("name: pubsub", "name: store").replace("pubsub.in-memory", "state.in-memory")
TOPICS = ("jobs", "declared")
PATIENCE = 30.0


def component(type_name: str, **metadata: str) -> str:
    items = [{"name": name, "value": value} for name, value in metadata.items()]
    return json.dumps(
        {
            "apiVersion": "dapr.io/v1alpha1",
            "kind": "Component",
            "metadata": {"name": "pubsub"},
            "spec": {"type": type_name, "version": "v1", "metadata": items},
        }
    )


class Flow:
    """Events published one after the other, by a thread of its own: `sent` are their numbers."""

    def __init__(self, sidecar: str) -> None:
        self.sent: list[int] = []
        self.answers: set[int] = set()
        self._sidecar = sidecar
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._publish)

    @contextmanager
    def flowing(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._over.set()
            self._thread.join(PATIENCE)

    def goes_on(self) -> None:
        """Wait for some more to be sent."""
        before = len(self.sent)
        eventually(lambda: len(self.sent) > before + 10, lambda: f"no event is sent: {self.answers}")

    def _publish(self) -> None:
        with httpx.Client(base_url=self._sidecar, trust_env=False, timeout=PATIENCE) as client:
            number = 0
            while not self._over.wait(0.005):
                topic = TOPICS[number % len(TOPICS)]
                answer = client.post(f"/v1.0/publish/pubsub/{topic}", json={"n": number})
                self.answers.add(answer.status_code)
                self.sent.append(number)
                number += 1


def received(run: Run, count: int) -> list[int]:
    """The numbers of the events that the app handled, once there are `count` different ones."""
    numbers: list[int] = []

    def is_last(event: Any) -> bool:
        if event["event"] == "log" and event["source"] == "app":  # whose threads share a line now and then
            numbers.extend(map(int, re.findall(r"EVENT (\d+) v1", event["line"])))
        return len(set(numbers)) >= count

    for event in [*run.seen]:
        if is_last(event):
            return numbers
    run.until(is_last)
    return numbers


@pytest.fixture(params=["sqlite", "kafka"])
def changing(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[int], str]:
    """The pub/sub component after so many changes: another one in what does not matter to who uses it."""
    if request.param == "sqlite":
        return lambda turn: component(
            "pubsub.sqlite", connectionString=str(tmp_path / "log.db"), publishingScopes=f"other{turn}=x"
        )
    broker: KafkaBroker = request.getfixturevalue("kafka")
    return lambda turn: component(
        "pubsub.kafka",
        brokers=broker.address,
        authType="none",
        consumerGroup="worker",
        initialOffset="oldest",
        publishingScopes=f"other{turn}=x",
    )


def test_no_event_is_lost_or_comes_twice_while_files_change(
    tmp_path: Path, changing: Callable[[int], str]
) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    project = Project(folder)
    components = folder / "components"
    (components / "pubsub.yaml").write_text(changing(0), encoding="utf-8")
    (components / "declared.yaml").write_text(SUBSCRIPTION.format(route="/events"), encoding="utf-8")
    project.add("backend")
    project.add("worker", topics="jobs")
    changes = [
        ("pubsub.yaml", changing(1), "reloaded"),
        ("declared.yaml", SUBSCRIPTION.format(route="/others"), "reloaded"),
        ("store.yaml", STATE, "reloaded"),
        ("declared.yaml", "kind: [", "reload-refused"),
        ("declared.yaml", SUBSCRIPTION.format(route="/events"), "reloaded"),
        ("pubsub.yaml", changing(2), "reloaded"),
        ("store.yaml", STATE.replace("state.in-memory", "state.in-memry"), "reload-refused"),
        ("store.yaml", "# nothing\n", "reloaded"),
        ("pubsub.yaml", changing(3), "reloaded"),
    ]
    with running(project, "--reload") as run:
        flow = Flow(run.ready()["backend"])
        with flow.flowing():
            for name, text, told in changes:
                flow.goes_on()
                (components / name).write_text(text, encoding="utf-8")
                run.event(told)
            flow.goes_on()
        numbers = received(run, len(flow.sent))
        assert run.interrupt() == 0
    assert flow.answers == {204}
    assert sorted(numbers) == flow.sent
    assert not [event for event in run.seen if event["event"] == "reloading" and event["restarts"]]
