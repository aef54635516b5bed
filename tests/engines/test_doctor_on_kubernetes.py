"""`outboard doctor --namespace` on the API of Kubernetes, on systems that are broken and on intact ones.

No kubelet runs pods there: their status and logs are what the test writes.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import yaml

import support.doctoring
from outboard.clock import SystemClock
from outboard.doctor.examination import examine as examine_once
from outboard.doctor.kubernetes.look import KubernetesLook
from outboard.doctor.output.bundle import bundle
from outboard.doctor.output.document import as_json
from support.broken_cluster import CONTROL_PLANE, INTACT, SETUPS, ClusterSetUp, System, system
from support.doctoring import codes
from support.engines import engine
from support.kubernetes import Cluster, running_cluster
from support.port_forward import answering
from support.processes import eventually

pytestmark = pytest.mark.engine("kubernetes")
MANIFESTS = Path(__file__).parents[2] / "deploy" / "kubernetes"
DAPR_SYSTEM = "dapr-system"
Diagnosed: TypeAlias = "tuple[bool, Any]"
"""Whether all is well, and the answer."""


KINDS = (
    ("dapr.io/v1alpha1", "components"),
    ("dapr.io/v2alpha1", "subscriptions"),
    ("dapr.io/v1alpha1", "configurations"),
)


def add_control_plane(cluster: Cluster, services: Iterable[str]) -> None:
    for service in services:
        labels = {"app": service, "app.kubernetes.io/part-of": "dapr"}
        cluster.add_pod(DAPR_SYSTEM, f"{service}-0", [service], labels=labels)


@pytest.fixture(scope="module")
def cluster(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One for these tests alone: Dapr's control plane is looked for in all namespaces."""
    home = engine("kubernetes", pytestconfig)
    with running_cluster(home, tmp_path_factory.mktemp("kubernetes")) as found:
        found.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": DAPR_SYSTEM}})
        add_control_plane(found, CONTROL_PLANE)
        yield found


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """One for all looks: the client keeps its connections by the event loop."""
    with asyncio.Runner() as running:
        yield running


def command(
    cluster: Cluster, namespace: str, *options: str, kubeconfig: Path | None = None
) -> tuple[int, Any]:
    """The exit code and the answer of the command, in which no secret stands."""
    file = str(kubeconfig or cluster.kubeconfig)
    code, told = support.doctoring.doctor(
        cluster.api.folder, "--namespace", namespace, "--kubeconfig", file, *options
    )
    assert "open-sesame" not in json.dumps(told)
    return code, told


def build(cluster: Cluster, made: System) -> str:
    """The name of a fresh namespace with the system."""
    namespace = cluster.add_namespace()
    other = cluster.add_namespace() if made.elsewhere else ""
    for (kind, name), content in made.objects.items():
        place = other if (kind, name) in made.elsewhere else namespace
        metadata = content.get("metadata", {}) | {"name": name, "namespace": place}
        cluster.create(content | {"metadata": metadata})
    for pod, status in made.status.items():
        cluster.set_status("pod", pod, status, namespace)
    for (pod, container), lines in made.previous.items():
        cluster.logs.write(namespace, pod, container, *lines)
        cluster.logs.restart(namespace, pod, container)
    for (pod, container), lines in made.logs.items():
        cluster.logs.write(namespace, pod, container, *lines)
    for (pod, port), answers in made.answers.items():
        behind = answering(answers, made.tokens.get((pod, port), ""))
        cluster.kubelet.ports[namespace, pod, port] = behind
    return namespace


def remove(cluster: Cluster) -> None:
    """Take Dapr's resources and all Services away: whoever looks sees those of all namespaces."""
    for item in cluster.api.call("GET", "/api/v1/services")["items"]:
        place = f"/api/v1/namespaces/{item['metadata']['namespace']}/services/{item['metadata']['name']}"
        cluster.api.call("DELETE", place)
    for version, plural in KINDS:
        found = cluster.api.call("GET", f"/apis/{version}/{plural}")["items"]
        for namespace in {item["metadata"]["namespace"] for item in found}:
            cluster.delete_all(version, plural, namespace)


@pytest.fixture
def examined(cluster: Cluster, runner: asyncio.Runner) -> Iterator[Callable[..., Diagnosed]]:
    """What doctor says of a system, in this process; the command itself is run by other tests."""
    missing: list[str] = []

    def examine(made: System, before: Callable[[str], object] = str) -> Diagnosed:
        namespace = build(cluster, made)
        before(namespace)
        for service in set(CONTROL_PLANE) - set(made.control_plane):
            missing.append(service)
            place = f"/api/v1/namespaces/{DAPR_SYSTEM}/pods/{service}-0"
            cluster.api.call("DELETE", place, gracePeriodSeconds="0")
        name = "there-is-none" if made.no_namespace else namespace
        look = KubernetesLook(name, SystemClock(), cluster.kubeconfig)
        found = runner.run(examine_once(look, canary=False))
        told: Any = as_json(found.diagnosis)
        assert "open-sesame" not in bundle(found.seen, found.diagnosis, {})
        return found.diagnosis.success, told

    yield examine
    add_control_plane(cluster, missing)
    remove(cluster)


