"""`outboard doctor --namespace` on the API of Kubernetes, on systems that are broken and on intact ones.

No kubelet runs pods there: their status and logs are what the test writes.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import grpc
import pytest
import yaml
from anyio.from_thread import start_blocking_portal
from dapr.proto.runtime.v1.appcallback_pb2 import ListTopicSubscriptionsResponse

import support.doctoring
from outboard.clock import SystemClock
from outboard.doctor.examination import examine
from outboard.doctor.kubernetes.look import KubernetesLook
from outboard.doctor.kubernetes.manifests import read_manifests
from outboard.doctor.output.bundle import bundle
from outboard.doctor.output.document import as_json
from support.broken_cluster import CONTROL_PLANE, INTACT, SETUPS, ClusterSetUp, System, crash, system
from support.doctoring import codes
from support.engines import engine
from support.kubernetes import Cluster, restricted, running_cluster
from support.listing_app import listing
from support.port_forward import PodPort, answering, to_port
from support.processes import eventually
from support.projects import PATIENCE, outboard

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


class LookAt:
    """A look in this process, as the command does it: its exit code, and its answer, without a secret."""

    def __init__(self, cluster: Cluster, runner: asyncio.Runner) -> None:
        self._cluster, self._runner = cluster, runner

    def __call__(
        self,
        namespace: str,
        *,
        kubeconfig: Path | None = None,
        app_id: str = "",
        pre: bool = False,
        manifests: Sequence[Path] = (),
    ) -> tuple[int, Any]:
        file = kubeconfig or self._cluster.kubeconfig
        given = read_manifests(manifests, namespace)
        look = KubernetesLook(namespace, SystemClock(), file, "", app_id, pre, given)
        found = self._runner.run(examine(look, canary=False))
        told: Any = as_json(found.diagnosis)
        assert "open-sesame" not in bundle(found.seen, found.diagnosis, {})
        return 1 if not found.diagnosis.success else 0 if found.looked else 2, told


@pytest.fixture(scope="module")
def look_at(cluster: Cluster, runner: asyncio.Runner) -> LookAt:
    return LookAt(cluster, runner)


@pytest.fixture
def examined(cluster: Cluster, look_at: LookAt) -> Iterator[Callable[..., Diagnosed]]:
    """What doctor says of a system."""
    missing: list[str] = []

    def of_system(made: System, before: Callable[[str], object] = str) -> Diagnosed:
        namespace = build(cluster, made)
        before(namespace)
        for service in set(CONTROL_PLANE) - set(made.control_plane):
            missing.append(service)
            place = f"/api/v1/namespaces/{DAPR_SYSTEM}/pods/{service}-0"
            cluster.api.call("DELETE", place, gracePeriodSeconds="0")
        name = "there-is-none" if made.no_namespace else namespace
        code, told = look_at(name)
        return code == 0, told

    yield of_system
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


OVER_GRPC = {"dapr.io/app-protocol": "grpc"}


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (ListTopicSubscriptionsResponse(), {"subscribe-answers": "passed"}),
        (grpc.StatusCode.INTERNAL, {"subscribe-answers": "failed"}),
        (None, {"app-listening": "failed"}),
    ],
    ids=["it lists its subscriptions", "it fails", "nobody listens"],
)
def test_an_app_over_grpc_is_asked_as_any_other(
    cluster: Cluster, look_at: LookAt, runner: asyncio.Runner, answer: Any, told: dict[str, str]
) -> None:
    made = system()
    made.annotations("notification").update(OVER_GRPC)
    made.answers.pop(("notification-0", 8001))
    namespace = build(cluster, made)
    listed = answer.SerializeToString() if isinstance(answer, ListTopicSubscriptionsResponse) else answer
    try:
        if listed is None:
            _, seen = look_at(namespace, app_id="notification")
        else:
            with behind(cluster, (namespace, "notification-0", 8001), listed):
                _, seen = look_at(namespace, app_id="notification")
    finally:
        remove(cluster)
    results = {each["code"]: each["result"] for found in seen["categories"] for each in found["checks"]}
    assert told.items() <= results.items(), json.dumps(seen, indent=1)


@contextmanager
def behind(cluster: Cluster, place: PodPort, answer: bytes | grpc.StatusCode) -> Iterator[None]:
    """An app over gRPC is behind the port of the pod, on a loop of its own."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(listing(answer)) as port:
        cluster.kubelet.ports[place] = to_port(port)
        yield


