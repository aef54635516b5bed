"""The manifests on a real API server: the doctor finds them well, and the page "Where did my event go?" is
followed there by its commands.

Nothing runs on that server: the pods are made as the Deployments would make them, and their logs are those of
the system on the real daprd, with Kafka and Redis, in this test.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from outboard.runs.folder import runs_folder
from outboard.runs.record import run_from_json
from support.commands import Command, commands
from support.doctoring import codes, doctor
from support.kafka import KafkaBroker
from support.kubernetes import Cluster
from support.port_forward import to_port
from support.redis import RedisServer
from support.todo import TodoSystem, todo_system

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


SIDECAR = "docker.io/daprio/daprd:1.18.5"
CONTROL_PLANE = (
    "dapr-operator",
    "dapr-placement-server",
    "dapr-scheduler-server",
    "dapr-sentry",
    "dapr-sidecar-injector",
)
CONSUMER = "/opt/kafka/bin/kafka-console-consumer.sh --bootstrap-server localhost:9092"
SHOWN = {
    "event-published": "kubectl logs -l app=backend -n todo-chatbot -c backend",
    "resource-namespace": "kubectl get components -n todo-chatbot",
    "log-component": "kubectl logs -l app=backend -n todo-chatbot -c daprd",
    "event-stored": f"kubectl exec -n kafka kafka-broker-0 -- {CONSUMER} --topic task-events "
    "--from-beginning --max-messages 5 --timeout-ms 10000",
    "log-subscribed": "kubectl logs -l app=notification -n todo-chatbot -c daprd --tail=100",
    "event-received": "kubectl logs -l app=notification -n todo-chatbot -c notification --tail=50",
}
"""The commands that a person knows for the hops of an event, and the check that shows each."""


def workloads() -> Iterator[dict[str, Any]]:
    """What controllers make pods of."""
    for file in sorted(MANIFESTS.glob("*.yaml")):
        for manifest in yaml.safe_load_all(file.read_text(encoding="utf-8")):
            if manifest["kind"] in {"Deployment", "StatefulSet"}:
                yield manifest


@dataclass(frozen=True)
class Story:
    """The system that runs, with what it has said once an event has arrived, and once another was refused."""

    todo: TodoSystem
    well: str
    refused: str

    def sidecar_port(self, app_id: str) -> int:
        """Where the daprd of an app listens."""
        record = next(runs_folder(self.todo.folder).glob("*/run.json"))
        apps = run_from_json(record.read_bytes()).apps
        return next(app.http_port for app in apps if app.app_id == app_id)

    def app_port(self, app_id: str) -> int:
        address = self.todo.backend if app_id == "backend" else self.todo.notification
        return int(address.rpartition(":")[2])


@pytest.fixture(scope="module")
def story(
    tmp_path_factory: pytest.TempPathFactory,
    daprd: Path,
    kafka: KafkaBroker,
    redis: RedisServer,
) -> Iterator[Story]:
    """`outboard run --engine daprd` with an event through Kafka, and one that becomes a dead letter."""
    folder = tmp_path_factory.mktemp("kubernetes") / "todo"
    flags = ["--engine", "daprd", "--daprd-path", str(daprd), "--resources", "components/kafka-redis"]
    variables = {
        "KAFKA_BROKERS": kafka.address,
        "REDIS_HOST": redis.address,
        "REDIS_PASSWORD": "",
        "APP_API_TOKEN": "",  # as in the manifests
        "HOME": str(folder),
        "USERPROFILE": str(folder),
    }
    with todo_system(folder, *flags, **variables) as todo:
        httpx.post(f"{todo.backend}/tasks", json={"title": "milk"}, trust_env=False).raise_for_status()
        todo.program.wait_for("TASK EVENT RECEIVED")
        todo.program.wait_for("Published to task-events")
        well = todo.program.output
        target = f"{todo.sidecar}/v1.0/publish/kafka-pubsub/task-events"
        httpx.post(target, json={"no": "task"}, trust_env=False).raise_for_status()
        todo.program.wait_for("dead letter topic")
        yield Story(todo, well, todo.program.output)


def add_pods(cluster: Cluster, story: Story, log: str) -> None:
    """What the controllers and the injector make of the manifests; the pods say what the services have said
    here, and behind their ports are these services and their sidecars."""
    for manifest in workloads():
        app: str = manifest["metadata"]["name"]
        namespace = manifest["metadata"]["namespace"]
        pod = f"{app}-0"
        if "annotations" not in manifest["spec"]["template"]["metadata"]:
            cluster.add_pod_of(manifest, pod)
            cluster.add_endpoint(app, namespace, pod)
            continue
        cluster.add_pod_of(manifest, pod, sidecar=SIDECAR)
        for line in filter(None, map(PREFIX.match, log.splitlines())):
            if line["app"] == app:
                cluster.logs.write(namespace, pod, "daprd" if line["sidecar"] else app, line["line"])
        cluster.kubelet.ports[namespace, pod, 3500] = to_port(story.sidecar_port(app))
        port = manifest["spec"]["template"]["spec"]["containers"][0]["ports"][0]["containerPort"]
        cluster.kubelet.ports[namespace, pod, port] = to_port(story.app_port(app))


@pytest.fixture
def cluster(own_kubernetes: Cluster, story: Story) -> Cluster:
    """The manifests applied, with pods."""
    own_kubernetes.apply(MANIFESTS)
    add_pods(own_kubernetes, story, story.refused)
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
def test_the_doctor_finds_the_manifests_well(own_kubernetes: Cluster, story: Story) -> None:
    own_kubernetes.apply(MANIFESTS)
    own_kubernetes.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "dapr-system"}})
    for service in CONTROL_PLANE:
        labels = {"app": service, "app.kubernetes.io/part-of": "dapr"}
        own_kubernetes.add_pod("dapr-system", f"{service}-0", [service], labels=labels)
    add_pods(own_kubernetes, story, story.well)

    code, told = doctor(own_kubernetes.api.folder, "-n", NAMESPACE, KUBECONFIG=str(own_kubernetes.kubeconfig))

    assert code == 0, json.dumps(told, indent=1)
    assert codes(told, "warning") | codes(told, "failed") == set(), json.dumps(told, indent=1)
    assert codes(told, "unknown") == {"event-stored"}, json.dumps(told, indent=1)
    assert {"subscription-registered", "route-there", "log-component"} <= codes(told, "passed")
    shown = [
        (check["code"], check["command"]["bash"], check["command"]["powershell"])
        for category in told["categories"]
        for check in category["checks"]
        if check["command"]
    ]
    for code_of_check, command in SHOWN.items():
        of_check = [both for name, *both in shown if name == code_of_check]
        assert any(all(each.startswith(command) for each in both) for both in of_check), (command, of_check)


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