@pytest.mark.parametrize("setup", SETUPS, ids=lambda setup: setup.name)
def test_the_hop_that_is_broken_is_told(examined: Callable[..., Diagnosed], setup: ClusterSetUp) -> None:
    made = system()
    setup.breaks(made)
    success, told = examined(made)
    assert (success, codes(told, "failed")) == (False, {setup.expected}), json.dumps(told, indent=1)
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
    examined: Callable[..., Diagnosed], change: Callable[[System], object]
) -> None:
    made = system()
    change(made)
    success, told = examined(made)
    assert success, json.dumps(told, indent=1)
    assert codes(told, "warning") == set(), json.dumps(told, indent=1)
    assert {"log-component", "log-subscribed", "service-endpoints", "event-received"} <= codes(told, "passed")
    assert codes(told, "unknown") == {"event-stored"}, json.dumps(told, indent=1)


def test_a_component_that_was_written_after_the_pod_is_told(
    examined: Callable[..., Diagnosed], cluster: Cluster
) -> None:
    def write_again(namespace: str) -> None:
        created = cluster.get("pod", "backend-0", "-n", namespace)["metadata"]["creationTimestamp"]
        eventually(lambda: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}" > created, lambda: "no time goes by")
        patch = json.dumps({"spec": {"initTimeout": "10s"}})
        of = ["components.dapr.io", "kafka-pubsub", "-n", namespace]
        cluster.kubectl("patch", *of, "--type=merge", "-p", patch)

    success, told = examined(system(), before=write_again)
    assert (success, codes(told, "warning")) == (True, {"resource-stale"}), json.dumps(told, indent=1)


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
    namespace = build(cluster, system())
    rules = [
        {"apiGroups": [""], "resources": ["pods", "services"], "verbs": READ},
        {"apiGroups": ["apps", "dapr.io", "discovery.k8s.io"], "resources": ["*"], "verbs": READ},
    ]
    file = restricted(cluster, namespace, tmp_path, *rules)
    code, told = command(cluster, namespace, kubeconfig=file)
    assert (code, codes(told, "failed")) == (0, set()), json.dumps(told, indent=1)
    checks = [each for category in told["categories"] for each in category["checks"]]
    unseen = {each["subject"]: each for each in checks if each["code"] == "cluster-visible"}
    assert {"the secret 'kafka-login'", "logs", "the pods of Dapr's control plane"} <= set(unseen)
    assert all(each["result"] == "unknown" for each in unseen.values())
    assert "auth can-i get pods/log" in unseen["logs"]["command"]["bash"]
    assert not {"resource-secret", "log-component", "control-ready"} & codes(told, "passed")
    assert {"resource-type", "service-endpoints", "pod-ready"} <= codes(told, "passed")
    remove(cluster)


def test_one_who_may_see_nothing_has_not_looked(cluster: Cluster, tmp_path: Path) -> None:
    namespace = cluster.add_namespace()
    file = restricted(cluster, namespace, tmp_path)
    code, told = command(cluster, namespace, kubeconfig=file)
    assert codes(told, "failed") == set(), json.dumps(told, indent=1)
    assert not {"pod-there", "resource-namespace"} & codes(told, "passed")
    assert code == 2


def test_a_cluster_that_does_not_answer_could_not_be_looked_at(cluster: Cluster, tmp_path: Path) -> None:
    content = yaml.safe_load(cluster.kubeconfig.read_text(encoding="utf-8"))
    content["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    file = tmp_path / "kubeconfig"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    file.chmod(0o600)
    code, told = command(cluster, "todo-chatbot", kubeconfig=file)
    assert (code, codes(told, "unknown")) == (2, {"cluster-reachable"}), json.dumps(told, indent=1)


def test_rights_to_deploy_are_asked_for(cluster: Cluster, tmp_path: Path) -> None:
    namespace = cluster.add_namespace()
    code, told = command(cluster, namespace, "--pre")
    assert (code, codes(told, "failed")) == (0, set()), json.dumps(told, indent=1)
    file = restricted(cluster, namespace, tmp_path)
    code, told = command(cluster, namespace, "--pre", kubeconfig=file)
    assert (code, codes(told, "failed")) == (1, {"cluster-deployable"})
