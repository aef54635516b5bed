"""The pods of one app, and what belongs to them. Pure.

Source: Kubernetes, "Deployments", "Pod Lifecycle", "Specifying a Disruption Budget", "Network Policies";
Dapr, "Dapr arguments and annotations".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from outboard.manifests.secrecy import is_secret_variable
from outboard.manifests.system import LABEL, App, SecretNeeded, System
from outboard.manifests.text import Manifest, Noted, Quoted, Value

__all__ = ["API_TOKEN", "APP_TOKEN", "USER", "app_manifests", "app_secrets", "metadata"]

USER: Final = 10001
"""Who the container's process is."""
API_TOKEN: Final = "dapr-api-token"
APP_TOKEN: Final = "app-api-token"
TOKEN_KEY: Final = "token"
GRACE: Final = 10
BLOCK: Final = 5
"""Seconds: for the sidecar to finish, and before that to go on taking calls of an app that finishes."""
INTERNAL_PORT: Final = 50002
"""Where sidecars call each other."""
SIDECAR: Final = {
    "cpu-request": "50m",
    "memory-request": "64Mi",
    "memory-limit": "256Mi",
    "readiness-probe-period-seconds": "2",
}
"""daprd is ready some four seconds after its start. With its own six seconds between two probes the pod would
be ready after nine."""
NO_ACCOUNT: Final = (
    "nothing in the pod asks Kubernetes for anything: daprd is given its secrets by the operator"
)
ASKS_KUBERNETES: Final = frozenset(
    {
        *("secretstores.kubernetes", "bindings.kubernetes"),
        *("configuration.kubernetes", "crypto.kubernetes.secrets"),
    }
)
"""Components by which a sidecar itself asks the API of Kubernetes."""
PROBES: Final[Mapping[str, Mapping[str, int]]] = {
    "startupProbe": {"periodSeconds": 2, "failureThreshold": 30},
    "readinessProbe": {"periodSeconds": 5},
    "livenessProbe": {"periodSeconds": 20, "timeoutSeconds": 5},
}


def app_manifests(app: App, system: System, *, scaled: bool) -> Iterator[Manifest]:
    """Service, claim, Deployment, disruption budget and network policy of one app.

    What is `scaled` by something else says no number of pods, or each apply would set it back.
    """
    if app.port and app.has_service:
        yield _service(app, system)
    if app.settings.volume is not None:
        yield _claim(app, system)
    yield _deployment(app, system, scaled=scaled)
    yield _budget(app, system)
    yield _policy(app, system)


def app_secrets(app: App, system: System) -> Iterator[SecretNeeded]:
    """The Secrets that the pods need."""
    names = _secret_variables(app)
    if names:
        yield SecretNeeded(app.app_id, tuple(names))
    if system.settings.tokens:
        yield SecretNeeded(API_TOKEN, (TOKEN_KEY,))
        yield SecretNeeded(APP_TOKEN, (TOKEN_KEY,))


def metadata(name: str, namespace: str) -> Value:
    """Of something that belongs to an app."""
    return {"name": name, "namespace": namespace, "labels": {LABEL: name}}


def _service(app: App, system: System) -> Manifest:
    return Manifest(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata(app.app_id, system.namespace),
            "spec": {
                "selector": {LABEL: app.app_id},
                "ports": [{"name": "http", "port": 80, "targetPort": "http"}],
            },
        }
    )


def _claim(app: App, system: System) -> Manifest:
    size = app.settings.volume.size if app.settings.volume else ""
    return Manifest(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": f"{app.app_id}-data", "namespace": system.namespace},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}},
        },
        "One volume, and so one pod that writes. With a database elsewhere it is not needed.",
    )


def _deployment(app: App, system: System, *, scaled: bool) -> Manifest:
    return Manifest(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata(app.app_id, system.namespace),
            "spec": {
                **({} if scaled else {"replicas": app.settings.replicas}),
                "strategy": _strategy(app),
                "selector": {"matchLabels": {LABEL: app.app_id}},
                "template": {
                    "metadata": {
                        "labels": {LABEL: app.app_id},
                        "annotations": Noted(
                            _annotations(app, system),
                            "on the pod template: Dapr does not look at the Deployment",
                        ),
                    },
                    "spec": _pod(app, system),
                },
            },
        }
    )


def _strategy(app: App) -> Value:
    if app.settings.volume is not None:
        return {"type": Noted("Recreate", "the volume has room for one pod")}
    return {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}