def test_a_component_that_was_written_after_the_pod_is_told(
    examined: Callable[..., Diagnosed], cluster: Cluster
) -> None:
    def write_again(namespace: str) -> None:
        created = cluster.get("pod", "backend-0", "-n", namespace)["metadata"]["creationTimestamp"]
        eventually(lambda: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}" > created, lambda: "no time goes by")
        patch = json.dumps({"spec": {"initTimeout": "10s"}})
        of = ["components.dapr.io", "kafka-pubsub", "-n", namespace]
        cluster.kubectl("patch", *of, "--type=merge", "-p", patch)

    made = system()
    for app in ("backend", "notification"):
        made.objects["Pod", f"{app}-0"]["spec"]["containers"][1]["image"] = "daprio/daprd:1.17.9"
    success, told = examined(made, before=write_again)
    warnings = {"resource-stale", "control-version"}
    assert (success, codes(told, "warning")) == (True, warnings), json.dumps(told, indent=1)


READ = ["get", "list"]


def test_what_may_not_be_seen_is_said_and_the_rest_is_looked_into(
    cluster: Cluster, look_at: LookAt, tmp_path: Path
) -> None:
    namespace = build(cluster, system())
    rules = [
        {"apiGroups": [""], "resources": ["pods", "services"], "verbs": READ},
        {"apiGroups": ["apps", "dapr.io", "discovery.k8s.io"], "resources": ["*"], "verbs": READ},
    ]
    file = restricted(cluster, namespace, tmp_path, *rules)
    code, told = look_at(namespace, kubeconfig=file)
    assert (code, codes(told, "failed")) == (0, set()), json.dumps(told, indent=1)
    checks = [each for category in told["categories"] for each in category["checks"]]
    unseen = {each["subject"]: each for each in checks if each["code"] == "cluster-visible"}
    assert {
        "the secret 'kafka-login'",
        "logs",
        "the pods of Dapr's control plane",
        "what the pods answer",
    } <= set(unseen)
    assert all(each["result"] == "unknown" for each in unseen.values())
    assert look_at(namespace, kubeconfig=file)[1] == told  # in the same order, whoever was answered first
    assert "auth can-i get pods/log" in unseen["logs"]["command"]["bash"]
    forward = unseen["what the pods answer"]
    assert "auth can-i create pods/portforward" in forward["command"]["bash"]
    assert forward["evidence"] == [
        "could not look at what the pods answer: you may not create pods/portforward"
    ]
    assert not {"resource-secret", "log-component", "control-ready"} & codes(told, "passed")
    assert not {"subscribe-answers", "subscription-registered", "route-there"} & codes(told, "passed")
    assert {"resource-type", "service-endpoints", "pod-ready"} <= codes(told, "passed")
    remove(cluster)


def test_one_who_may_see_nothing_has_not_looked(cluster: Cluster, look_at: LookAt, tmp_path: Path) -> None:
    namespace = cluster.add_namespace()
    file = restricted(cluster, namespace, tmp_path)
    code, told = look_at(namespace, kubeconfig=file)
    assert codes(told, "failed") == set(), json.dumps(told, indent=1)
    assert not {"pod-there", "resource-namespace"} & codes(told, "passed")
    assert code == 2


