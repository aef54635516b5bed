"""What fails while the to-do system works loses no event, and makes none take effect twice.

One load goes on through all of it. After each fault, what the backend has committed by then has to be in the
ledger of the notification service, once.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import yaml

from engines.cluster.kubectl import Cluster
from support.cluster import eventually, port_forward, rolled_out
from support.cluster_load import Load
from support.cluster_replicas import Replicas
from support.containers import container, end_processes, kill, pod_of
from support.doctoring import codes
from support.engines import engine
from support.looking import look_until

pytestmark = pytest.mark.engine("cluster")
APPS = ("deployment/backend", "deployment/notification")
CONTROL = ("deployment/dapr-operator", "deployment/dapr-sidecar-injector")
MADE_TWICE = re.compile("already exists|duplicate key")
"""What PostgreSQL says to who makes a table in the same moment as somebody else."""
WRITTEN_WHOLE = re.compile(r"^\{$.*?^\}$", re.MULTILINE | re.DOTALL)
"""One object of those that `kubectl get --watch -o json` writes one after the other: from its first brace
in the first column to its last."""
COMPONENTS = Path(__file__).parents[2] / "deploy" / "kubernetes" / "30-components.yaml"


def daprd_of(cluster: Cluster, namespace: str, app: str) -> dict[str, Any]:
    """The status of its sidecar."""
    return container(pod_of(cluster, namespace, app), "daprd")


def starts_again(cluster: Cluster, namespace: str, app: str, restarts: int) -> None:
    """Wait until its sidecar has ended, and was started once more than before."""

    def again() -> bool:
        return bool(daprd_of(cluster, namespace, app)["restartCount"] > restarts)

    eventually(again, lambda: f"daprd of {app} goes on: {daprd_of(cluster, namespace, app)}", patience=60)


@contextmanager
def watching(cluster: Cluster, namespace: str, pod: str, seen: Path) -> Iterator[None]:
    """In the file `seen` are the states of the pod while the block lasts, as JSON one after the other."""
    command = cluster.command("get", "pod", "-n", namespace, pod, "--watch", "-o", "json")
    with (
        seen.open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL) as process,
    ):
        try:
            eventually(lambda: seen.stat().st_size, lambda: "nothing is watched")
            yield
        finally:
            process.terminate()


def exit_codes(seen: Path) -> dict[str, int]:
    """Container → its exit code, as the last of those states has them. The state that `kubectl` is still
    writing does not count."""
    found: dict[str, int] = {}
    for text in WRITTEN_WHOLE.findall(seen.read_text(encoding="utf-8")):
        for each in json.loads(text)["status"]["containerStatuses"]:
            if "terminated" in each["state"]:
                found[each["name"]] = int(each["state"]["terminated"]["exitCode"])
    return found


def injects(cluster: Cluster, namespace: str) -> bool:
    """Whether a pod that is made now gets a sidecar: a node learns later than `rollout` that the injector is
    ready, and Kubernetes makes pods without it."""
    annotations = {"dapr.io/enabled": "true", "dapr.io/app-id": "probe"}
    metadata = {"name": "probe", "namespace": namespace, "annotations": annotations}
    spec = {"containers": [{"name": "probe", "image": "todo-backend:0.1.0"}]}
    pod = json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    made = json.loads(cluster.kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", given=pod))
    return "daprd" in {each["name"] for each in made["spec"]["containers"]}


def kubelet_of(cluster: Cluster) -> int:
    """The process of this machine that is the node's kubelet; 0 where there is none."""
    setting = f"--config={cluster.run.folder / 'settings' / 'kubelet.json'}"
    for each in psutil.process_iter(["cmdline"]):
        if setting in (each.info["cmdline"] or ()):
            return each.pid
    return 0


@pytest.fixture(scope="module")
def replicas(cluster: Cluster, todo: str, pytestconfig: pytest.Config) -> Iterator[Replicas]:
    assert todo
    both = Replicas(cluster, engine("postgresql", pytestconfig))
    yield both
    both.end()


@pytest.fixture(scope="module", autouse=True)
def replicas_begun(replicas: Replicas) -> Iterator[Future[None]]:
    """They start while other things fail."""
    with ThreadPoolExecutor(1) as threads:
        yield threads.submit(replicas.start)


@pytest.fixture
def load(whole_load: Load) -> Iterator[Load]:
    """It comes through after what a test does, and so before what the next one does."""
    yield whole_load
    whole_load.goes_on()
    whole_load.all_arrives()


