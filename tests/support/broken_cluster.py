"""Systems on Kubernetes that are broken, each with the check that is to tell of it, and some that are not.

The objects are those of the to-do system: two apps, a component of Kafka, a Subscription, a broker.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from support.port_forward import Answer

__all__ = ["CONTROL_PLANE", "INTACT", "LOG", "SETUPS", "ClusterSetUp", "System", "crash", "system"]

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


PORTS: Final = {"backend": 8000, "notification": 8001}


def registered(topic: str, route: str, kind: str = "DECLARATIVE") -> dict[str, Any]:
    """A subscription as a sidecar's metadata have it."""
    rules = [{"path": route}]
    return {"pubsubname": "kafka-pubsub", "topic": topic, "rules": rules, "type": kind, "deadLetterTopic": ""}


@dataclass
class System:
    """Objects of the API by kind and name, the status of each pod, logs by pod and container, and what is
    answered at the ports of pods.

    `elsewhere` are the objects that are in another namespace than the pods. `tokens` are asked for at a port.
    """

    objects: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    status: dict[str, dict[str, Any]] = field(default_factory=dict)
    logs: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    previous: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    answers: dict[tuple[str, int], dict[str, Answer]] = field(default_factory=dict)
    tokens: dict[tuple[str, int], str] = field(default_factory=dict)
    elsewhere: set[tuple[str, str]] = field(default_factory=set)
    control_plane: list[str] = field(default_factory=lambda: list(CONTROL_PLANE))
    no_namespace: bool = False

    def pod(self, app: str) -> dict[str, Any]:
        return self.objects["Pod", f"{app}-0"]

    def annotations(self, app: str) -> dict[str, str]:
        found: dict[str, str] = self.pod(app)["metadata"]["annotations"]
        return found

    def metadata(self, app: str) -> dict[str, Any]:
        """What its sidecar tells of itself."""
        found = self.answers[f"{app}-0", 3500]["/v1.0/metadata"][1]
        assert isinstance(found, dict)
        return found

    def subscribes(
        self, app: str, topic: str = "task-events", route: str = "/tasks", *, known: bool = True
    ) -> None:
        """The app itself says so; its sidecar has it, where it is `known`."""
        port = PORTS[app]
        subscription = {"pubsubname": "kafka-pubsub", "topic": topic, "route": route}
        self.answers[f"{app}-0", port]["/dapr/subscribe"] = 200, [subscription]
        self.answers[f"{app}-0", port][f"OPTIONS {route}"] = 405, ""
        if known:
            self.metadata(app)["subscriptions"] = [registered(topic, route, "PROGRAMMATIC")]

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
    for app, port in PORTS.items():
        _add_app(made, app, port)
    made.metadata("notification")["subscriptions"] = [registered("task-events", "/tasks")]
    made.answers["notification-0", 8001]["OPTIONS /tasks"] = 405, ""
    return made


def _add_app(made: System, app: str, port: int) -> None:
    annotations = {"dapr.io/enabled": "true", "dapr.io/app-id": app, "dapr.io/app-port": str(port)}
    annotations["dapr.io/disable-builtin-k8s-secret-store"] = "true"
    described = {"labels": {"app": app}, "annotations": annotations}
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
            "template": {"metadata": copy.deepcopy(described), "spec": {"containers": [own]}},
        },
    }
    made.objects["Pod", f"{app}-0"] = {"apiVersion": "v1", "kind": "Pod", "metadata": described, "spec": spec}
    made.status[f"{app}-0"] = {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [running(name) for name in (app, "daprd")],
    }
    metadata: dict[str, Any] = {
        "id": app,
        "runtimeVersion": "1.18.3",
        "components": [{"name": "kafka-pubsub", "type": "pubsub.kafka", "version": "v1"}],
        "subscriptions": [],
    }
    well: dict[str, Answer] = {"/v1.0/healthz": (204, ""), "/v1.0/healthz/outbound": (204, "")}
    made.answers[f"{app}-0", 3500] = {"/v1.0/metadata": (200, metadata), **well}
    made.answers[f"{app}-0", port] = {"/dapr/subscribe": (200, [])}
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


