"""What `outboard manifests` writes is what a real API server takes, with strict validation."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from outboard.check.main import check_files
from outboard.check.reading import read_paths
from outboard.check.rule import Severity
from outboard.manifests.assembling import ManifestOptions
from support.correct_components import correct_components
from support.deployments import KAFKA, REDIS, Project, parsed
from support.kubernetes import Cluster
from support.processes import outboard

ROOT = Path(__file__).parents[2]
DEPLOYED = ROOT / "deploy" / "kubernetes"
FOR_ONE_MACHINE = ("secretstores.local.", "state.sqlite", "state.in-memory", "pubsub.in-memory")
SUBSCRIPTION = """\
apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata:
  name: orders
spec:
  pubsubname: pubsub
  topic: orders
  routes:
    default: /orders
  deadLetterTopic: orders-dead
  metadata:
    priority: 1 # daprd takes a number for a text; the API server does not
scopes:
  - shop
---
apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata:
  name: patience
spec:
  policies:
    retries:
      again:
        policy: constant
        duration: 5s
        maxRetries: "-1" # and the other way about
  targets:
    components:
      pubsub:
        inbound:
          retry: again
"""
CONFIGURATION = """\
apiVersion: dapr.io/v1alpha1
kind: Configuration
metadata:
  name: shop-config
spec:
  tracing:
    samplingRate: "1"
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A system with something of everything."""
    project = Project(tmp_path)
    project.write("parts/pubsub.yaml", KAFKA + "scopes:\n  - shop\n  - till\n")
    project.write("parts/store.yaml", REDIS)
    project.write("parts/subscription.yaml", SUBSCRIPTION)
    project.write("config.yaml", CONFIGURATION)
    project.run_file(
        top="  namespace: trade\n  tokens: true\n  with: [kafka, redis]\n",
        shop="    configFilePath: config.yaml\n    env:\n      API_KEY: open-sesame\n    x-kubernetes:\n"
        "      volume: {path: /data}\n      secrets: [LICENCE]\n",
        till="    x-kubernetes:\n      replicas: 2\n      scale: {topic: orders}\n",
    )
    return project


def test_everything_is_taken(project: Project, own_kubernetes: Cluster) -> None:
    made = project.made()
    for name, text in made.files.items():
        if name.endswith(".yaml"):
            project.write(f"kubernetes/{name}", text)
    folder = project.folder / "kubernetes"
    first, second = own_kubernetes.apply(folder), own_kubernetes.apply(folder)
    assert first.count("serverside-applied") == second.count("serverside-applied") == len(parsed(made)) > 20
    kinds = {each["kind"] for each in parsed(made)}
    assert {"Subscription", "Resiliency", "Configuration", "PodDisruptionBudget", "NetworkPolicy"} <= kinds


def test_the_check_has_nothing_to_say(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in project.made(options=ManifestOptions(keda=True)).files.items():
        if name.endswith(".yaml"):
            project.write(f"kubernetes/{name}", text)
    monkeypatch.chdir(project.folder)
    report = check_files(read_paths([Path("kubernetes")], None))
    assert report.documents > 20
    told = [(each.finding.severity, each.finding.hit.message) for each in report.places]
    assert [each for each in told if each[0] > Severity.note] == []


def test_a_component_of_every_type_comes_into_the_cluster_as_it_is(
    project: Project, own_kubernetes: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with all of its fields: nothing is lost, what is applied is taken, and the check is content."""
    wanted = [
        text.replace("name: correct", f"name: correct-{index}")
        for index, (name, text) in enumerate(correct_components())
        if name.endswith("-0-all") and not name.startswith(FOR_ONE_MACHINE)
    ]
    project.write("parts/every.yaml", "---\n".join(wanted))
    made = project.made()
    found = {each["metadata"]["name"]: each for each in parsed(made) if each["kind"] == "Component"}
    for text in wanted:
        written = yaml.safe_load(text)
        component = found[written["metadata"]["name"]]
        names = [each["name"] for each in written["spec"]["metadata"] or ()]
        assert [each["name"] for each in component["spec"]["metadata"]] == names
        assert component["spec"]["type"] == written["spec"]["type"]
    for name, text in made.files.items():
        if name.endswith(".yaml"):
            project.write(f"kubernetes/{name}", text)
    own_kubernetes.apply(project.folder / "kubernetes")
    monkeypatch.chdir(project.folder)
    report = check_files(read_paths([Path("kubernetes")], None))
    told = [(each.finding.severity, each.finding.hit.message) for each in report.places]
    assert [each for each in told if each[0] > Severity.note] == []
    assert len(found) > 120


def test_the_kustomize_base_is_the_same(project: Project, own_kubernetes: Cluster, tmp_path: Path) -> None:
    plain, made = project.made(), project.made(options=ManifestOptions(kustomize=True))
    for name, text in {**made.files, **made.once}.items():
        project.write(f"deploy/{name}", text)
    for folder in ("base", "overlays/production"):
        rendered = own_kubernetes.kubectl("kustomize", str(tmp_path / "deploy" / folder))
        assert by_name(yaml.safe_load_all(rendered)) == by_name(parsed(plain))


def by_name(documents: Any) -> list[Any]:
    return sorted(documents, key=lambda each: (each["kind"], each["metadata"]["name"], str(each)))


def test_the_manifests_of_the_to_do_system_are_generated(tmp_path: Path) -> None:
    """To the byte, from a tree that has what they are made of and none of them."""
    shutil.copytree(ROOT / "examples" / "todo", tmp_path / "examples" / "todo")
    command = outboard("manifests", "-f", "examples/todo/dapr.yaml", "--to", "deploy/kubernetes")
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    made = {each.name: each.read_bytes() for each in (tmp_path / "deploy" / "kubernetes").iterdir()}
    there = {
        each.name: each.read_bytes().replace(b"\r\n", b"\n")
        for each in DEPLOYED.iterdir()
        if each.name != "README.md"
    }
    assert made == there


def test_they_are_what_the_system_needs() -> None:
    documents = [
        each
        for file in sorted(DEPLOYED.glob("*.yaml"))
        for each in yaml.safe_load_all(file.read_text(encoding="utf-8"))
    ]
    (kafka,) = [each for each in documents if each["metadata"]["name"] == "kafka-pubsub"]
    assert kafka["metadata"]["namespace"] == "todo-chatbot"
    metadata = {each["name"]: each["value"] for each in kafka["spec"]["metadata"]}
    assert (kafka["spec"]["type"], metadata["brokers"]) == ("pubsub.kafka", "kafka-broker:9092")
    assert (metadata["authType"], metadata["consumerGroup"]) == ("none", "todo-group")
    (store,) = [each for each in documents if each["metadata"]["name"] == "statestore"]
    assert (store["spec"]["type"], store["scopes"]) == ("state.redis", ["backend"])
    for app in ("backend", "notification"):
        (found,) = [
            each for each in documents if (each["kind"], each["metadata"]["name"]) == ("Deployment", app)
        ]
        template = found["spec"]["template"]
        assert template["metadata"]["labels"]["app"] == app
        assert [each["name"] for each in template["spec"]["containers"]] == [app]
        assert template["metadata"]["annotations"]["dapr.io/app-id"] == app
