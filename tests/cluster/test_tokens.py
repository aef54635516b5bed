"""Tokens as Secrets: with the annotations alone nothing is published, and with `env` beside them it works."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from engines.cluster.kubectl import Cluster
from support.cluster import eventually, eventually_says, port_forward, rolled_out
from support.doctoring import codes
from support.looking import look_until

pytestmark = pytest.mark.engine("cluster")
ROOT = Path(__file__).parents[2]
SECRETS = ("dapr-api-token", "app-api-token")
APPS = ("backend", "notification")


@pytest.fixture(scope="module")
def workloads(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The Deployments that `outboard manifests` makes of the to-do system with `tokens: true`."""
    project = tmp_path_factory.mktemp("tokens") / "examples" / "todo"
    shutil.copytree(ROOT / "examples" / "todo", project)
    run_file = project / "dapr.yaml"
    text = run_file.read_text(encoding="utf-8")
    run_file.write_text(text.replace("  namespace:", "  tokens: true\n  namespace:"), encoding="utf-8")
    subprocess.run([sys.executable, "-m", "outboard", "manifests"], cwd=project, check=True)
    found = [
        each
        for file in sorted((project / "kubernetes").glob("40-*.yaml"))
        for each in yaml.safe_load_all(file.read_text(encoding="utf-8"))
    ]
    made = [each for each in found if each["kind"] == "Deployment"]
    for each in made:
        template = each["spec"]["template"]
        environment = template["spec"]["containers"][0]["env"]
        environment.append({"name": "OUTBOARD_HOPS", "value": "/tmp/hops"})
        del template["metadata"]["annotations"][
            "dapr.io/block-shutdown-duration"
        ]  # how it ends is no matter here
    return made


@pytest.fixture(scope="module")
def secrets(cluster: Cluster, installed: str) -> None:
    """The Secrets. Nothing is put back: these tests are the last ones (see ORDER in conftest.py)."""
    for name in SECRETS:
        made = f"--from-literal=token=open-sesame-{name}"
        cluster.kubectl("create", "secret", "generic", name, "-n", installed, made)


def apply(cluster: Cluster, namespace: str, workloads: list[dict[str, Any]]) -> None:
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": workloads})
    cluster.kubectl("apply", "-f", "-", given=text)
    rolled_out(cluster, namespace, *(f"deployment/{app}" for app in APPS))


def add_task(cluster: Cluster, namespace: str, title: str) -> None:
    with port_forward(cluster, namespace, "deployment/backend", 8000) as url:
        answer = httpx.post(f"{url}/tasks", json={"title": title}, trust_env=False, timeout=60)
        assert answer.status_code == 201, answer.text


def traced(cluster: Cluster, namespace: str) -> tuple[str, str]:
    """What `outboard trace` tells of the pods, by port-forward alone, and what it says beside that."""
    place = ["--namespace", namespace, "--kubeconfig", str(cluster.kubeconfig)]
    command = [sys.executable, "-m", "outboard", "trace", "--topic", "task-events", "-o", "json", *place]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    return done.stdout, done.stderr


def subscribe_status(cluster: Cluster, namespace: str) -> int:
    with port_forward(cluster, namespace, "deployment/notification", 8001) as url:
        return httpx.get(f"{url}/dapr/subscribe", trust_env=False, timeout=30).status_code


@pytest.mark.usefixtures("secrets")
def test_with_the_annotations_alone_publishing_is_refused_and_doctor_says_why(
    cluster: Cluster, installed: str, workloads: list[dict[str, Any]]
) -> None:
    bare = copy.deepcopy(workloads)
    for each in bare:
        container = each["spec"]["template"]["spec"]["containers"][0]
        container["env"] = [one for one in container["env"] if not one["name"].endswith("API_TOKEN")]
    apply(cluster, installed, bare)
    add_task(cluster, installed, "refused")
    log = ("-n", installed, "-l", "app=backend", "-c", "backend", "--tail=-1")
    assert "they are kept" in eventually_says(cluster, "refused the API token", *log)
    assert subscribe_status(cluster, installed) == 200

    told = look_until(cluster.kubeconfig, installed, lambda told: "injection-tokens" in codes(told, "failed"))
    assert "open-sesame" not in json.dumps(told)


@pytest.mark.usefixtures("secrets")
def test_with_the_tokens_in_the_environment_events_go_through_and_strangers_are_refused(
    cluster: Cluster, installed: str, workloads: list[dict[str, Any]]
) -> None:
    apply(cluster, installed, workloads)
    add_task(cluster, installed, "with tokens")
    log = ("-n", installed, "-l", "app=notification", "-c", "notification", "--tail=-1")
    eventually_says(cluster, "TASK EVENT RECEIVED", *log)
    assert subscribe_status(cluster, installed) == 401

    told = look_until(cluster.kubeconfig, installed, lambda told: bool(told["success"]))
    assert "injection-tokens" in codes(told, "passed")
    assert "open-sesame" not in json.dumps(told)

    story = "", ""

    def tells_of_both() -> bool:
        nonlocal story
        story = traced(cluster, installed)
        return '"backend"' in story[0] and '"notification"' in story[0]

    eventually(tells_of_both, lambda: "\n".join(story), patience=60)  # hops are written after a second
    assert story[1] == ""
    assert "open-sesame" not in story[0]
