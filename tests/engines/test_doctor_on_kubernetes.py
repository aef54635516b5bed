"""`outboard doctor --namespace` on the API of Kubernetes, on systems that are broken and on intact ones.

No kubelet runs pods there: their status and logs are what the test writes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

import support.doctoring
from support.broken_cluster import CONTROL_PLANE, INTACT, SETUPS, ClusterSetUp, System, system
from support.doctoring import codes
from support.engines import engine
from support.kubernetes import Cluster, running_cluster
from support.processes import eventually

pytestmark = pytest.mark.engine("kubernetes")
MANIFESTS = Path(__file__).parents[2] / "deploy" / "kubernetes"
DAPR_SYSTEM = "dapr-system"
OF_DAPR = "components.dapr.io,subscriptions.dapr.io,configurations.dapr.io,services"


def add_control_plane(cluster: Cluster, services: tuple[str, ...]) -> None:
    for service in services:
        labels = {"app": service, "app.kubernetes.io/part-of": "dapr"}
        cluster.add_pod(DAPR_SYSTEM, f"{service}-0", [service], labels=labels)


@pytest.fixture(scope="module")
def cluster(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One for these tests alone: Dapr's control plane is looked for in all namespaces."""
    home = engine("kubernetes", pytestconfig)
    with running_cluster(home, tmp_path_factory.mktemp("kubernetes")) as found:
        found.kubectl("create", "namespace", DAPR_SYSTEM)
        add_control_plane(found, CONTROL_PLANE)
        yield found


def doctor(
    cluster: Cluster, namespace: str, *options: str, kubeconfig: Path | None = None
) -> tuple[int, Any]:
    """Its exit code and its answer, in which no secret stands."""
    file = str(kubeconfig or cluster.kubeconfig)
    code, told = support.doctoring.doctor(
        cluster.api.folder, "--namespace", namespace, "--kubeconfig", file, *options
    )
    assert "open-sesame" not in json.dumps(told)
    return code, told


def build(cluster: Cluster, made: System) -> tuple[str, str]:
    """The system in a fresh namespace: its name, and that of the other one."""
    namespace, other = cluster.add_namespace(), cluster.add_namespace()
    objects = []
    for (kind, name), content in made.objects.items():
        place = other if (kind, name) in made.elsewhere else namespace
        metadata = content.get("metadata", {}) | {"name": name, "namespace": place}
        objects.append(content | {"metadata": metadata})
    cluster.kubectl(
        "create", "-f", "-", given=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    )
    for pod, status in made.status.items():
        cluster.set_status("pod", pod, status, namespace)
    for (pod, container), lines in made.previous.items():
        cluster.logs.write(namespace, pod, container, *lines)
        cluster.logs.restart(namespace, pod, container)
    for (pod, container), lines in made.logs.items():
        cluster.logs.write(namespace, pod, container, *lines)
    return namespace, other


@pytest.fixture
def examined(cluster: Cluster) -> Iterator[Callable[..., tuple[int, Any]]]:
    """What doctor says of a system; Dapr's resources are taken away afterwards, for others see them too."""
    namespaces: list[str] = []
    missing: list[str] = []

    def examine(made: System, before: Callable[[str], object] = str) -> tuple[int, Any]:
        namespace, other = build(cluster, made)
        namespaces.extend((namespace, other))
        before(namespace)
        for service in set(CONTROL_PLANE) - set(made.control_plane):
            missing.append(service)
            cluster.kubectl("delete", "pod", f"{service}-0", "-n", DAPR_SYSTEM, "--force", "--grace-period=0")
        name = "there-is-none" if made.no_namespace else namespace
        return doctor(cluster, name)

    yield examine
    add_control_plane(cluster, tuple(missing))
    for namespace in namespaces:
        cluster.kubectl("delete", OF_DAPR, "--all", "-n", namespace)


@pytest.mark.parametrize("setup", SETUPS, ids=lambda setup: setup.name)
def test_the_hop_that_is_broken_is_told(
    examined: Callable[..., tuple[int, Any]], setup: ClusterSetUp
) -> None:
    made = system()
    setup.breaks(made)
    code, told = examined(made)
    assert (code, codes(told, "failed")) == (1, {setup.expected}), json.dumps(told, indent=1)
    broken = next(each for each in told["categories"] if each["result"] == "failed")
    later = told["categories"][told["categories"].index(broken) + 1 :]
    assert all(category["skipped"] and not category["checks"] for category in later)
    check = next(each for each in broken["checks"] if each["result"] == "failed")
    assert check["evidence"]
    assert check["fix"]
    assert check["command"]["bash"].startswith("kubectl ")
    assert check["page"].endswith(f"#{setup.expected}")


