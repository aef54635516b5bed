"""`outboard doctor --namespace` on pods that really run: healthy, broken, and with few rights."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from engines.cluster.kubectl import Cluster
from support.broken_deployments import BROKEN, TWICE_BROKEN, Broken, TwiceBroken, documents, relabel
from support.cluster import eventually_says
from support.containers import container, pod_of
from support.doctoring import codes
from support.looking import look, look_until

pytestmark = pytest.mark.engine("cluster")
ALL: list[Broken | TwiceBroken] = [*BROKEN, *TWICE_BROKEN]
NAMESPACES = {broken.name: f"broken-{number}" for number, broken in enumerate(ALL)}
RELABELLED = "relabelled"
AHEAD = 2
"""Services that start while another one is looked at."""
ACCOUNT = """
apiVersion: v1
kind: ServiceAccount
metadata: {{name: onlooker, namespace: {0}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: onlooker, namespace: {0}}}
rules:
  - {{apiGroups: ["", apps], resources: [pods, services, deployments], verbs: [get, list]}}
  - {{apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [get, list]}}
  - {{apiGroups: [dapr.io], resources: ["*"], verbs: [get, list]}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: onlooker, namespace: {0}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: onlooker}}
subjects: [{{kind: ServiceAccount, name: onlooker, namespace: {0}}}]
"""


class BrokenServices:
    """The broken services of a test run, in the order of its tests. Those of the next tests start while one
    is looked at, no more: many pods that start at once keep two cores so busy that Dapr's control plane is
    not ready, which doctor then tells of first.
    """

    def __init__(self, cluster: Cluster, order: Sequence[Broken | TwiceBroken]) -> None:
        self._cluster = cluster
        self._order = order
        self._made: set[str] = set()

    def take(self, broken: Broken | TwiceBroken) -> str:
        """Its namespace, which is there, as are those of the next ones."""
        place = self._order.index(broken)
        for each in self._order[place : place + 1 + AHEAD]:
            if each.name not in self._made:
                self._made.add(each.name)
                self._make(each)
        return NAMESPACES[broken.name]

    def _make(self, broken: Broken | TwiceBroken) -> None:
        made = documents(NAMESPACES[broken.name])
        broken.breaks(made)
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": made})
        self._cluster.kubectl("apply", "-f", "-", given=text)


@pytest.fixture(scope="module")
def broken_services(cluster: Cluster, installed: str, request: pytest.FixtureRequest) -> BrokenServices:
    """Behind the Kafka of the to-do system, whose own services need not be there."""
    assert installed
    calls = (getattr(item, "callspec", None) for item in request.session.items)
    order = [call.params["broken"] for call in calls if call is not None and "broken" in call.params]
    return BrokenServices(cluster, order)


@pytest.fixture
def broken_service(
    cluster: Cluster, broken_services: BrokenServices, broken: Broken | TwiceBroken
) -> Iterator[str]:
    """The namespace of one."""
    namespace = broken_services.take(broken)
    yield namespace
    cluster.kubectl("delete", "component", "-n", "kafka", "-l", f"made-for={namespace}")
    cluster.kubectl("delete", "namespace", "--wait=false", namespace)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.name)
def test_what_is_broken_is_named(cluster: Cluster, broken: Broken, broken_service: str) -> None:
    def named(told: Any) -> bool:
        return broken.code in codes(told, broken.result) and told["success"] == (broken.result == "warning")

    told = look_until(cluster.kubeconfig, broken_service, named)

    found = [each for category in told["categories"] for each in category["checks"]]
    check = next(each for each in found if (each["code"], each["result"]) == (broken.code, broken.result))
    assert check["evidence"], check
    assert check["fix"], check
    assert check["command"]["bash"].startswith("kubectl "), check
    assert "open-sesame" not in json.dumps(told)
    if broken.heals:
        assert "sidecars load it at once" in check["fix"]
        loads_what_is_right(cluster, broken_service)


def loads_what_is_right(cluster: Cluster, namespace: str) -> None:
    """Once its component is as it should be, the sidecar has it and its subscriptions, without a restart."""
    before = container(pod_of(cluster, namespace, "notification"), "daprd")
    component = next(each for each in documents(namespace) if each["kind"] == "Component")
    cluster.kubectl("apply", "-f", "-", given=json.dumps(component))
    log = ("-n", namespace, "-l", "app=notification", "-c", "daprd", "--tail=-1")
    eventually_says(cluster, "Component loaded: kafka-pubsub", *log)
    eventually_says(cluster, "app is subscribed to the following topics", *log)
    after = container(pod_of(cluster, namespace, "notification"), "daprd")
    assert (after["containerID"], after["restartCount"]) == (before["containerID"], before["restartCount"])


@pytest.mark.parametrize("broken", TWICE_BROKEN, ids=lambda broken: broken.name)
def test_of_two_faults_the_earlier_one_is_named(
    cluster: Cluster, broken: TwiceBroken, broken_service: str
) -> None:
    def named(told: Any) -> bool:
        return broken.earlier.code in codes(told, "failed") and broken.later.code not in codes(told, "failed")

    told = look_until(cluster.kubeconfig, broken_service, named)

    hops = [
        hop["name"]
        for hop in told["categories"]
        if broken.earlier.code in {each["code"] for each in hop["checks"]}
    ]
    assert told["broken"] in hops, told


def test_without_the_right_to_secrets_and_logs_it_says_so_and_goes_on(
    cluster: Cluster, todo: str, tmp_path: Path
) -> None:
    cluster.kubectl("apply", "-f", "-", given=ACCOUNT.format(todo))
    token = cluster.kubectl("create", "token", "onlooker", "-n", todo).strip()
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(cluster.kubeconfig.read_text(encoding="utf-8"), encoding="utf-8")
    kubeconfig.chmod(0o600)
    own = [f"--kubeconfig={kubeconfig}", "config"]
    cluster.kubectl(*own, "set-credentials", "onlooker", f"--token={token}")
    cluster.kubectl(*own, "set-context", "--current", "--user=onlooker")

    told = look(kubeconfig, todo)

    assert told["success"], json.dumps(told, indent=1)
    unseen = json.dumps(told["categories"][0])
    assert "pods/log" in unseen
    assert "pods/portforward" in unseen
    assert {"pod-ready", "resource-auth-type", "service-endpoints"} <= codes(told, "passed")
    assert token not in json.dumps(told)


def test_by_another_label_nobody_is_found_and_the_commands_of_doctor_go_by_it(
    cluster: Cluster, todo: str
) -> None:
    """The label that the pages name has no pod, and says so; events come through all the same."""
    assert todo
    made = documents(RELABELLED)
    relabel(made, "notifications")
    cluster.kubectl("apply", "-f", "-", given=json.dumps({"apiVersion": "v1", "kind": "List", "items": made}))
    try:
        told = look_until(cluster.kubeconfig, RELABELLED, lambda told: bool(told["success"]))
        by_page = cluster.try_kubectl("logs", "-n", RELABELLED, "-l", "app=notification", "-c", "daprd")
        assert "No resources found" in by_page.stderr
        checks = [each for category in told["categories"] for each in category["checks"]]
        shown = next(each["command"]["bash"] for each in checks if each["code"] == "log-component")
        command = shlex.split(shown.partition(" | ")[0])
        assert "app=notifications" in command
        assert "Component loaded: kafka-pubsub" in cluster.kubectl(*command[1:])
    finally:
        cluster.kubectl("delete", "namespace", "--wait=false", RELABELLED)
