"""The cluster, and Dapr's control plane on it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from outboard.doctor.checks.release_notes import warnings_of
from outboard.doctor.cluster_commands import kubectl
from outboard.doctor.cluster_evidence import ClusterSeen, Unseen
from outboard.doctor.results import CheckResult, Status

__all__ = [
    "cluster_deployable",
    "cluster_namespace",
    "cluster_reachable",
    "cluster_visible",
    "control_definitions",
    "control_ready",
    "control_version",
]

SERVICES: Final = ("dapr-sidecar-injector", "dapr-operator", "dapr-sentry")
"""Without these no pod gets a sidecar, no sidecar a component or a certificate. Placement and scheduler are
for actors, workflows and jobs: their absence is a warning."""
ELSEWHERE: Final = " of other namespaces"
READ_SECRETS: Final = "get secrets"
"""Without it one may deploy, and cannot see whether the Secrets are there that components refer to."""
OPTIONAL: Final = ("dapr-placement-server", "dapr-scheduler-server")


def cluster_reachable(seen: ClusterSeen) -> Iterator[CheckResult]:
    """It answers, and knows who asks."""
    title = "the cluster answers"
    if not seen.unreachable:
        yield CheckResult("cluster-reachable", title, seen.user, Status.PASSED)
        return
    fix = "Name the right --context or --kubeconfig, or log in to the cluster again"
    command = kubectl(seen, "get --raw /readyz")
    yield CheckResult("cluster-reachable", title, "", Status.UNKNOWN, (seen.unreachable,), fix, command)


def cluster_namespace(seen: ClusterSeen) -> Iterator[CheckResult]:
    """It is there. Where that may not be seen, `cluster-visible` says so."""
    if seen.unreachable or seen.namespace_exists is None:
        return
    title = "the namespace is there"
    command = kubectl(seen, f"get namespace {seen.namespace}")
    if seen.namespace_exists:
        yield CheckResult("cluster-namespace", title, seen.namespace, Status.PASSED)
        return
    evidence = (f"there is no namespace '{seen.namespace}'",)
    fix = "Correct --namespace, or apply the manifests that make it"
    # before a deployment it may be part of it: whether it can be made is told by `cluster-deployable`
    status = Status.WARNING if seen.pre else Status.FAILED
    yield CheckResult("cluster-namespace", title, seen.namespace, status, evidence, fix, command)


def cluster_visible(seen: ClusterSeen) -> Iterator[CheckResult]:
    """What the caller may not see is told, and the rest is looked into."""
    title = "what is to be looked at may be seen"
    if not seen.unseen and not seen.unreachable:
        yield CheckResult("cluster-visible", title, seen.user, Status.PASSED)
    for each in _told_together(seen.unseen):
        whose = f" -n {each.namespace}" if each.namespace else " --all-namespaces"
        yield CheckResult(
            "cluster-visible",
            title,
            each.what,
            Status.UNKNOWN,
            (f"could not look at {each.what}: {each.why}",),
            f"Ask for the right to {each.verb} {each.resource}, or have somebody look who has it"
            if each.forbidden
            else "Look again: the API server could not answer",
            kubectl(seen, f"auth can-i {each.verb} {each.resource}{whose}"),
        )


def _told_together(unseen: Iterable[Unseen]) -> list[Unseen]:
    """What may not be seen of other namespaces is one thing, and none where it may not be seen of the own."""
    own = {each.resource for each in unseen if each.namespace}
    elsewhere = [each for each in unseen if each.what.endswith(ELSEWHERE)]
    only = [each for each in elsewhere if each.resource not in own]
    named = ", ".join(each.resource for each in only)
    return [
        *(each for each in unseen if each not in elsewhere),
        *(replace(each, what=f"{named}{ELSEWHERE}") for each in only[:1]),
    ]


def cluster_deployable(seen: ClusterSeen) -> Iterator[CheckResult]:
    """With `--pre`: the caller may make what a system is made of."""
    title = "you may deploy here"
    for right, given in seen.rights:
        refused = Status.WARNING if right == READ_SECRETS else Status.FAILED
        status = Status.UNKNOWN if given is None else Status.PASSED if given else refused
        evidence = () if given else (f"'{seen.user}' may not {right} in namespace '{seen.namespace}'",)
        if given is None:
            evidence = (f"the server did not tell whether '{seen.user}' may {right}",)
        fix = "" if given else "Ask for the right: a Role with it, and a RoleBinding to you"
        command = kubectl(seen, f"auth can-i {right} -n {seen.namespace}")
        yield CheckResult("cluster-deployable", title, right, status, evidence, fix, command)


def control_definitions(seen: ClusterSeen) -> Iterator[CheckResult]:
    """The kinds of resources that Dapr brings are known to the API."""
    if seen.definitions is None:
        return
    title = "Dapr's resource definitions are there"
    command = kubectl(seen, "get crd components.dapr.io subscriptions.dapr.io")
    if seen.definitions:
        yield CheckResult("control-definitions", title, "", Status.PASSED)
        return
    evidence = ("the API knows no components.dapr.io",)
    yield CheckResult("control-definitions", title, "", Status.FAILED, evidence, INSTALL, command)


INSTALL: Final = "Install Dapr on the cluster: `dapr init --kubernetes`, or its Helm chart"


def control_ready(seen: ClusterSeen) -> Iterator[CheckResult]:
    """Each service of the control plane has a pod that is ready."""
    if seen.control_plane is None:
        return
    for service in (*SERVICES, *OPTIONAL):
        pods = [each for each in seen.control_plane if each.label("app") == service]
        title = "Dapr's control plane is ready"
        if any(each.ready for each in pods):
            yield CheckResult("control-ready", title, service, Status.PASSED)
            continue
        worst = Status.FAILED if service in SERVICES else Status.WARNING
        evidence = [f"pod {each.namespace}/{each.name} is {each.phase}, not ready" for each in pods]
        namespace = next((each.namespace for each in seen.control_plane), "dapr-system")
        yield CheckResult(
            "control-ready",
            title,
            service,
            worst,
            tuple(evidence) or (f"there is no pod of {service}",),
            "See why the pod is not ready" if pods else INSTALL,
            kubectl(seen, f"get pods -n {namespace}"),
        )


def control_version(seen: ClusterSeen) -> Iterator[CheckResult]:
    """What is known of the versions of the sidecars that run."""
    title = "the version of its sidecar has no known trap"
    for pod in seen.dapr_pods:
        if pod.sidecar is None:
            continue
        version = pod.sidecar.image.rpartition(":")[2]
        told = warnings_of(version)
        status = Status.WARNING if told else Status.PASSED
        fix = "Take a newer Dapr, and restart the pods" if told else ""
        command = kubectl(seen, f"get pod {pod.name} -n {pod.namespace} -o jsonpath={{..image}}")
        yield CheckResult("control-version", title, pod.app_id, status, told, fix, command)