def _annotations(app: App, system: System) -> Value:
    stop = {"block-shutdown-duration": f"{BLOCK}s", "graceful-shutdown-seconds": str(GRACE)}
    tokens = {"api-token-secret": API_TOKEN, "app-token-secret": APP_TOKEN} if system.settings.tokens else {}
    port = {"app-port": str(app.port)} if app.port else {}
    protocol = {"app-protocol": app.protocol} if app.protocol != "http" else {}
    config = {"config": app.configuration} if app.configuration else {}
    every = {
        "enabled": "true",
        "app-id": app.app_id,
        **port,
        **protocol,
        **config,
        "log-level": "info",
        **app.annotations,
        **{f"sidecar-{name}": value for name, value in SIDECAR.items()},
        **({} if _asking(app, system) else {"disable-builtin-k8s-secret-store": "true"}),
        **stop,
        **tokens,
    }
    notes = {"app-port": "without it no event is delivered", "disable-builtin-k8s-secret-store": NO_ACCOUNT}
    return {
        f"dapr.io/{name}": Noted(Quoted(value), notes[name]) if name in notes else Quoted(value)
        for name, value in every.items()
    }


def _pod(app: App, system: System) -> Value:
    volume = app.settings.volume
    volumes: list[Value] = [{"name": "tmp", "emptyDir": {}}]
    if volume is not None:
        volumes.append({"name": "data", "persistentVolumeClaim": {"claimName": f"{app.app_id}-data"}})
    group = {"fsGroup": USER} if volume is not None else {}
    asking = _asking(app, system)
    why = f"for {', '.join(asking)}: the account needs a Role with what is asked for"
    return {
        "automountServiceAccountToken": Noted(True, why) if asking else False,
        "terminationGracePeriodSeconds": max(app.settings.stop_seconds, BLOCK + GRACE + 5),
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            **group,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(app, system)],
        "volumes": volumes,
    }


def _asking(app: App, system: System) -> list[str]:
    return [
        each.name
        for each in system.resources
        if each.kind == "Component" and each.type in ASKS_KUBERNETES and app.app_id in each.apps
    ]


def _container(app: App, system: System) -> Value:
    settings = app.settings
    pull = {"imagePullPolicy": app.pull_policy} if app.pull_policy else {}
    ports: Mapping[str, Value] = {"ports": [{"name": "http", "containerPort": app.port}]} if app.port else {}
    mounts: list[Value] = [{"name": "tmp", "mountPath": "/tmp"}]
    if settings.volume is not None:
        mounts.append({"name": "data", "mountPath": settings.volume.path})
    return {
        "name": app.app_id,
        "image": app.image,
        **pull,
        **ports,
        "env": list(_environment(app, system)),
        **_probes(app),
        "resources": {
            "requests": {"cpu": settings.cpu, "memory": settings.memory},
            "limits": {"memory": settings.memory_limit},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": mounts,
    }


def _environment(app: App, system: System) -> Iterator[Value]:
    own = {"APP_ID": app.app_id}
    if app.port:
        own |= {"APP_HOST": "0.0.0.0", "APP_PORT": str(app.port)}
    secret = _secret_variables(app)
    for name, value in {**own, **app.environment, **app.settings.env}.items():
        if name not in secret:
            yield {"name": name, "value": Quoted(value)}
    for name in secret:
        yield _from_secret(name, app.app_id, name)
    if system.settings.tokens:  # the injector gives them to the sidecar alone
        yield _from_secret("DAPR_API_TOKEN", API_TOKEN, TOKEN_KEY)
        yield _from_secret("APP_API_TOKEN", APP_TOKEN, TOKEN_KEY)


def _from_secret(name: str, secret: str, key: str) -> Value:
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}


def _secret_variables(app: App) -> list[str]:
    """Those that are said to be secret, and those that look so."""
    given = {**app.environment, **app.settings.env}
    looks_so = [name for name, value in given.items() if is_secret_variable(name, value)]
    return list(dict.fromkeys((*app.settings.secrets, *looks_so)))


def _probes(app: App) -> Mapping[str, Value]:
    if not app.port:
        return {}
    path = app.settings.health_path
    over_http = bool(path) and app.protocol in ("http", "https", "h2c")
    scheme = {"scheme": "HTTPS"} if app.protocol == "https" else {}
    asked: Mapping[str, Value] = (
        {"httpGet": {"path": path, "port": "http", **scheme}}
        if over_http
        else {"tcpSocket": {"port": "http"}}
    )
    return {name: {**asked, **numbers} for name, numbers in PROBES.items()}


def _budget(app: App, system: System) -> Manifest:
    return Manifest(
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": metadata(app.app_id, system.namespace),
            "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {LABEL: app.app_id}}},
        }
    )


def _policy(app: App, system: System) -> Manifest:
    """Who may call the pods. What they may call is left open: brokers and databases may be anywhere."""
    ports = [*([app.port] if app.port else []), INTERNAL_PORT]
    return Manifest(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": metadata(app.app_id, system.namespace),
            "spec": {
                "podSelector": {"matchLabels": {LABEL: app.app_id}},
                "policyTypes": ["Ingress"],
                "ingress": [
                    {
                        "from": [{"podSelector": Noted({}, "the pods of this namespace")}],
                        "ports": [
                            {
                                "protocol": "TCP",
                                "port": Noted(port, "between sidecars") if port == INTERNAL_PORT else port,
                            }
                            for port in ports
                        ],
                    }
                ],
            },
        },
        "For an ingress controller, or for whoever collects metrics (9090), add its namespace below `from`.",
    )
