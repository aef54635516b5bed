"""What was seen of a namespace of a Kubernetes cluster, as frozen values. Pure.

What could not be seen is None, and stands in `unseen` with the reason. No value here is a token or a secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

__all__ = [
    "BrokerPod",
    "ClusterSeen",
    "ContainerSeen",
    "LogSeen",
    "PodSeen",
    "ResourceSeen",
    "SecretReference",
    "SecretSeen",
    "ServiceSeen",
    "Unseen",
    "WorkloadSeen",
]


@dataclass(frozen=True, slots=True)
class Unseen:
    """What could not be looked at: `what` is a phrase; `verb` and `resource` are for `kubectl auth can-i`.

    Where it is not `forbidden`, the server could not answer."""

    what: str
    why: str
    verb: str
    resource: str
    namespace: str = ""
    forbidden: bool = True


@dataclass(frozen=True, slots=True)
class ContainerSeen:
    """A container of a pod. `waiting` is the reason why it does not run (`ImagePullBackOff`), `message` the
    words to it, `last_end` how its previous run ended. `init` says that it is among the init containers.
    `variables` are the names of its environment, `secrets` those of the Secrets that it is given, `mounts`
    the paths of its volumes.
    """

    name: str
    image: str = ""
    ports: tuple[int, ...] = ()
    init: bool = False
    ready: bool = False
    running: bool = False
    restarts: int = 0
    waiting: str = ""
    message: str = ""
    last_end: str = ""
    variables: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PodSeen:
    """A pod, with its labels and annotations as pairs. `conditions` are those that are not met. `secrets` are
    the names of the Secrets that its containers are given.
    """

    name: str
    namespace: str
    phase: str
    ready: bool
    created: datetime | None
    labels: tuple[tuple[str, str], ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()
    containers: tuple[ContainerSeen, ...] = ()
    conditions: tuple[str, ...] = ()
    finished: bool = False
    secrets: tuple[str, ...] = ()

    def label(self, name: str) -> str:
        return dict(self.labels).get(name, "")

    def annotation(self, name: str) -> str:
        return dict(self.annotations).get(name, "")

    @property
    def sidecar(self) -> ContainerSeen | None:
        """The container of daprd, also where it is a native sidecar."""
        return next((each for each in self.containers if each.name == "daprd"), None)

    @property
    def app(self) -> ContainerSeen | None:
        """The first container that is not the sidecar's."""
        return next((each for each in self.containers if each.name != "daprd" and not each.init), None)

    @property
    def app_id(self) -> str:
        """As the injector has it: the annotation, else the pod's name."""
        return self.annotation("dapr.io/app-id") or self.name

    @property
    def enabled(self) -> bool:
        """As daprd's injector reads a truth value."""
        return self.annotation("dapr.io/enabled").lower() in {"y", "yes", "true", "on", "1"}

    @property
    def with_dapr(self) -> bool:
        """It wants a sidecar or has one, and is not at its end."""
        return (self.enabled or self.sidecar is not None) and not self.finished


@dataclass(frozen=True, slots=True)
class WorkloadSeen:
    """A Deployment, StatefulSet or DaemonSet: its own annotations, and those of its pod template."""

    kind: str
    name: str
    replicas: int
    annotations: tuple[tuple[str, str], ...] = ()
    template_annotations: tuple[tuple[str, str], ...] = ()
    selector: tuple[tuple[str, str], ...] = ()
    conditions: tuple[str, ...] = ()

    @property
    def app_id(self) -> str:
        """That of its pods, where they are given one."""
        given = dict(self.template_annotations) or dict(self.annotations)
        return given.get("dapr.io/app-id", "")


@dataclass(frozen=True, slots=True)
class SecretReference:
    """A `secretKeyRef` of the item `item`."""

    item: str
    name: str
    key: str


@dataclass(frozen=True, slots=True)
class ResourceSeen:
    """A Component, Subscription, Configuration or Resiliency. `type` is that of a Component.

    `items` are names of its metadata, `addresses` the plain values of those that name a server. `target` is
    the component and topic of a Subscription, `rules` its pairs of `match` and path. `changed` is the last
    time that somebody wrote its spec.
    """

    kind: str
    name: str
    namespace: str
    created: datetime | None = None
    changed: datetime | None = None
    type: str = ""
    scopes: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    addresses: tuple[tuple[str, str], ...] = ()
    auth_type: str = ""
    consumer_group: str = ""
    secret_store: str = ""
    secret_references: tuple[SecretReference, ...] = ()
    target: tuple[str, str] = ("", "")
    rules: tuple[tuple[str, str], ...] = ()
    dead_letter_topic: str = ""

    def serves(self, app_id: str) -> bool:
        """Its scopes let this app have it."""
        return not self.scopes or app_id in self.scopes


