"""The page "Where did my event go?" against the manifests, and against what the programs really log."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from support.commands import Command, commands
from support.processes import eventually, outboard
from support.todo import todo_system

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "where-did-my-event-go.md"
MANIFESTS = ROOT / "deploy" / "kubernetes"
ALL = list(commands(PAGE))
KUBECTL = [command for command in ALL if command.words[0] == "kubectl"]
GETS = [command for command in ALL if command.words[:2] == ["curl", "-s"] and "-X" not in command.words]
GREP = [command for command in ALL if command.words[:1] == ["grep"]]


@dataclass(frozen=True)
class Workload:
    """A Deployment or a StatefulSet: what a command can name of it."""

    kind: str
    name: str
    namespace: str
    labels: dict[str, str]
    containers: dict[str, set[int]]

    @classmethod
    def of(cls, manifest: dict[str, Any]) -> Workload:
        metadata, template = manifest["metadata"], manifest["spec"]["template"]
        containers = {
            container["name"]: {port["containerPort"] for port in container["ports"]}
            for container in template["spec"]["containers"]
        }
        if template["metadata"].get("annotations", {}).get("dapr.io/enabled") == "true":
            containers["daprd"] = {3500}
        labels = template["metadata"]["labels"]
        return cls(manifest["kind"], metadata["name"], metadata["namespace"], labels, containers)


def manifests() -> Iterator[dict[str, Any]]:
    for file in sorted(MANIFESTS.glob("*.yaml")):
        yield from yaml.safe_load_all(file.read_text(encoding="utf-8"))


def named(kind: str) -> list[dict[str, Any]]:
    return [manifest for manifest in manifests() if manifest["kind"] == kind]


WORKLOADS = [Workload.of(manifest) for kind in ("Deployment", "StatefulSet") for manifest in named(kind)]


def workload(command: Command) -> Workload:
    """The workload that a command is about. Raises AssertionError if the manifests have none."""
    namespace, label = command.option("-n"), command.option("-l")
    for candidate in WORKLOADS:
        target = f"{candidate.kind.lower()}/{candidate.name}"
        pod = f"{candidate.name}-0" if candidate.kind == "StatefulSet" else None
        by_label = label is not None and label in {
            f"{key}={value}" for key, value in candidate.labels.items()
        }
        if candidate.namespace == namespace and (
            by_label or target in command.words or (pod is not None and pod in command.words)
        ):
            return candidate
    raise AssertionError(f"{PAGE.name}:{command.line}: no manifest for `{command.text}`")


def components() -> dict[str, dict[str, str]]:
    return {
        component["metadata"]["name"]: {
            item["name"]: item.get("value", "") for item in component["spec"]["metadata"]
        }
        for component in named("Component")
    }


@pytest.mark.parametrize("command", KUBECTL, ids=lambda command: f"{command.line}-{command.shell}")
def test_a_kubectl_command_names_what_the_manifests_make(command: Command) -> None:
    namespaces = {manifest["metadata"]["name"] for manifest in named("Namespace")}
    assert command.option("-n") in namespaces
    if command.words[1] in {"logs", "exec"}:
        assert command.option("-c", "--container") in workload(command).containers
    if command.words[1] == "port-forward":
        port = int(command.words[-1].rpartition(":")[2])
        assert any(port in ports for ports in workload(command).containers.values())


def test_the_page_asks_in_each_place_and_in_both_shells() -> None:
    asked = {command.words[1] for command in KUBECTL}
    piped = [command for command in KUBECTL if " | " in command.text]

    assert {"get", "logs", "exec", "port-forward"} <= asked
    assert {command.shell for command in piped} == {"$", "PS>"}
    assert all(("grep" in command.text) == (command.shell == "$") for command in piped)


def test_the_components_of_the_page_are_those_of_the_manifests() -> None:
    (listing,) = [command for command in KUBECTL if command.words[1:3] == ["get", "components"]]

    assert set(listing.expected) == set(components())
    for component in named("Component"):
        assert component["metadata"]["namespace"] == listing.option("-n")


def test_what_is_asked_of_kafka_is_what_the_component_uses() -> None:
    kafka = components()["kafka-pubsub"]
    asked = [command for command in KUBECTL if "kafka-broker-0" in command.words]
    groups = {
        command.words[command.words.index("--group") + 1] for command in asked if "--group" in command.words
    }

    assert groups == {kafka["consumerGroup"]} == {"todo-group"}
    for command in asked:
        port = int(command.words[command.words.index("--bootstrap-server") + 1].rpartition(":")[2])
        assert port in workload(command).containers["kafka"]


def test_the_short_name_of_the_broker_leads_to_the_broker() -> None:
    host, _, port = components()["kafka-pubsub"]["brokers"].partition(":")
    services = {
        (item["metadata"]["namespace"], item["metadata"]["name"]): item["spec"] for item in named("Service")
    }
    alias = services["todo-chatbot", host]
    (broker,) = [item for item in WORKLOADS if item.name == "kafka-broker"]

    assert alias["externalName"] == f"{host}.{broker.namespace}.svc.cluster.local"
    assert int(port) in {each["port"] for each in services[broker.namespace, host]["ports"]}
    (container,) = [
        item
        for manifest in named("StatefulSet") if manifest["metadata"]["name"] == "kafka-broker"
        for item in manifest["spec"]["template"]["spec"]["containers"]
    ]  # fmt: skip
    advertised = {item["name"]: item["value"] for item in container["env"]}["KAFKA_ADVERTISED_LISTENERS"]
    assert advertised == f"PLAINTEXT://kafka-broker-0.{alias['externalName']}:{port}"


@pytest.mark.parametrize("app", ["backend", "notification"])
def test_the_annotations_agree_with_the_container(app: str) -> None:
    (manifest,) = [item for item in named("Deployment") if item["metadata"]["name"] == app]
    template = manifest["spec"]["template"]
    annotations, (container,) = template["metadata"]["annotations"], template["spec"]["containers"]
    environment = {item["name"]: item.get("value") for item in container["env"]}

    assert container["name"] == app == annotations["dapr.io/app-id"] == environment["APP_ID"]
    assert annotations["dapr.io/app-port"] == environment["APP_PORT"]
    assert int(environment["APP_PORT"]) in {port["containerPort"] for port in container["ports"]}
    assert environment["DAPR_PUBSUB_NAME"] in components()
    assert all(isinstance(value, str) for value in annotations.values())


@pytest.mark.parametrize("app", ["backend", "notification"])
def test_a_container_file_copies_what_there_is(app: str) -> None:
    lines = (MANIFESTS / f"{app}.Containerfile").read_text(encoding="utf-8").splitlines()
    copied = [
        source
        for line in lines if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    ]  # fmt: skip

    assert copied
    assert [source for source in copied if not (ROOT / source).exists()] == []
    assert lines[-1] == f'CMD ["python", "-m", "{app}"]'
    assert (ROOT / "examples" / "todo" / app / "__main__.py").exists()


@dataclass(frozen=True)
class Seen:
    """What a person saw: the log of `outboard run`, and what was answered to the page's GET requests."""

    log: str
    answers: dict[str, str]
    traced: str


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """Of a system in which a task was created and its event has arrived."""
    home = tmp_path_factory.mktemp("where")
    kept = {"HOME": str(home), "USERPROFILE": str(home)}
    with todo_system(home / "todo", APP_API_TOKEN="mine", **kept) as todo:
        httpx.post(f"{todo.backend}/tasks", json={"title": "milk"}, trust_env=False).raise_for_status()
        todo.program.wait_for("TASK EVENT RECEIVED")
        eventually(lambda: "Published to" in todo.program.output, lambda: todo.program.output, todo.program)
        addresses = {"localhost:3500": todo.sidecar, "localhost:8001": todo.notification}
        answers = {
            command.words[-1]: httpx.get(
                _at(command.words[-1], addresses), headers=_headers(command), trust_env=False
            ).text
            for command in GETS
        }
        traced = eventually(lambda: _trace(kept), lambda: todo.program.output, todo.program)
        return Seen(todo.program.output, answers, traced)


