"""The manifests on a real API server, and the page "Where did my event go?" followed there by its commands.

Nothing runs on that server: the pods are made as the Deployments would make them, and their logs are those of
the system on the real daprd, with Kafka and Redis, in this test.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from support.commands import Command, commands
from support.kafka import KafkaBroker
from support.kubernetes import Cluster
from support.redis import RedisServer
from support.todo import todo_system

ROOT = Path(__file__).parents[2]
MANIFESTS = ROOT / "deploy" / "kubernetes"
PAGE = ROOT / "docs" / "how-to" / "where-did-my-event-go.md"
NAMESPACE = "todo-chatbot"
PREFIX = re.compile(r"^(?P<app>\w+)(?P<sidecar> dapr)? +\| (?P<line>.*)$")
# `exec` and `port-forward` need a kubelet that runs containers.
FOLLOWED = [
    command
    for command in commands(PAGE)
    if command.shell == "$" and command.words[0] == "kubectl" and command.words[1] in {"get", "logs"}
]


def deployments() -> Iterator[dict[str, Any]]:
    for name in ("40-backend.yaml", "50-notification.yaml"):
        for manifest in yaml.safe_load_all((MANIFESTS / name).read_text(encoding="utf-8")):
            if manifest["kind"] == "Deployment":
                yield manifest


@pytest.fixture(scope="module")
def log(
    tmp_path_factory: pytest.TempPathFactory,
    daprd: Path,
    kafka: KafkaBroker,
    redis: RedisServer,
) -> str:
    """What `outboard run --engine daprd` shows once an event has arrived through Kafka."""
    folder = tmp_path_factory.mktemp("kubernetes") / "todo"
    flags = ["--engine", "daprd", "--daprd-path", str(daprd), "--resources", "components/kafka-redis"]
    variables = {"KAFKA_BROKERS": kafka.address, "REDIS_HOST": redis.address, "REDIS_PASSWORD": ""}
    with todo_system(folder, *flags, **variables) as todo:
        httpx.post(f"{todo.backend}/tasks", json={"title": "milk"}, trust_env=False).raise_for_status()
        todo.program.wait_for("TASK EVENT RECEIVED")
        todo.program.wait_for("Published to task-events")
        target = f"{todo.sidecar}/v1.0/publish/kafka-pubsub/task-events"
        httpx.post(target, json={"no": "task"}, trust_env=False).raise_for_status()
        todo.program.wait_for("dead letter topic")
        return todo.program.output


@pytest.fixture
def cluster(own_kubernetes: Cluster, log: str) -> Cluster:
    """The manifests applied, and a pod for each Deployment that says what the services have said here."""
    own_kubernetes.apply(MANIFESTS)
    for manifest in deployments():
        template = manifest["spec"]["template"]
        app: str = manifest["metadata"]["name"]
        pod = f"{app}-0"
        own_kubernetes.add_pod(
            NAMESPACE,
            pod,
            [app, "daprd"],
            labels=template["metadata"]["labels"],
            annotations=template["metadata"]["annotations"],
        )
        for line in filter(None, map(PREFIX.match, log.splitlines())):
            if line["app"] == app:
                own_kubernetes.logs.write(NAMESPACE, pod, "daprd" if line["sidecar"] else app, line["line"])
    return own_kubernetes


@pytest.mark.timeout(180)
def test_the_page_leads_to_the_event_on_a_real_api_server(cluster: Cluster) -> None:
    seen = {command.line: _shown(cluster, command) for command in FOLLOWED}

    assert len(FOLLOWED) >= 7
    missing = [
        (command.text, line)
        for command in FOLLOWED
        for line in command.expected
        if line not in seen[command.line]
    ]
    assert missing == []
    # The last log of the page shows no line of its own: it shows which event became a dead letter.
    assert "went to dead letter topic 'task-events-dead'" in seen[FOLLOWED[-1].line]


@pytest.mark.timeout(180)
def test_the_manifests_can_be_applied_again(own_kubernetes: Cluster) -> None:
    first, second = own_kubernetes.apply(MANIFESTS), own_kubernetes.apply(MANIFESTS)

    assert first.count("serverside-applied") == second.count("serverside-applied") >= 13
    components = own_kubernetes.get("components", "-n", NAMESPACE)["items"]
    assert {item["metadata"]["name"] for item in components} == {"kafka-pubsub", "statestore"}


def _shown(cluster: Cluster, command: Command) -> str:
    """What the reader sees: kubectl's output, through the `grep` behind it if there is one."""
    output = cluster.kubectl(*command.words[1:])
    wanted = re.search(r'\| grep "(.*)"$', command.text)
    lines = [line for line in output.splitlines() if wanted is None or wanted[1] in line]
    return "\n".join(lines)
