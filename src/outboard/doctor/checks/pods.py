"""The pods of the namespace: do they run, and do they have their sidecar? Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from outboard.doctor.checks.sidecar_logs import component_ends, waiting_lines
from outboard.doctor.cluster_commands import kubectl, logs
from outboard.doctor.cluster_evidence import ClusterSeen, ContainerSeen, PodSeen, WorkloadSeen
from outboard.doctor.results import CheckResult, ManualCommand, Status

__all__ = ["pod_crashes", "pod_image", "pod_ready", "pod_runs", "pod_there"]

PULLING: Final = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
CRASHING: Final = "CrashLoopBackOff"
LINES: Final = 3


def pod_there(seen: ClusterSeen) -> Iterator[CheckResult]:
    """Each Deployment, StatefulSet and DaemonSet that wants pods has one; and the namespace has some."""
    if seen.pods is None:
        return
    title = "there are pods"
    fix = "`kubectl describe` of it, and of its ReplicaSet, says why no pod is made"
    for workload in seen.chosen_workloads:
        if not workload.replicas:
            evidence = (f"{workload.kind} '{workload.name}' wants 0 replicas",)
            yield _there(seen, workload, Status.WARNING, evidence, "Scale it to 1 or more: it runs nowhere")
        elif any(_is_of(each, workload) for each in seen.pods):
            yield CheckResult("pod-there", title, workload.name, Status.PASSED)
        else:
            told = f"no pod has the labels of {workload.kind} '{workload.name}'"
            yield _there(seen, workload, Status.FAILED, (told, *workload.conditions), fix)
    if seen.app_id and not seen.chosen and not seen.chosen_workloads:
        evidence = (f"no pod has the app id '{seen.app_id}'; there are: {', '.join(sorted(seen.app_ids))}",)
        fix = "Correct --app-id; it is the annotation dapr.io/app-id"
        yield CheckResult("pod-there", title, seen.app_id, Status.FAILED, evidence, fix, _pods(seen))
    elif not seen.pods and not seen.workloads:
        evidence = (f"namespace '{seen.namespace}' has no pods",)
        fix = "Apply the manifests, or name the namespace that they are in"
        yield CheckResult("pod-there", title, "", Status.FAILED, evidence, fix, _pods(seen))


def pod_image(seen: ClusterSeen) -> Iterator[CheckResult]:
    """The image of each container could be pulled."""
    for pod in _going(seen):
        stuck = [each for each in pod.containers if each.waiting in PULLING]
        if not stuck:
            yield CheckResult("pod-image", "its images are there", pod.name, Status.PASSED)
        for each in stuck:
            evidence = (f"container '{each.name}': {each.waiting} of {each.image}", *_said(each))
            fix = "Correct the name and tag of the image; a private registry needs imagePullSecrets"
            yield CheckResult(
                "pod-image",
                "its images are there",
                pod.name,
                Status.FAILED,
                evidence,
                fix,
                _describe(seen, pod),
            )


def pod_crashes(seen: ClusterSeen) -> Iterator[CheckResult]:
    """No container ends again and again."""
    title = "its containers do not crash"
    for pod in _going(seen):
        crashing = [each for each in pod.containers if each.waiting == CRASHING]
        if component_ends(seen, pod):  # its cause is told of the components, the broker, or `log-error`
            crashing = [each for each in crashing if each.name != "daprd"]
        elif not crashing:
            yield CheckResult("pod-crashes", title, pod.name, Status.PASSED)
        for each in crashing:
            last = seen.log(pod, each.name, previous=True)
            lines = [line for line in (last.lines if last else ()) if line.strip()][-LINES:]
            ended = f", the last time: {each.last_end}" if each.last_end else ""
            evidence = (
                f"container '{each.name}' has been restarted {each.restarts} times{ended}",
                *(f"its last words: {line}" for line in lines),
            )
            fix = "Mend what its last lines tell of"
            command = logs(seen, pod, each.name, previous=True)
            yield CheckResult("pod-crashes", title, pod.name, Status.FAILED, evidence, fix, command)


def pod_runs(seen: ClusterSeen) -> Iterator[CheckResult]:
    """It has found a node, and its containers were made."""
    for pod in _going(seen):
        waiting = [
            each for each in pod.containers if each.waiting and each.waiting not in {CRASHING, *PULLING}
        ]
        stays = pod.phase in {"Pending", "Unknown"} or bool(waiting)
        if _is_told(pod):
            continue
        evidence = [f"the pod is {pod.phase}"] if stays else []
        evidence += [f"container '{each.name}': {each.waiting}" for each in waiting]
        evidence += [text for each in waiting for text in _said(each)]
        evidence += pod.conditions if stays else ()
        status = Status.FAILED if stays else Status.PASSED
        fix = "Mend what the conditions and events of the pod tell of" if stays else ""
        yield CheckResult("pod-runs", "it runs", pod.name, status, tuple(evidence), fix, _describe(seen, pod))


def pod_ready(seen: ClusterSeen) -> Iterator[CheckResult]:
    """All its containers are ready, as READY of `kubectl get pods` counts them."""
    for pod in _going(seen):
        if pod.phase != "Running" or any(each.waiting for each in pod.containers):
            continue
        if not pod.ready and (waiting_lines(seen, pod) or component_ends(seen, pod)):
            continue  # `log-wait` or `log-error` tells why
        counted = [each for each in pod.containers if not each.init or each.name == "daprd"]
        count = f"{sum(each.ready for each in counted)}/{len(counted)}"
        if pod.ready:
            yield CheckResult("pod-ready", "it is ready", f"{pod.name} {count}", Status.PASSED)
            continue
        late = [each.name for each in counted if not each.ready]
        evidence = (
            f"{count} containers are ready" + (f"; not ready: {', '.join(late)}" if late else ""),
            *pod.conditions,
            *_complaints(seen, pod),
        )
        fix = "See the readiness probe of the container, and its log"
        yield CheckResult("pod-ready", "it is ready", pod.name, Status.FAILED, evidence, fix, _pods(seen))


def _complaints(seen: ClusterSeen, pod: PodSeen) -> list[str]:
    """What daprd says of why it is not ready."""
    found = seen.log(pod, "daprd")
    lines = [
        line for line in (found.lines if found else ()) if "level=error" in line or "level=fatal" in line
    ]
    return [f"its sidecar said: {line}" for line in lines[-LINES:]]


def _there(
    seen: ClusterSeen, workload: WorkloadSeen, status: Status, evidence: tuple[str, ...], fix: str
) -> CheckResult:
    command = kubectl(seen, f"describe {workload.kind.lower()} {workload.name} -n {seen.namespace}")
    return CheckResult("pod-there", "there are pods", workload.name, status, evidence, fix, command)


def _is_of(pod: PodSeen, workload: WorkloadSeen) -> bool:
    return bool(workload.selector) and set(workload.selector) <= set(pod.labels)


def _is_told(pod: PodSeen) -> bool:
    """Of its image or its crashes is told already."""
    return any(each.waiting in {CRASHING, *PULLING} for each in pod.containers)


def _going(seen: ClusterSeen) -> list[PodSeen]:
    """Those that are not at their end."""
    return [each for each in seen.chosen if not each.finished]


def _said(container: ContainerSeen) -> tuple[str, ...]:
    return (container.message,) if container.message else ()


def _describe(seen: ClusterSeen, pod: PodSeen) -> ManualCommand:
    return kubectl(seen, f"describe pod {pod.name} -n {pod.namespace}")


def _pods(seen: ClusterSeen) -> ManualCommand:
    return kubectl(seen, f"get pods -n {seen.namespace}")