def unanswering(cluster: Cluster, folder: Path) -> Path:
    """The kubeconfig of a cluster at which nobody listens."""
    content = yaml.safe_load(cluster.kubeconfig.read_text(encoding="utf-8"))
    content["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    file = folder / "kubeconfig"
    file.touch(mode=0o600)
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return file


def test_a_cluster_that_does_not_answer_could_not_be_looked_at(
    cluster: Cluster, look_at: LookAt, tmp_path: Path
) -> None:
    file = unanswering(cluster, tmp_path)
    code, told = look_at("todo-chatbot", kubeconfig=file)
    assert (code, codes(told, "unknown")) == (2, {"cluster-reachable"}), json.dumps(told, indent=1)


def test_rights_to_deploy_are_asked_for(cluster: Cluster, look_at: LookAt, tmp_path: Path) -> None:
    namespace = cluster.add_namespace()
    code, told = look_at(namespace, pre=True)
    assert (code, codes(told, "failed")) == (0, set()), json.dumps(told, indent=1)
    file = restricted(cluster, namespace, tmp_path)
    code, told = look_at(namespace, pre=True, kubeconfig=file)
    assert (code, codes(told, "failed")) == (1, {"cluster-deployable"})


def test_the_secrets_of_what_is_to_be_deployed_are_looked_for(
    cluster: Cluster, look_at: LookAt, tmp_path: Path
) -> None:
    made = system()
    component = made.objects["Component", "kafka-pubsub"] | {"metadata": {"name": "kafka-pubsub"}}
    (tmp_path / "component.yaml").write_text(yaml.safe_dump(component), encoding="utf-8")
    options = ("--pre", "--resources-path", str(tmp_path))
    code, told = command(cluster, "not-there-yet", *options)
    assert (code, codes(told, "failed")) == (1, {"resource-secret"}), json.dumps(told, indent=1)
    assert codes(told, "warning") == {"cluster-namespace"}
    secret = made.objects["Secret", "kafka-login"] | {"metadata": {"name": "kafka-login"}}
    (tmp_path / "secret.yaml").write_text(yaml.safe_dump(secret), encoding="utf-8")
    code, told = look_at("not-there-yet", pre=True, manifests=[tmp_path])
    assert (code, codes(told, "failed")) == (0, set()), json.dumps(told, indent=1)


def test_no_secret_is_shown_and_the_bundle_has_none(cluster: Cluster, tmp_path: Path) -> None:
    made = system()
    made.objects["Secret", "database"] = {
        "apiVersion": "v1", "kind": "Secret", "stringData": {"url": "open-sesame-database"},
    }  # fmt: skip
    reference = {"secretKeyRef": {"name": "database", "key": "url"}}
    container = made.pod("notification")["spec"]["containers"][0]
    container["env"] = [{"name": "DATABASE_URL", "valueFrom": reference}]
    crash(made)
    made.previous["notification-0", "notification"] = ["no login as open-sesame-1234 to open-sesame-database"]
    made.logs["backend-0", "backend"].append("Published by open-sesame-1234")
    made.logs["backend-0", "daprd"].append("login: open-sesame-1234")
    namespace = build(cluster, made)
    file = tmp_path / "bundle.json"
    code, told = command(cluster, namespace, "--bundle", str(file))
    assert (code, codes(told, "failed")) == (1, {"pod-crashes"}), json.dumps(told, indent=1)
    check = next(
        each for each in told["categories"][2]["checks"] if each["code"] == "pod-crashes" and each["evidence"]
    )
    assert check["evidence"][-1] == "its last words: no login as *** to ***"
    written = file.read_text(encoding="utf-8")
    assert "open-sesame" not in written
    content = json.loads(written)
    assert content["diagnosis"]["broken"] == "the pods"
    assert "login: ***" in written
    assert content["evidence"]["cluster"]["namespace"] == namespace
    assert content["evidence"]["apps"][0]["pod"] == "backend-0"
    remove(cluster)


def test_it_waits_until_all_is_well(cluster: Cluster) -> None:
    made = system()
    status = made.status["notification-0"]
    made.status["notification-0"] = {"phase": "Pending"}
    namespace = build(cluster, made)
    arguments = ["--namespace", namespace, "--kubeconfig", str(cluster.kubeconfig), "-o", "json"]
    with (
        outboard(["doctor", *arguments, "--watch"], cluster.api.folder) as watching,
        outboard(["doctor", *arguments, "--wait", "2m"], cluster.api.folder) as waiting,
    ):
        assert watching.stdout is not None
        first = json.loads(watching.stdout.readline())
        assert (first["success"], codes(first, "failed")) == (False, {"pod-runs"})
        cluster.set_status("pod", "notification-0", status, namespace)
        later = json.loads(watching.stdout.readline())
        assert later["success"], json.dumps(later, indent=1)
        told, errors = waiting.communicate(timeout=PATIENCE)
        assert (waiting.returncode, errors) == (0, "")
        assert json.loads(told)["success"]
    remove(cluster)


def test_waiting_for_a_cluster_that_does_not_answer_comes_to_an_end(cluster: Cluster, tmp_path: Path) -> None:
    file = unanswering(cluster, tmp_path)
    code, told = command(cluster, "todo-chatbot", "--wait", "1s", kubeconfig=file)
    assert (code, codes(told, "unknown")) == (2, {"cluster-reachable"})


def text(cluster: Cluster, namespace: str, *options: str) -> tuple[int, str]:
    arguments = ["--namespace", namespace, "--kubeconfig", str(cluster.kubeconfig), *options]
    with outboard(["doctor", *arguments], cluster.api.folder) as process:
        told, errors = process.communicate(timeout=PATIENCE)
    assert errors == ""
    return process.returncode, told


def test_short_shows_only_what_is_not_well(cluster: Cluster, look_at: LookAt) -> None:
    made = system()
    del made.objects["Secret", "kafka-login"]
    namespace = build(cluster, made)
    code, told = text(cluster, namespace, "--short")
    assert code == 1
    assert "ok:" not in told
    assert "there is no secret 'kafka-login'" in told
    assert told.endswith("Events stay at: the components (resource-secret)\n")
    code, answer = look_at(namespace, app_id="unknown")
    assert (code, codes(answer, "failed")) == (1, {"pod-there"})
    assert "no pod has the app id 'unknown'; there are: backend, notification" in json.dumps(answer)
    remove(cluster)


def test_one_app_alone_is_looked_at(cluster: Cluster, look_at: LookAt) -> None:
    made = system()
    crash(made)
    namespace = build(cluster, made)
    code, told = look_at(namespace, app_id="backend")
    assert (code, codes(told, "failed"), codes(told, "warning")) == (0, set(), set()), json.dumps(
        told, indent=1
    )
    checks = [each for category in told["categories"] for each in category["checks"]]
    assert not [each for each in checks if each["subject"].startswith("notification")]
    code, told = look_at(namespace, app_id="notification")
    assert (code, codes(told, "failed")) == (1, {"pod-crashes"})
    remove(cluster)


def test_a_service_of_another_name_is_followed_to_its_pods(
    cluster: Cluster, examined: Callable[..., Diagnosed]
) -> None:
    made = system()
    other = cluster.add_namespace()
    made.objects["Service", "kafka-broker"]["spec"] = {
        "type": "ExternalName", "externalName": f"kafka-broker.{other}.svc.cluster.local",
    }  # fmt: skip
    del made.objects["EndpointSlice", "kafka-broker-1"]
    success, told = examined(made)
    assert (success, codes(told, "failed")) == (False, {"service-there"}), json.dumps(told, indent=1)
    service = {"name": "kafka-broker", "namespace": other}
    cluster.create(
        {"apiVersion": "v1", "kind": "Service", "metadata": service, "spec": {"ports": [{"port": 9092}]}}
    )
    success, told = examined(made)
    assert (success, codes(told, "failed")) == (False, {"service-endpoints"}), json.dumps(told, indent=1)
    cluster.add_pod(other, "kafka-broker-0", ["kafka", "exporter"])
    cluster.add_endpoint("kafka-broker", other, "kafka-broker-0")
    success, told = examined(made)
    assert success, json.dumps(told, indent=1)
    (stored,) = (each for each in told["categories"][-1]["checks"] if each["code"] == "event-stored")
    assert f"exec -n {other} kafka-broker-0 -c kafka -- " in stored["command"]["bash"]


def test_a_service_that_is_the_name_of_itself_is_left(
    cluster: Cluster, examined: Callable[..., Diagnosed]
) -> None:
    made = system()
    namespace = cluster.add_namespace()
    loop = {"type": "ExternalName", "externalName": f"loop.{namespace}.svc.cluster.local"}
    place = {"name": "loop", "namespace": namespace}
    cluster.create({"apiVersion": "v1", "kind": "Service", "metadata": place, "spec": loop})
    made.item("brokers")["value"] = f"loop.{namespace}.svc.cluster.local:9092"
    success, told = examined(made)
    assert success, json.dumps(told, indent=1)


def test_an_injector_that_is_younger_than_the_pod_is_told(
    cluster: Cluster, examined: Callable[..., Diagnosed]
) -> None:
    made = system()
    spec = made.pod("backend")["spec"]
    spec["containers"] = spec["containers"][:1]
    made.status["backend-0"]["containerStatuses"] = made.status["backend-0"]["containerStatuses"][:1]
    injector = "dapr-sidecar-injector"

    def come_later(namespace: str) -> None:
        created = cluster.get("pod", "backend-0", "-n", namespace)["metadata"]["creationTimestamp"]
        eventually(lambda: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}" > created, lambda: "no time goes by")
        place = f"/api/v1/namespaces/{DAPR_SYSTEM}/pods/{injector}-0"
        cluster.api.call("DELETE", place, gracePeriodSeconds="0")
        add_control_plane(cluster, [injector])

    success, told = examined(made, before=come_later)
    assert (success, codes(told, "failed")) == (False, {"injection-sidecar"}), json.dumps(told, indent=1)
    check = next(
        each
        for each in told["categories"][2]["checks"]
        if each["code"] == "injection-sidecar" and each["fix"]
    )
    assert "and the injector came at" in check["evidence"][1]


def test_a_cluster_without_dapr_is_told(cluster: Cluster, look_at: LookAt) -> None:
    """The last of these tests: it takes Dapr's definitions away."""
    made = system()
    for key in [key for key in made.objects if key[0] in {"Component", "Subscription"}]:
        del made.objects[key]
    namespace = build(cluster, made)
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    for item in cluster.api.call("GET", definitions)["items"]:
        cluster.api.call("DELETE", f"{definitions}/{item['metadata']['name']}")

    def told() -> Any:
        code, answer = look_at(namespace)
        return answer if (code, codes(answer, "failed")) == (1, {"control-definitions"}) else None

    answer = eventually(told, lambda: "it does not say that the definitions are not there")
    assert next(each["name"] for each in answer["categories"] if each["skipped"]) == "the pods"
