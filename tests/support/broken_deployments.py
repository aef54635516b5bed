"""One service on a real cluster, broken in one way each, with what doctor is to name first.

Each is the notification service of `deploy/kubernetes` in a namespace and under an app id of its own, with
the component in a consumer group of its own, so that none disturbs another one that has not ended yet.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml

__all__ = ["BROKEN", "TWICE_BROKEN", "Broken", "TwiceBroken", "documents", "relabel"]

Documents: TypeAlias = "list[dict[str, Any]]"
MANIFESTS: Final = Path(__file__).parents[2] / "deploy" / "kubernetes"
BROKERS: Final = "kafka-broker.kafka.svc.cluster.local:9092"


@dataclass(frozen=True)
class Broken:
    """`breaks` changes the documents of the intact service. `result` is what the check comes to. Where it
    `heals`, running sidecars load the component once it is right."""

    name: str
    code: str
    breaks: Callable[[Documents], object]
    result: str = "failed"
    heals: bool = False


def documents(namespace: str) -> Documents:
    """The intact service."""
    component = next(
        each for each in _read("30-components.yaml") if each["metadata"]["name"] == "kafka-pubsub"
    )
    deployment = next(each for each in _read("40-notification.yaml") if each["kind"] == "Deployment")
    for each in (component, deployment):
        each["metadata"]["namespace"] = namespace
    component["scopes"] = [namespace]
    _set_item(component, "brokers", BROKERS)
    _set_item(component, "consumerGroup", namespace)
    template = deployment["spec"]["template"]
    template["metadata"]["annotations"]["dapr.io/app-id"] = namespace
    container = template["spec"]["containers"][0]
    next(each for each in container["env"] if each["name"] == "APP_ID")["value"] = namespace
    container["resources"]["requests"]["cpu"] = "10m"
    template["metadata"]["annotations"]["dapr.io/sidecar-cpu-request"] = "10m"
    _hasten(template)
    for volume in template["spec"]["volumes"]:  # there are not so many disks
        volume.pop("persistentVolumeClaim", None)
        volume["emptyDir"] = {}
    made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    return [made, component, deployment]


def _hasten(template: dict[str, Any]) -> None:
    """It is ready soon, and gone soon: neither is what is looked at."""
    annotations = template["metadata"]["annotations"]
    del annotations["dapr.io/block-shutdown-duration"]
    annotations["dapr.io/sidecar-readiness-probe-delay-seconds"] = "1"
    annotations["dapr.io/sidecar-readiness-probe-period-seconds"] = "1"
    template["spec"]["terminationGracePeriodSeconds"] = 2
    template["spec"]["containers"][0]["startupProbe"].update(periodSeconds=1, failureThreshold=120)


def _read(name: str) -> Documents:
    return list(yaml.safe_load_all((MANIFESTS / name).read_text(encoding="utf-8")))


def _of(made: Documents, kind: str) -> dict[str, Any]:
    return next(each for each in made if each["kind"] == kind)


def _set_item(component: dict[str, Any], name: str, value: str) -> None:
    next(each for each in component["spec"]["metadata"] if each["name"] == name)["value"] = value


def _annotations(made: Documents) -> dict[str, str]:
    found: dict[str, str] = _of(made, "Deployment")["spec"]["template"]["metadata"]["annotations"]
    return found


def _pod(made: Documents) -> dict[str, Any]:
    found: dict[str, Any] = _of(made, "Deployment")["spec"]["template"]["spec"]
    return found


def relabel(made: Documents, label: str) -> None:
    """The pods are labelled otherwise than the manifests say."""
    spec = _of(made, "Deployment")["spec"]
    spec["template"]["metadata"]["labels"] = spec["selector"]["matchLabels"] = {"app": label}


def _without(annotation: str) -> Callable[[Documents], object]:
    return lambda made: _annotations(made).pop(f"dapr.io/{annotation}")


def _with(annotation: str, value: str) -> Callable[[Documents], object]:
    return lambda made: _annotations(made).update({f"dapr.io/{annotation}": value})


def _item(name: str, value: str) -> Callable[[Documents], object]:
    return lambda made: _set_item(_of(made, "Component"), name, value)


def _without_auth_type(made: Documents) -> None:
    metadata = _of(made, "Component")["spec"]["metadata"]
    metadata[:] = [each for each in metadata if each["name"] != "authType"]


def _elsewhere(made: Documents) -> None:
    """The component, which names this app, is in another namespace."""
    namespace = _of(made, "Namespace")["metadata"]["name"]
    _of(made, "Component")["metadata"].update(
        namespace="kafka", name=namespace, labels={"made-for": namespace}
    )


def _misspelled(made: Documents) -> None:
    annotations = _annotations(made)
    annotations["dapr.io/app_port"] = annotations.pop("dapr.io/app-port")


def _on_deployment(made: Documents) -> None:
    deployment = _of(made, "Deployment")
    deployment["metadata"]["annotations"] = deployment["spec"]["template"]["metadata"].pop("annotations")


def _type(made: Documents) -> None:
    _of(made, "Component")["spec"]["type"] = "pubsub.kafak"


def _scopes(made: Documents) -> None:
    component = _of(made, "Component")
    component["scopes"] = [f"{component['scopes'][0]}s"]


def _secret(made: Documents) -> None:
    """The component refers to one that is not there."""
    _of(made, "Component")["spec"]["metadata"] += [
        {"name": "saslUsername", "value": "todo"},
        {"name": "saslPassword", "secretKeyRef": {"name": "kafka-login", "key": "password"}},
    ]


def _add_secret(made: Documents, name: str, key: str) -> None:
    metadata = {"name": name, "namespace": _of(made, "Namespace")["metadata"]["name"]}
    made.append(
        {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {key: "open-sesame"}}
    )


def _secret_without_key(made: Documents) -> None:
    _secret(made)
    _add_secret(made, "kafka-login", "passwort")


def _token_of_the_sidecar_alone(made: Documents) -> None:
    _add_secret(made, "app-token", "token")
    _annotations(made)["dapr.io/app-token-secret"] = "app-token"


def _subscription(**spec: object) -> Callable[[Documents], object]:
    def breaks(made: Documents) -> None:
        component = copy.deepcopy(_of(made, "Component"))
        made.append(
            {
                "apiVersion": "dapr.io/v2alpha1",
                "kind": "Subscription",
                "metadata": {"name": "more", "namespace": component["metadata"]["namespace"]},
                "spec": {
                    "pubsubname": "kafka-pubsub", "topic": "more", "routes": {"default": "/more"}, **spec,
                },
                "scopes": component["scopes"],
            }
        )  # fmt: skip

    return breaks


BROKEN: Final = (
    Broken("component in another namespace", "resource-namespace", _elsewhere, heals=True),
    Broken("no authType", "resource-auth-type", _without_auth_type),
    Broken("misspelled type", "resource-type", _type),
    Broken("misspelled scope", "resource-scopes", _scopes, heals=True),
    Broken("no such secret", "resource-secret", _secret),
    Broken("a secret without the key", "resource-secret", _secret_without_key),
    Broken("no such broker", "service-there", _item("brokers", "kafka.kafka.svc.cluster.local:9092")),
    Broken("another port of the broker", "service-port", _item("brokers", BROKERS.replace("9092", "9093"))),
    Broken("app without annotation", "injection-sidecar", lambda made: _annotations(made).clear()),
    Broken("annotations on the Deployment", "injection-place", _on_deployment),
    Broken("misspelled annotation", "injection-annotations", _misspelled),
    Broken("no app port", "injection-port", _without("app-port")),
    Broken("another app port", "injection-port", _with("app-port", "8081")),
    Broken("no token of Kubernetes", "injection-account", _without("disable-builtin-k8s-secret-store")),
    Broken("a token that the app is not given", "injection-tokens", _token_of_the_sidecar_alone, "warning"),
    Broken("no such secret of a token", "pod-runs", _with("app-token-secret", "app-token")),
    Broken("no such image", "pod-image", lambda made: _pod(made)["containers"][0].update(image="shop:404")),
    Broken(
        "a service that ends",
        "pod-crashes",
        lambda made: _pod(made)["containers"][0].update(command=["python", "-c", "raise SystemExit(3)"]),
    ),
    Broken(
        "no node that is large enough",
        "pod-runs",
        lambda made: (
            _pod(made)["containers"][0]["resources"]["requests"].update(memory="900Gi")
            or _pod(made)["containers"][0]["resources"].pop("limits")
        ),
    ),
    Broken("Subscription of no component", "resource-subscription", _subscription(pubsubname="kafka")),
    Broken("Subscription to a route that is not there", "route-there", _subscription()),
)


@dataclass(frozen=True)
class TwiceBroken:
    """Two of BROKEN at once. An event meets `earlier` first, and stays there."""

    earlier: Broken
    later: Broken

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.earlier.name}, and {self.later.name}"

    def breaks(self, made: Documents) -> None:
        """The later one first: the earlier ones take away what these change."""
        self.later.breaks(made)
        self.earlier.breaks(made)


def _twice(earlier: str, later: str) -> TwiceBroken:
    by_name = {each.name: each for each in BROKEN}
    return TwiceBroken(by_name[earlier], by_name[later])


TWICE_BROKEN: Final = (
    _twice("annotations on the Deployment", "no authType"),
    _twice("app without annotation", "misspelled type"),
    _twice("misspelled annotation", "misspelled scope"),
    _twice("no app port", "no such broker"),
    _twice("no token of Kubernetes", "another port of the broker"),
    _twice("no such image", "misspelled type"),
    _twice("no such secret of a token", "no such secret"),
    _twice("no node that is large enough", "Subscription to a route that is not there"),
    _twice("a service that ends", "Subscription of no component"),
    _twice("no authType", "no such broker"),
    _twice("no such broker", "Subscription to a route that is not there"),
)
