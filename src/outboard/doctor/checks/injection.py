"""The sidecar of each pod, and the annotations that it is made of. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from outboard.doctor.checks.known_names import ANNOTATIONS, PREFIX, nearest
from outboard.doctor.cluster_commands import kubectl
from outboard.doctor.cluster_evidence import ClusterSeen, PodSeen
from outboard.doctor.results import CheckResult, ManualCommand, Status

__all__ = [
    "injection_annotations",
    "injection_exposed",
    "injection_place",
    "injection_port",
    "injection_sidecar",
]

INJECTOR: Final = "dapr-sidecar-injector"
LISTENS_ON: Final = "dapr.io/sidecar-listen-addresses"
LOOPBACK: Final = frozenset({"127.0.0.1", "[::1]", "::1", "localhost"})


def injection_place(seen: ClusterSeen) -> Iterator[CheckResult]:
    """Annotations on the Deployment itself are not looked at: they belong on its pod template."""
    title = "Dapr's annotations are on the pod template"
    for workload in seen.chosen_workloads:
        inside = {name for name, _ in workload.template_annotations}
        outside = [name for name, _ in workload.annotations if name in ANNOTATIONS and name not in inside]
        if not outside:
            yield CheckResult("injection-place", title, workload.name, Status.PASSED)
            continue
        evidence = (f"{workload.kind} '{workload.name}' has {', '.join(outside)} in its own metadata",)
        fix = "Move them to spec.template.metadata.annotations, and apply it"
        command = kubectl(seen, f"get {workload.kind.lower()} {workload.name} -n {seen.namespace} -o yaml")
        yield CheckResult("injection-place", title, workload.name, Status.FAILED, evidence, fix, command)


def injection_annotations(seen: ClusterSeen) -> Iterator[CheckResult]:
    """A misspelled annotation is ignored without a word."""
    title = "Dapr knows its annotations"
    for pod in seen.chosen:
        given = {name for name, _ in pod.annotations}
        unknown = _unknown(pod)
        if not unknown:
            yield CheckResult("injection-annotations", title, pod.name, Status.PASSED)
        for name in unknown:
            near = nearest(name, ANNOTATIONS)
            is_slip = bool(near) and near not in given
            evidence = (f"'{name}' is no annotation of Dapr" + (f": did you mean '{near}'?" if near else ""),)
            fix = f"Write '{near}' on the pod template" if near else "Take it away"
            status = Status.FAILED if is_slip else Status.WARNING
            yield CheckResult(
                "injection-annotations", title, pod.name, status, evidence, fix, _annotations(seen, pod)
            )


def injection_sidecar(seen: ClusterSeen) -> Iterator[CheckResult]:
    """Each pod that wants a sidecar has the container `daprd`, also as a native sidecar."""
    title = "it has its sidecar"
    for pod in seen.chosen:
        if not pod.enabled or pod.finished:
            continue
        if pod.sidecar is not None:
            yield CheckResult("injection-sidecar", title, pod.name, Status.PASSED)
            continue
        evidence = [f"the pod says dapr.io/enabled, and has no container 'daprd': {_names(pod)}"]
        evidence += _later_injector(seen, pod)
        fix = f"Restart it: kubectl rollout restart deployment -n {seen.namespace}"
        command = kubectl(seen, f"get pods -n {seen.namespace}")
        yield CheckResult("injection-sidecar", title, pod.name, Status.FAILED, tuple(evidence), fix, command)
    if seen.pods and not seen.app_id and not seen.dapr_pods:
        evidence = [f"no pod of '{seen.namespace}' has the annotation dapr.io/enabled: \"true\""]
        fix = "Write dapr.io/enabled and dapr.io/app-id on the pod template"
        command = kubectl(seen, f"get pods -n {seen.namespace} -o yaml")
        yield CheckResult("injection-sidecar", title, "", Status.FAILED, tuple(evidence), fix, command)


def injection_port(seen: ClusterSeen) -> Iterator[CheckResult]:
    """Without an app port nothing is delivered; with one that the app does not have, neither."""
    title = "its sidecar knows the port of the app"
    for pod in seen.dapr_pods:
        if "dapr.io/app-port" in {nearest(name, ANNOTATIONS) for name in _unknown(pod)}:
            continue  # told of by its spelling
        port = pod.annotation("dapr.io/app-port")
        offered = pod.app.ports if pod.app else ()
        if not port:
            evidence = (
                "there is no annotation dapr.io/app-port: its sidecar delivers nothing, and says so nowhere",
            )
            status = Status.FAILED if _consumes(seen, pod) or offered else Status.WARNING
            fix = "Write dapr.io/app-port on the pod template: " + (
                f'"{offered[0]}"' if offered else "the port on which the app listens"
            )
            yield CheckResult(
                "injection-port", title, pod.app_id, status, evidence, fix, _annotations(seen, pod)
            )
        elif offered and port not in map(str, offered):
            named = ", ".join(map(str, offered))
            evidence = (f"dapr.io/app-port is \"{port}\", the container '{_app(pod)}' has port {named}",)
            fix = f'Write dapr.io/app-port: "{offered[0]}", or correct containerPort'
            yield CheckResult(
                "injection-port", title, pod.app_id, Status.FAILED, evidence, fix, _annotations(seen, pod)
            )
        else:
            yield CheckResult("injection-port", title, pod.app_id, Status.PASSED)


def injection_exposed(seen: ClusterSeen) -> Iterator[CheckResult]:
    """A sidecar that others on the network can call needs a token."""
    title = "nobody on the network can call its sidecar without a token"
    for pod in seen.dapr_pods:
        wide = [each for each in _addresses(pod) if each not in LOOPBACK]
        if not wide or pod.annotation("dapr.io/api-token-secret"):
            yield CheckResult("injection-exposed", title, pod.app_id, Status.PASSED)
            continue
        evidence = (f"{LISTENS_ON} is '{', '.join(wide)}', and there is no dapr.io/api-token-secret",)
        fix = f"Take {LISTENS_ON} away, or name the Secret of a token in dapr.io/api-token-secret"
        yield CheckResult(
            "injection-exposed", title, pod.app_id, Status.WARNING, evidence, fix, _annotations(seen, pod)
        )


def _addresses(pod: PodSeen) -> list[str]:
    return [each.strip() for each in pod.annotation(LISTENS_ON).split(",") if each.strip()]


def _consumes(seen: ClusterSeen, pod: PodSeen) -> bool:
    return any(each.serves(pod.app_id) for each in seen.own("Subscription"))


def _app(pod: PodSeen) -> str:
    return pod.app.name if pod.app else ""


def _unknown(pod: PodSeen) -> list[str]:
    return [name for name, _ in pod.annotations if _is_meant(name) and name not in ANNOTATIONS]


def _is_meant(name: str) -> bool:
    """It is written as one of Dapr's, or nearly: `dapr.io/app_port`, `dapr/enabled`."""
    return name.startswith(PREFIX) or name.startswith(("dapr/", "dapr.io.", "dapr.com/", "dapr.dev/"))


def _later_injector(seen: ClusterSeen, pod: PodSeen) -> list[str]:
    times = [
        each.created for each in seen.control_plane or () if each.label("app") == INJECTOR and each.created
    ]
    if times and pod.created and pod.created < min(times):
        return [
            f"it was made at {pod.created:%H:%M:%S}, and the injector came at {min(times):%H:%M:%S}, later"
        ]
    return []


def _names(pod: PodSeen) -> str:
    return ", ".join(each.name for each in pod.containers)


def _annotations(seen: ClusterSeen, pod: PodSeen) -> ManualCommand:
    return kubectl(seen, f"get pod {pod.name} -n {pod.namespace} -o jsonpath={{.metadata.annotations}}")
