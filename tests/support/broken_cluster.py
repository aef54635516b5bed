"""Systems on Kubernetes that are broken, each with the check that is to tell of it, and some that are not.

The objects are those of the to-do system: two apps, a component of Kafka, a Subscription, a broker.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["CONTROL_PLANE", "INTACT", "LOG", "SETUPS", "ClusterSetUp", "System", "system"]

CONTROL_PLANE: Final = (
    "dapr-operator",
    "dapr-placement-server",
    "dapr-scheduler-server",
    "dapr-sentry",
    "dapr-sidecar-injector",
)
LOG: Final = {
    "daprd": [
        'time="t" level=info msg="Component loaded: kafka-pubsub (pubsub.kafka/v1)"',
        'time="t" level=info msg="app is subscribed to the following topics: [[task-events]] '
        'through pubsub=kafka-pubsub"',
        'time="t" level=info msg="dapr initialized. Status: Running."',
    ],
    "backend": ["INFO: Published to task-events: created"],
    "notification": ["INFO: TASK EVENT RECEIVED"],
}


@dataclass
class System:
    """Objects of the API by kind and name, the status of each pod, and logs by pod and container.

    `elsewhere` is the namespace of objects that are in another one than the pods.
    """

    objects: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    status: dict[str, dict[str, Any]] = field(default_factory=dict)
    logs: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    previous: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    elsewhere: set[tuple[str, str]] = field(default_factory=set)
    late: list[tuple[str, str]] = field(default_factory=list)
    control_plane: list[str] = field(default_factory=lambda: list(CONTROL_PLANE))
    no_namespace: bool = False

    def pod(self, app: str) -> dict[str, Any]:
        return self.objects["Pod", f"{app}-0"]

    def annotations(self, app: str) -> dict[str, str]:
        found: dict[str, str] = self.pod(app)["metadata"]["annotations"]
        return found

    def item(self, name: str) -> dict[str, Any]:
        """An item of the metadata of `kafka-pubsub`."""
        items = self.objects["Component", "kafka-pubsub"]["spec"]["metadata"]
        found: dict[str, Any] = next(each for each in items if each["name"] == name)
        return found

    def container(self, app: str, name: str = "") -> dict[str, Any]:
        """The status of a container."""
        statuses = self.status[f"{app}-0"]["containerStatuses"]
        found: dict[str, Any] = next(each for each in statuses if each["name"] == (name or app))
        return found


def system() -> System:
    """The intact one."""
    made = System()
    made.objects["Component", "kafka-pubsub"] = {
        "apiVersion": "dapr.io/v1alpha1",
        "kind": "Component",
        "spec": {
            "type": "pubsub.kafka",
            "version": "v1",
            "metadata": [
                {"name": "brokers", "value": "kafka-broker:9092"},
                {"name": "authType", "value": "password"},
                {"name": "saslUsername", "value": "todo"},
                {"name": "saslPassword", "secretKeyRef": {"name": "kafka-login", "key": "password"}},
            ],
        },
        "scopes": ["backend", "notification"],
    }
    made.objects["Secret", "kafka-login"] = {
        "apiVersion": "v1", "kind": "Secret", "stringData": {"password": "open-sesame-1234"},
    }  # fmt: skip
    made.objects["Subscription", "tasks"] = {
        "apiVersion": "dapr.io/v2alpha1",
        "kind": "Subscription",
        "spec": {"pubsubname": "kafka-pubsub", "topic": "task-events", "routes": {"default": "/tasks"}},
        "scopes": ["notification"],
    }
    made.objects["Service", "kafka-broker"] = {
        "apiVersion": "v1", "kind": "Service", "spec": {"ports": [{"port": 9092}]},
    }  # fmt: skip
    made.objects["EndpointSlice", "kafka-broker-1"] = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"labels": {"kubernetes.io/service-name": "kafka-broker"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.1.2.3"], "conditions": {"ready": True}}],
        "ports": [{"port": 9092}],
    }
    for app, port in (("backend", 8000), ("notification", 8001)):
        _add_app(made, app, port)
    return made


def _add_app(made: System, app: str, port: int) -> None:
    annotations = {"dapr.io/enabled": "true", "dapr.io/app-id": app, "dapr.io/app-port": str(port)}
    metadata = {"labels": {"app": app}, "annotations": annotations}
    own = {"name": app, "image": f"todo-{app}:1", "ports": [{"containerPort": port}]}
    spec = {
        "nodeName": "node-1",
        "automountServiceAccountToken": False,
        "containers": [own, {"name": "daprd", "image": "daprio/daprd:1.18.3"}],
    }
    made.objects["Deployment", app] = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": app}},
            "template": {"metadata": copy.deepcopy(metadata), "spec": {"containers": [own]}},
        },
    }
    made.objects["Pod", f"{app}-0"] = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    made.status[f"{app}-0"] = {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [running(name) for name in (app, "daprd")],
    }
    made.logs[f"{app}-0", "daprd"] = list(LOG["daprd"])
    made.logs[f"{app}-0", app] = list(LOG[app])


def running(name: str) -> dict[str, Any]:
    state = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
    fixed = {"image": "i", "imageID": "", "restartCount": 0}
    return {"name": name, "ready": True, "started": True, "state": state, **fixed}


def stuck(made: System, app: str, reason: str, message: str = "", name: str = "") -> None:
    """The container waits, for that reason."""
    waiting = {"waiting": {"reason": reason, "message": message}}
    made.container(app, name).update(ready=False, started=False, state=waiting)
    not_ready = {"type": "Ready", "status": "False", "reason": "ContainersNotReady", "message": "not ready"}
    made.status[f"{app}-0"]["conditions"] = [not_ready]


@dataclass(frozen=True)
class ClusterSetUp:
    """What is done to the intact system, and the check that is to fail first."""

    name: str
    expected: str
    breaks: Callable[[System], object]


def _crash(made: System) -> None:
    stuck(made, "notification", "CrashLoopBackOff", "back-off 5m0s")
    ended = {"exitCode": 1, "reason": "Error", "startedAt": None, "finishedAt": None}
    made.container("notification").update(restartCount=7, lastState={"terminated": ended})
    made.previous["notification-0", "notification"] = ["ModuleNotFoundError: No module named 'board'"]


def _without_sidecar(made: System) -> None:
    spec = made.pod("backend")["spec"]
    spec["containers"] = spec["containers"][:1]
    made.status["backend-0"]["containerStatuses"] = made.status["backend-0"]["containerStatuses"][:1]


def _on_deployment(made: System) -> None:
    template = made.objects["Deployment", "backend"]["spec"]["template"]["metadata"]
    made.objects["Deployment", "backend"]["metadata"] = {"annotations": template.pop("annotations")}
    _without_sidecar(made)
    made.annotations("backend").clear()


def _misspelled(made: System) -> None:
    annotations = made.annotations("notification")
    annotations["dapr.io/app_port"] = annotations.pop("dapr.io/app-port")


def _without(kind: str, name: str) -> Callable[[System], object]:
    return lambda made: made.objects.pop((kind, name))


def _without_service(name: str) -> Callable[[System], object]:
    return lambda made: made.control_plane.remove(name)


def _elsewhere(kind: str, name: str) -> Callable[[System], object]:
    return lambda made: made.elsewhere.add((kind, name))


def _without_item(made: System) -> None:
    made.objects["Component", "kafka-pubsub"]["spec"]["metadata"].remove(made.item("authType"))


def _no_pods(made: System) -> None:
    del made.objects["Pod", "notification-0"], made.status["notification-0"]


def _pending(made: System) -> None:
    unscheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no node"}
    made.status["backend-0"] = {"phase": "Pending", "conditions": [unscheduled]}


def _not_ready(made: System) -> None:
    made.container("notification", "daprd").update(ready=False)
    made.status["notification-0"]["conditions"] = [{"type": "Ready", "status": "False"}]


def _says(app: str, *lines: str) -> Callable[[System], object]:
    def breaks(made: System) -> None:
        made.logs[f"{app}-0", "daprd"] = [f'time="t" {line}' for line in lines]

    return breaks


def _both(*breaks: Callable[[System], object]) -> Callable[[System], object]:
    return lambda made: [each(made) for each in breaks]


def _set(made: dict[str, Any], **values: Any) -> None:
    made.update(values)


LOADED: Final = 'level=info msg="Component loaded: kafka-pubsub (pubsub.kafka/v1)"'
INIT_ERROR: Final = 'level=fatal msg="Failed to init component kafka-pubsub (pubsub.kafka/v1): no brokers"'

SETUPS: Final = (
    ClusterSetUp("no such namespace", "cluster-namespace", lambda made: setattr(made, "no_namespace", True)),
    ClusterSetUp("no injector", "control-ready", _without_service("dapr-sidecar-injector")),
    ClusterSetUp("no operator", "control-ready", _without_service("dapr-operator")),
    ClusterSetUp("annotations on the Deployment", "injection-place", _on_deployment),
    ClusterSetUp("misspelled annotation", "injection-annotations", _misspelled),
    ClusterSetUp("no sidecar", "injection-sidecar", _without_sidecar),
    ClusterSetUp(
        "no app port", "injection-port", lambda made: made.annotations("notification").pop("dapr.io/app-port")
    ),
    ClusterSetUp(
        "another app port",
        "injection-port",
        lambda made: made.annotations("notification").update({"dapr.io/app-port": "8081"}),
    ),
    ClusterSetUp("a Deployment without pods", "pod-there", _no_pods),
    ClusterSetUp("no image", "pod-image", lambda made: stuck(made, "backend", "ImagePullBackOff")),
    ClusterSetUp("a crash loop", "pod-crashes", _crash),
    ClusterSetUp("no node", "pod-runs", _pending),
    ClusterSetUp(
        "a container that cannot be configured",
        "pod-runs",
        lambda made: stuck(made, "backend", "CreateContainerConfigError", 'secret "login" not found'),
    ),
    ClusterSetUp("a sidecar that is not ready", "pod-ready", _not_ready),
    ClusterSetUp(
        "component in another namespace", "resource-namespace", _elsewhere("Component", "kafka-pubsub")
    ),
    ClusterSetUp(
        "Subscription in another namespace", "resource-namespace", _elsewhere("Subscription", "tasks")
    ),
    ClusterSetUp("no component at all", "resource-namespace", _without("Component", "kafka-pubsub")),
    ClusterSetUp(
        "misspelled type",
        "resource-type",
        lambda made: _set(made.objects["Component", "kafka-pubsub"]["spec"], type="pubsub.kafak"),
    ),
    ClusterSetUp("no authType", "resource-auth-type", _without_item),
    ClusterSetUp(
        "misspelled scope",
        "resource-scopes",
        lambda made: _set(made.objects["Component", "kafka-pubsub"], scopes=["backend", "notifications"]),
    ),
    ClusterSetUp("no secret", "resource-secret", _without("Secret", "kafka-login")),
    ClusterSetUp("secret in another namespace", "resource-secret", _elsewhere("Secret", "kafka-login")),
    ClusterSetUp(
        "secret without the key",
        "resource-secret",
        lambda made: _set(made.objects["Secret", "kafka-login"], stringData={"passwort": "open-sesame-1234"}),
    ),
    ClusterSetUp(
        "no such secret store",
        "resource-secret",
        lambda made: _set(made.objects["Component", "kafka-pubsub"], auth={"secretStore": "vault"}),
    ),
    ClusterSetUp(
        "Subscription of another component",
        "resource-subscription",
        lambda made: _set(made.objects["Subscription", "tasks"]["spec"], pubsubname="pubsub"),
    ),
    ClusterSetUp(
        "no such Configuration",
        "resource-configuration",
        lambda made: made.annotations("backend").update({"dapr.io/config": "tracing"}),
    ),
    ClusterSetUp("no service of the broker", "service-there", _without("Service", "kafka-broker")),
    ClusterSetUp(
        "the broker's service is in another namespace", "service-there", _elsewhere("Service", "kafka-broker")
    ),
    ClusterSetUp(
        "another port of the broker",
        "service-port",
        lambda made: _set(made.item("brokers"), value="kafka-broker:9093")
    ),
    ClusterSetUp("no broker is ready", "service-endpoints", _without("EndpointSlice", "kafka-broker-1")),
    ClusterSetUp("a component cannot be set up", "log-error", _says("notification", INIT_ERROR)),
    ClusterSetUp("not loaded", "log-component", _says("notification", 'level=info msg="dapr initialized"')),
    ClusterSetUp("not subscribed", "log-subscribed", _says("notification", LOADED)),
    ClusterSetUp(
        "no sidecar, and no secret",
        "injection-sidecar",
        _both(_without_sidecar, _without("Secret", "kafka-login"))
    ),
    ClusterSetUp(
        "no secret, and no broker",
        "resource-secret",
        _both(_without("Secret", "kafka-login"), _without("Service", "kafka-broker")),
    ),
)  # fmt: skip


def _native(made: System) -> None:
    """The sidecar among the init containers, as newer versions of Kubernetes have it."""
    spec = made.pod("backend")["spec"]
    spec["initContainers"] = [spec["containers"].pop() | {"restartPolicy": "Always"}]
    status = made.status["backend-0"]
    status["initContainerStatuses"] = [status["containerStatuses"].pop()]


INTACT: Final = (
    ("as it is", lambda made: None),
    ("with a native sidecar", _native),
)