def test_both_services_are_rolled_out_anew(cluster: Cluster, load: Load) -> None:
    cluster.kubectl("rollout", "restart", "-n", load.namespace, *APPS)
    rolled_out(cluster, load.namespace, *APPS)


def test_a_wrong_component_stops_every_running_sidecar_until_it_is_mended(
    cluster: Cluster, load: Load
) -> None:
    """The page warns of it: within seconds, and behind a component that is right again waits a back-off.

    The sidecars have not ended before, so that Kubernetes starts them again at once.
    """
    kafka = next(
        each
        for each in yaml.safe_load_all(COMPONENTS.read_text(encoding="utf-8"))
        if each["spec"]["type"] == "pubsub.kafka"
    )
    metadata = kafka["spec"]["metadata"]
    kafka["spec"]["metadata"] = [each for each in metadata if each["name"] != "authType"]
    before = {app: daprd_of(cluster, load.namespace, app) for app in ("backend", "notification")}
    assert all(each["ready"] for each in before.values())
    try:
        cluster.kubectl("apply", "-f", "-", given=json.dumps(kafka))
        for app, then in before.items():
            starts_again(cluster, load.namespace, app, then["restartCount"])
        told = look_until(
            cluster.kubeconfig, load.namespace, lambda told: "resource-auth-type" in codes(told, "failed")
        )
        assert told["broken"] == "the components"
    finally:
        cluster.kubectl("apply", "-f", str(COMPONENTS))
    cluster.kubectl("rollout", "restart", "-n", load.namespace, *APPS)
    rolled_out(cluster, load.namespace, *APPS)


@pytest.mark.parametrize(
    ("app", "name"),
    [
        ("backend", "daprd"),
        ("notification", "daprd"),
        ("backend", "backend"),
        ("notification", "notification"),
    ],
)
def test_a_container_is_killed(cluster: Cluster, load: Load, app: str, name: str) -> None:
    kill(cluster, load.namespace, app, name)


def test_the_pod_of_kafka_is_deleted(cluster: Cluster, load: Load) -> None:
    cluster.kubectl("delete", "pod", "-n", "kafka", "kafka-broker-0")
    rolled_out(cluster, "kafka", "statefulset/kafka-broker")


def test_the_pod_of_redis_is_deleted_and_what_it_kept_is_there(cluster: Cluster, load: Load) -> None:
    def state(method: str, content: str | None = None) -> httpx.Response:
        with port_forward(cluster, load.namespace, "deployment/backend", 8000) as url:
            asked = f"{url}/api/state/through-a-fault"
            kind = {"content-type": "application/json"}
            return httpx.request(method, asked, content=content, headers=kind, trust_env=False, timeout=30)

    assert state("POST", '{"kept": true}').is_success
    cluster.kubectl("delete", "pod", "-n", load.namespace, "redis-0")
    rolled_out(cluster, load.namespace, "statefulset/redis")
    eventually(lambda: state("GET").json() == {"kept": True}, lambda: state("GET").text, patience=60)


def test_notification_is_scaled_to_zero_and_back(cluster: Cluster, load: Load) -> None:
    cluster.kubectl("scale", "-n", load.namespace, "deployment/notification", "--replicas=0")
    gone = ("--for=delete", "pod", "-l", "app=notification", "--timeout=120s")
    cluster.kubectl("wait", "-n", load.namespace, *gone)
    load.goes_on()
    cluster.kubectl("scale", "-n", load.namespace, "deployment/notification", "--replicas=1")
    rolled_out(cluster, load.namespace, "deployment/notification")


def test_operator_and_injector_are_away(cluster: Cluster, load: Load) -> None:
    """What runs goes on. A pod that is made meanwhile has no sidecar, and gets none until it is made anew."""
    cluster.kubectl("scale", "-n", "dapr-system", *CONTROL, "--replicas=0")
    try:
        both = "app in (dapr-operator, dapr-sidecar-injector)"
        cluster.kubectl("wait", "-n", "dapr-system", "--for=delete", "pod", "-l", both, "--timeout=120s")
        load.goes_on()
        load.all_arrives()
        cluster.kubectl("rollout", "restart", "-n", load.namespace, "deployment/notification")
        rolled_out(cluster, load.namespace, "deployment/notification")
        statuses = pod_of(cluster, load.namespace, "notification")["status"]["containerStatuses"]
        assert [each["name"] for each in statuses] == ["notification"]
        load.goes_on()
    finally:
        cluster.kubectl("scale", "-n", "dapr-system", *CONTROL, "--replicas=1")
        rolled_out(cluster, "dapr-system", *CONTROL)
    eventually(lambda: injects(cluster, load.namespace), lambda: "no sidecar is injected", patience=60)
    cluster.kubectl("rollout", "restart", "-n", load.namespace, "deployment/notification")
    rolled_out(cluster, load.namespace, "deployment/notification")
    statuses = pod_of(cluster, load.namespace, "notification")["status"]["containerStatuses"]
    assert {each["name"] for each in statuses} == {"notification", "daprd"}