@dataclass(frozen=True, slots=True)
class SecretSeen:
    """Whether a Secret is there, and the names of its keys. `exists` None: it could not be looked at."""

    name: str
    namespace: str
    exists: bool | None
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BrokerPod:
    """A pod behind a Service, where the tools of a broker are. `kind` is the type of the component.
    `container` is empty where there is only one, `image` where it could not be seen.
    """

    name: str
    namespace: str
    kind: str
    port: int
    container: str = ""
    image: str = ""


@dataclass(frozen=True, slots=True)
class ServiceSeen:
    """The Service that an address of a component names. `endpoints` are how many are ready, None where they
    could not be looked at. `elsewhere` are the namespaces that have one of that name. `pod` is one behind it.
    """

    component: str
    address: str
    name: str
    namespace: str
    exists: bool | None
    ports: tuple[int, ...] = ()
    endpoints: int | None = None
    external: str = ""
    elsewhere: tuple[str, ...] = ()
    pod: BrokerPod | None = None


@dataclass(frozen=True, slots=True)
class LogSeen:
    """The last lines of a container; `failure` says why there are none. `previous`: of the run before."""

    pod: str
    container: str
    lines: tuple[str, ...] = ()
    failure: str = ""
    previous: bool = False


@dataclass(frozen=True, slots=True)
class ClusterSeen:
    """All that was seen of `namespace`. `unreachable` says why there is no answer, empty where there is one.

    `resources` are those of all namespaces that could be seen. `rights` are what `--pre` asked for, with the
    answer to each. `user` is who asks. `context` are the options of kubectl that lead to this cluster.
    `app_id` is the one that is asked after, empty for all.
    """

    namespace: str
    context: str = ""
    user: str = ""
    unreachable: str = ""
    namespace_exists: bool | None = None
    definitions: bool | None = None
    control_plane: tuple[PodSeen, ...] | None = None
    pods: tuple[PodSeen, ...] | None = None
    workloads: tuple[WorkloadSeen, ...] | None = None
    resources: tuple[ResourceSeen, ...] | None = None
    secrets: tuple[SecretSeen, ...] = ()
    services: tuple[ServiceSeen, ...] = ()
    logs: tuple[LogSeen, ...] = ()
    unseen: tuple[Unseen, ...] = ()
    rights: tuple[tuple[str, bool | None], ...] = ()
    pre: bool = False
    app_id: str = ""

    @property
    def looked(self) -> bool:
        """Something of the namespace could be seen, or, before a deployment, the rights to it."""
        known = any(given is not None for _, given in self.rights) if self.pre else self.pods is not None
        return known or bool(self.resources)

    def log(self, pod: PodSeen, container: str, *, previous: bool = False) -> LogSeen | None:
        return next(
            (
                each
                for each in self.logs
                if (each.pod, each.container, each.previous) == (pod.name, container, previous)
            ),
            None,
        )

    @property
    def chosen(self) -> list[PodSeen]:
        """The pods of the app that is asked after; all where none is."""
        return [each for each in self.pods or () if self.app_id in {"", each.app_id}]

    @property
    def dapr_pods(self) -> list[PodSeen]:
        """Of these, those that want a sidecar or have one, and are not at their end."""
        return [each for each in self.chosen if each.with_dapr]

    @property
    def app_ids(self) -> set[str]:
        """Those of all apps of the namespace."""
        return {each.app_id for each in self.pods or () if each.with_dapr}

    @property
    def chosen_workloads(self) -> list[WorkloadSeen]:
        """Those of the app that is asked after; all where none is."""
        return [each for each in self.workloads or () if self.app_id in {"", each.app_id}]

    def own(self, kind: str) -> list[ResourceSeen]:
        """The resources of that kind in the namespace."""
        return [
            each for each in self.resources or () if (each.kind, each.namespace) == (kind, self.namespace)
        ]