def crash(made: System) -> None:
    """The notification service ends again and again."""
    stuck(made, "notification", "CrashLoopBackOff", "back-off 5m0s")
    ended = {"exitCode": 1, "reason": "Error", "startedAt": None, "finishedAt": None}
    made.container("notification").update(restartCount=7, lastState={"terminated": ended})
    made.previous["notification-0", "notification"] = ["ModuleNotFoundError: No module named 'board'"]


def _ended_by_component(made: System) -> None:
    """The sidecar of the notification service cannot set up its component."""
    stuck(made, "notification", "CrashLoopBackOff", "back-off 5m0s", "daprd")
    ended = {"exitCode": 1, "reason": "Error", "startedAt": None, "finishedAt": None}
    made.container("notification", "daprd").update(restartCount=3, lastState={"terminated": ended})
    made.previous["notification-0", "daprd"] = [f'time="t" {INIT_ERROR}']
    made.logs["notification-0", "daprd"] = [f'time="t" {INIT_ERROR}']
    del made.answers["notification-0", 3500]


def _ended_by_secret(made: System) -> None:
    """The sidecar of the notification service is given no component, since one refers to a Secret in vain."""
    _ended_by_component(made)
    for said in (made.previous, made.logs):
        said["notification-0", "daprd"] = [f'time="t" {LOAD_ERROR}']


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
    """The log of the sidecar is all that there is of it."""

    def breaks(made: System) -> None:
        made.logs[f"{app}-0", "daprd"] = [f'time="t" {line}' for line in lines]
        del made.answers[f"{app}-0", 3500]

    return breaks


def _unloaded(made: System) -> None:
    made.metadata("notification").update(components=[], subscriptions=[])


def _unregistered(made: System) -> None:
    made.metadata("notification").update(subscriptions=[])


def _in_code(made: System) -> None:
    """The app subscribes by itself, and there is no Subscription."""
    del made.objects["Subscription", "tasks"]
    made.subscribes("notification")


def _since(made: System) -> None:
    _in_code(made)
    made.subscribes("notification", "done-events", known=False)


def _elsewhere_routed(made: System) -> None:
    _in_code(made)
    made.subscribes("notification", route="/v2/tasks", known=False)


def _in_one_group(made: System) -> None:
    made.objects["Component", "kafka-pubsub"]["spec"]["metadata"].append(
        {"name": "consumerGroup", "value": "todo"}
    )
    _in_code(made)
    made.subscribes("backend")


def _scopeless(made: System) -> None:
    """The Subscription serves both apps, in one group."""
    made.objects["Component", "kafka-pubsub"]["spec"]["metadata"].append(
        {"name": "consumerID", "value": "todo"}
    )
    del made.objects["Subscription", "tasks"]["scopes"]
    made.metadata("backend")["subscriptions"] = [registered("task-events", "/tasks")]
    made.answers["backend-0", 8000]["OPTIONS /tasks"] = 405, ""


def _answers(app: str, status: int, body: object = "") -> Callable[[System], object]:
    return lambda made: made.answers[f"{app}-0", PORTS[app]].update({"/dapr/subscribe": (status, body)})


def _closed(app: str) -> Callable[[System], object]:
    return lambda made: made.answers.pop((f"{app}-0", PORTS[app]))


def _with_tokens(made: System) -> None:
    """Both ends ask for a token, which a Secret has."""
    for name in ("api", "app"):
        made.objects["Secret", f"{name}-token"] = {
            "apiVersion": "v1", "kind": "Secret", "stringData": {"token": f"open-sesame-{name}"},
        }  # fmt: skip
        made.annotations("notification")[f"dapr.io/{name}-token-secret"] = f"{name}-token"
    made.pod("notification")["spec"]["containers"][0]["env"] = [
        {"name": variable, "valueFrom": {"secretKeyRef": {"name": f"{name}-token", "key": "token"}}}
        for variable, name in (("DAPR_API_TOKEN", "api"), ("APP_API_TOKEN", "app"))
    ]
    made.tokens["notification-0", 3500] = "open-sesame-api"
    made.tokens["notification-0", 8001] = "open-sesame-app"


