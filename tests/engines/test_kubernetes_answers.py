"""The Kubernetes API server that other tests build on validates, knows Dapr's resources, and shows logs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from engines.kubernetes.build import program
from support.kubernetes import Cluster

COMPONENT = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {{name: kafka-pubsub, namespace: {namespace}}}
spec:
  type: pubsub.kafka
  version: v1
  {metadata}:
    - {{name: brokers, value: "kafka-broker:9092"}}
"""


def test_a_component_is_served_in_its_namespace(
    kubernetes: Cluster, kubernetes_namespace: str, tmp_path: Path
) -> None:
    file = tmp_path / "pubsub.yaml"
    file.write_text(COMPONENT.format(namespace=kubernetes_namespace, metadata="metadata"), encoding="utf-8")
    kubernetes.apply(file)
    found = kubernetes.get("components", "-n", kubernetes_namespace)["items"]
    assert [(item["metadata"]["name"], item["spec"]["type"]) for item in found] == [
        ("kafka-pubsub", "pubsub.kafka")
    ]


def test_what_is_misspelled_in_a_component_is_refused(
    kubernetes: Cluster, kubernetes_namespace: str, tmp_path: Path
) -> None:
    file = tmp_path / "pubsub.yaml"
    file.write_text(COMPONENT.format(namespace=kubernetes_namespace, metadata="metaData"), encoding="utf-8")
    refused = kubernetes.try_kubectl("apply", "--server-side", "--validate=strict", "-f", str(file))
    assert refused.returncode != 0
    assert "metaData" in refused.stderr


def test_logs_are_chosen_as_kubectl_asks(kubernetes: Cluster, kubernetes_namespace: str) -> None:
    kubernetes.add_pod(kubernetes_namespace, "backend-1", ["backend", "daprd"], labels={"app": "backend"})
    kubernetes.logs.write(kubernetes_namespace, "backend-1", "daprd", "first", "second")
    of_daprd = ["logs", "-n", kubernetes_namespace, "-l", "app=backend", "-c", "daprd"]
    assert kubernetes.kubectl(*of_daprd) == "first\nsecond\n"
    assert kubernetes.kubectl(*of_daprd, "--tail=1") == "second\n"
    stamped = kubernetes.kubectl(*of_daprd, "--timestamps", "--since=1h")
    assert [line.split(" ", 1)[1] for line in stamped.splitlines()] == ["first", "second"]
    assert kubernetes.kubectl("logs", "-n", kubernetes_namespace, "backend-1", "-c", "backend") == ""


def test_logs_of_the_run_before_are_kept(kubernetes: Cluster, kubernetes_namespace: str) -> None:
    kubernetes.add_pod(kubernetes_namespace, "backend-1", ["backend"])
    previous = ["logs", "-n", kubernetes_namespace, "backend-1", "--previous"]
    assert "not found" in kubernetes.try_kubectl(*previous).stderr
    kubernetes.logs.write(kubernetes_namespace, "backend-1", "backend", "it crashed")
    kubernetes.logs.restart(kubernetes_namespace, "backend-1", "backend")
    assert kubernetes.kubectl(*previous) == "it crashed\n"


def test_logs_are_followed(kubernetes: Cluster, kubernetes_namespace: str) -> None:
    kubernetes.add_pod(kubernetes_namespace, "backend-1", ["backend"])
    options = [f"--kubeconfig={kubernetes.kubeconfig}", "-n", kubernetes_namespace]
    command = [str(program(kubernetes.home)), "kubectl", *options, "logs", "--follow", "backend-1"]
    kubernetes.logs.write(kubernetes_namespace, "backend-1", "backend", "before")
    with subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8") as following:
        assert following.stdout is not None
        assert following.stdout.readline() == "before\n"
        kubernetes.logs.write(kubernetes_namespace, "backend-1", "backend", "after")
        assert following.stdout.readline() == "after\n"
        following.terminate()


@pytest.mark.engine("kubernetes")
def test_a_cluster_of_ones_own_keeps_what_it_has_over_a_crash(own_kubernetes: Cluster) -> None:
    own_kubernetes.kubectl("create", "namespace", "todo-chatbot")
    own_kubernetes.api.restart()
    assert "todo-chatbot" in own_kubernetes.kubectl("get", "namespaces", "-o", "name")