@pytest.mark.parametrize("change", [change for _, change in INTACT], ids=[name for name, _ in INTACT])
def test_what_is_intact_passes(
    examined: Callable[..., tuple[int, Any]], change: Callable[[System], object]
) -> None:
    made = system()
    change(made)
    code, told = examined(made)
    assert (code, codes(told, "failed"), codes(told, "warning")) == (0, set(), set()), json.dumps(
        told, indent=1
    )
    assert {"log-component", "log-subscribed", "service-endpoints", "event-received"} <= codes(told, "passed")
    assert codes(told, "unknown") == {"event-stored"}, json.dumps(told, indent=1)


def test_a_component_that_was_written_after_the_pod_is_told(
    examined: Callable[..., tuple[int, Any]], cluster: Cluster
) -> None:
    def write_again(namespace: str) -> None:
        created = cluster.get("pod", "backend-0", "-n", namespace)["metadata"]["creationTimestamp"]
        eventually(lambda: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}" > created, lambda: "no time goes by")
        patch = json.dumps({"spec": {"initTimeout": "10s"}})
        of = ["components.dapr.io", "kafka-pubsub", "-n", namespace]
        cluster.kubectl("patch", *of, "--type=merge", "-p", patch)

    code, told = examined(system(), before=write_again)
    assert (code, codes(told, "warning")) == (0, {"resource-stale"}), json.dumps(told, indent=1)


def restricted(cluster: Cluster, namespace: str, folder: Path, *rules: dict[str, list[str]]) -> Path:
    """The kubeconfig of a ServiceAccount that may do what `rules` say, and no more."""
    cluster.kubectl("create", "serviceaccount", "reader", "-n", namespace)
    metadata = {"name": "reader", "namespace": namespace}
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": metadata,
        "rules": rules,
    }
    cluster.kubectl("create", "-f", "-", given=json.dumps(role))
    account = f"--serviceaccount={namespace}:reader"
    cluster.kubectl("create", "rolebinding", "reader", "-n", namespace, "--role=reader", account)
    content = yaml.safe_load(cluster.kubeconfig.read_text(encoding="utf-8"))
    content["users"][0]["user"] = {
        "token": cluster.kubectl("create", "token", "reader", "-n", namespace).strip()
    }
    file = folder / "reader.kubeconfig"
    file.touch(mode=0o600)
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return file


READ = ["get", "list"]


def test_what_may_not_be_seen_is_said_and_the_rest_is_looked_into(cluster: Cluster, tmp_path: Path) -> None:
    namespace, _ = build(cluster, system())
    rules = [
        {"apiGroups": [""], "resources": ["pods", "services"], "verbs": READ},
        {"apiGroups": ["apps", "dapr.io", "discovery.k8s.io"], "resources": ["*"], "verbs": READ},
    ]
    file = restricted(cluster, namespace, tmp_path, *rules)
    code, told = doctor(cluster, namespace, kubeconfig=file)
    assert (code, codes(told, "failed")) == (0, set()), json.dumps(told, indent=1)
    checks = [each for category in told["categories"] for each in category["checks"]]
    unseen = {each["subject"]: each for each in checks if each["code"] == "cluster-visible"}
    assert {"the secret 'kafka-login'", "logs", "the pods of Dapr's control plane"} <= set(unseen)
    assert all(each["result"] == "unknown" for each in unseen.values())
    assert "auth can-i get pods/log" in unseen["logs"]["command"]["bash"]
    assert not {"resource-secret", "log-component", "control-ready"} & codes(told, "passed")
    assert {"resource-type", "service-endpoints", "pod-ready"} <= codes(told, "passed")
    cluster.kubectl("delete", OF_DAPR, "--all", "-n", namespace)


def test_one_who_may_see_nothing_has_not_looked(cluster: Cluster, tmp_path: Path) -> None:
    namespace = cluster.add_namespace()
    file = restricted(cluster, namespace, tmp_path)
    code, told = doctor(cluster, namespace, kubeconfig=file)
    assert codes(told, "failed") == set(), json.dumps(told, indent=1)
    assert not {"pod-there", "resource-namespace"} & codes(told, "passed")
    assert code == 2


def test_a_cluster_that_does_not_answer_could_not_be_looked_at(cluster: Cluster, tmp_path: Path) -> None:
    content = yaml.safe_load(cluster.kubeconfig.read_text(encoding="utf-8"))
    content["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    file = tmp_path / "kubeconfig"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    file.chmod(0o600)
    code, told = doctor(cluster, "todo-chatbot", kubeconfig=file)
    assert (code, codes(told, "unknown")) == (2, {"cluster-reachable"}), json.dumps(told, indent=1)


def test_rights_to_deploy_are_asked_for(cluster: Cluster, tmp_path: Path) -> None:
    namespace = cluster.add_namespace()
    code, told = doctor(cluster, namespace, "--pre")
    assert (code, codes(told, "failed")) == (0, set()), json.dumps(told, indent=1)
    file = restricted(cluster, namespace, tmp_path)
    code, told = doctor(cluster, namespace, "--pre", kubeconfig=file)
    assert (code, codes(told, "failed")) == (1, {"cluster-deployable"})