@pytest.fixture(scope="module")
def evicted(
    cluster: Cluster, whole_load: Load, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Path]:
    """The states of the pod of each app until it was gone, evicted as `kubectl drain` does it, with all of a
    node at once."""
    namespace, folder = whole_load.namespace, tmp_path_factory.mktemp("evicted")
    pods = {app: pod_of(cluster, namespace, app)["metadata"]["name"] for app in ("backend", "notification")}
    seen = {app: folder / app for app in pods}
    with ExitStack() as stack:
        for app, pod in pods.items():
            stack.enter_context(watching(cluster, namespace, pod, seen[app]))
        for pod in pods.values():
            evict = f"/api/v1/namespaces/{namespace}/pods/{pod}/eviction"
            eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
            cluster.kubectl("create", "--raw", evict, "-f", "-", given=json.dumps(eviction))
        for pod in pods.values():
            cluster.kubectl("wait", "-n", namespace, "--for=delete", f"pod/{pod}", "--timeout=90s")
        eventually(
            lambda: all(exit_codes(file).keys() == {app, "daprd"} for app, file in seen.items()),
            lambda: f"only these ended: {[exit_codes(file) for file in seen.values()]}",
        )
    return seen


@pytest.mark.parametrize("app", ["backend", "notification"])
def test_a_pod_that_is_evicted_ends_by_itself_within_its_grace_period(
    cluster: Cluster, load: Load, app: str, evicted: Mapping[str, Path]
) -> None:
    """What does not end in time is killed, and has an exit code above 0."""
    assert exit_codes(evicted[app]) == {app: 0, "daprd": 0}
    rolled_out(cluster, load.namespace, f"deployment/{app}")


def test_the_kubelet_is_killed_and_the_pods_go_on(cluster: Cluster, load: Load) -> None:
    def started() -> dict[str, str]:
        return {
            f"{app} {each['name']}": each["containerID"]
            for app in ("backend", "notification")
            for each in pod_of(cluster, load.namespace, app)["status"]["containerStatuses"]
        }

    before, kubelet = started(), kubelet_of(cluster)
    os.kill(kubelet, signal.SIGKILL)
    eventually(lambda: kubelet_of(cluster) not in (0, kubelet), lambda: "no kubelet is started again")
    load.goes_on()
    load.all_arrives()
    ready = "--for=condition=Ready"
    cluster.kubectl("wait", ready, "node", "--all", "--timeout=90s")
    assert started() == before
    cluster.kubectl("delete", "pod", "-n", load.namespace, "redis-0")  # the node starts pods again
    rolled_out(cluster, load.namespace, "statefulset/redis")


def test_one_of_two_replicas_is_killed(
    cluster: Cluster, load: Load, replicas: Replicas, replicas_begun: Future[None]
) -> None:
    """Service and sidecar, in the same moment. Both replicas had started at once, on an empty database."""
    replicas_begun.result()
    replicas.wait()
    first, second = replicas.pods()
    for each in (first, second):  # one that is started again may be so for its probes, on a busy machine
        assert not MADE_TWICE.search(replicas.said(each))
    replicas.keep_ledger()
    before = load.committed()
    load.goes_on()
    replicas.once_applied(load.title, load.committed() - before)  # what was published before they came, too

    for each in first["status"]["containerStatuses"]:
        end_processes(cluster, each)
    load.goes_on()
    eventually(
        lambda: all(each["restartCount"] for each in replicas.containers_of(first)),
        lambda: "what was killed is not started again",
        patience=90,
    )
    replicas.wait()
    load.goes_on()
    assert set(replicas.once_applied(load.title, load.committed() - before).values()) == {1}


def test_the_pod_of_kafka_is_deleted_by_force(cluster: Cluster, whole_load: Load) -> None:
    """Nobody ends its connections, and the sidecars wait for half a minute before they make new ones. That
    all arrives is asked by `test_what_arrives_in_the_end`; other tests go on meanwhile."""
    cluster.kubectl("delete", "pod", "-n", "kafka", "kafka-broker-0", "--force", "--grace-period=0")
    rolled_out(cluster, "kafka", "statefulset/kafka-broker")
    whole_load.goes_on()
    whole_load.stop()