def _trace(variables: dict[str, str]) -> str:
    """What the page's first command answers, once the event is over."""
    done = subprocess.run(
        outboard("trace"), env={**os.environ, **variables}, capture_output=True, encoding="utf-8", check=False
    )
    return done.stdout if "handled" in done.stdout else ""


def test_the_first_command_tells_what_became_of_the_event(seen: Seen) -> None:
    (expected,) = ALL[0].expected
    assert ALL[0].words == ["outboard", "trace"]
    assert expected in seen.traced


def _headers(command: Command) -> dict[str, str]:
    name, colon, value = (command.option("-H") or "").partition(": ")
    return {name: value} if colon else {}


def _at(target: str, addresses: dict[str, str]) -> str:
    host, _, path = target.partition("/")
    return f"{addresses[host]}/{path}"


@pytest.mark.parametrize("command", GETS, ids=lambda command: command.words[-1])
def test_the_laptop_answers_as_the_page_says(command: Command, seen: Seen) -> None:
    (expected,) = command.expected
    assert expected in seen.answers[command.words[-1]]


@pytest.mark.parametrize("command", GREP, ids=lambda command: command.words[1])
def test_the_laptop_shows_the_lines_of_the_page(command: Command, seen: Seen) -> None:
    found = [line for line in seen.log.splitlines() if command.words[1] in line]

    assert command.expected
    assert [line for line in command.expected if not any(each.startswith(line) for each in found)] == []


@pytest.mark.parametrize("app", ["backend", "notification"])
def test_the_services_log_on_kubernetes_what_they_log_here(app: str, seen: Seen) -> None:
    asked = [command for command in KUBECTL if command.words[1] == "logs" and command.option("-c") == app]
    expected = [line for command in asked for line in command.expected]
    mine = [line for line in seen.log.splitlines() if line.startswith(f"{app} ")]

    assert expected
    assert [line for line in expected if not any(line in each for each in mine)] == []