def _token_not_given(made: System) -> None:
    """The app was refused, and says so."""
    _with_tokens(made)
    del made.pod("notification")["spec"]["containers"][0]["env"]
    made.logs["notification-0", "notification"] = ["the sidecar refused the API token"]


def _other_token(made: System) -> None:
    _with_tokens(made)
    made.tokens["notification-0", 8001] = "another"


def _deadlock(made: System) -> None:
    made.logs["notification-0", "daprd"].append(
        'time="t" level=info msg="application protocol: http. waiting on port 8001.  This will block until '
        'the app is listening on that port."'
    )
    _not_ready(made)


def _both(*breaks: Callable[[System], object]) -> Callable[[System], object]:
    return lambda made: [each(made) for each in breaks]


def _set(made: dict[str, Any], **values: Any) -> None:
    made.update(values)


LOADED: Final = 'level=info msg="Component loaded: kafka-pubsub (pubsub.kafka/v1)"'
READY: Final = 'level=info msg="dapr initialized"'
REFUSED: Final = (
    'time="2999-01-01T00:00:00Z" level=error msg="retriable error returned from app while processing pub/sub '
    'event 1, topic: task-events, body: {}. status code returned: 422"'
)
INIT_ERROR: Final = 'level=fatal msg="Failed to init component kafka-pubsub (pubsub.kafka/v1): no brokers"'
LOAD_ERROR: Final = (
    'level=fatal msg="Fatal error from runtime: failed to load components: rpc error: code = Unknown desc = '
    'Secret \\"kafka-login\\" not found"'
)

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
    ClusterSetUp(
        "no token of Kubernetes",
        "injection-account",
        lambda made: made.annotations("backend").pop("dapr.io/disable-builtin-k8s-secret-store"),
    ),
    ClusterSetUp("a token that the app is not given", "injection-tokens", _token_not_given),
    ClusterSetUp("a Deployment without pods", "pod-there", _no_pods),
    ClusterSetUp("no image", "pod-image", lambda made: stuck(made, "backend", "ImagePullBackOff")),
    ClusterSetUp("a crash loop", "pod-crashes", crash),
    ClusterSetUp("a component that ends its sidecar", "log-error", _ended_by_component),
    ClusterSetUp(
        "a secret that is missing ends its sidecar",
        "resource-secret",
        lambda made: _both(_ended_by_secret, _without("Secret", "kafka-login"))(made),
    ),
    ClusterSetUp(
        "a broker that is away ends its sidecar",
        "service-endpoints",
        lambda made: _both(_ended_by_component, _without("EndpointSlice", "kafka-broker-1"))(made),
    ),
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
    ClusterSetUp("not loaded, by its log", "log-component", _says("notification", READY)),
    ClusterSetUp("not subscribed, by its log", "log-subscribed", _says("notification", LOADED)),
    ClusterSetUp("not loaded", "log-component", _unloaded),
    ClusterSetUp("not subscribed", "log-subscribed", _unregistered),
    ClusterSetUp("subscribed since its sidecar asked", "subscription-registered", _since),
    ClusterSetUp("another route since its sidecar asked", "subscription-registered", _elsewhere_routed),
    ClusterSetUp("one group, both subscribe in code", "group-shared", _in_one_group),
    ClusterSetUp("one group, and a Subscription without scopes", "group-shared", _scopeless),
    ClusterSetUp("nobody listens on the app port", "app-listening", _closed("notification")),
    ClusterSetUp("/dapr/subscribe fails", "subscribe-answers", _answers("notification", 500, "oh")),
    ClusterSetUp("/dapr/subscribe is no list", "subscribe-answers", _answers("notification", 200, {})),
    ClusterSetUp("another app token", "subscribe-answers", _other_token),
    ClusterSetUp(
        "no such route",
        "route-there",
        lambda made: made.answers["notification-0", 8001].pop("OPTIONS /tasks"),
    ),
    ClusterSetUp(
        "the route refuses",
        "route-answers",
        lambda made: made.logs["notification-0", "daprd"].append(REFUSED),
    ),
    ClusterSetUp("the app waits for the sidecar", "log-wait", _deadlock),
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
    ("with tokens", _with_tokens),
    ("subscribed in code", _in_code),
)
