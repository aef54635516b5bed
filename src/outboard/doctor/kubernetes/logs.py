"""The last lines of the containers of pods."""

from __future__ import annotations

from typing import Final

from outboard.doctor.cluster_evidence import ClusterSeen, LogSeen, PodSeen
from outboard.doctor.kubernetes.api import FORBIDDEN, Access, ApiRefused
from outboard.doctor.kubernetes.together import together

__all__ = ["seen_logs"]

LINES: Final = "500"


async def seen_logs(access: Access, seen: ClusterSeen) -> tuple[LogSeen, ...]:
    """Those of the app and its sidecar, and of the run before of each container that crashed."""
    wanted = [
        (pod, each.name, False)
        for pod in seen.dapr_pods
        for each in (pod.sidecar, pod.app)
        if each is not None
    ]
    wanted += [(pod, each.name, True) for pod in seen.chosen for each in pod.containers if each.restarts]
    found = await together(*(_log(access, *each) for each in wanted))
    return tuple(each for each in found if each is not None)


async def _log(access: Access, pod: PodSeen, container: str, previous: bool) -> LogSeen | None:
    """None where one may not."""
    query = {"container": container, "tailLines": LINES} | ({"previous": "true"} if previous else {})
    try:
        text = await access.get(f"pods/{pod.name}/log", namespace=pod.namespace, **query)
    except ApiRefused as refused:
        if refused.status == FORBIDDEN:
            access.miss("logs", refused, "get", "pods/log", pod.namespace)
            return None
        return LogSeen(pod.name, container, failure=str(refused), previous=previous)
    return LogSeen(pod.name, container, tuple(str(text).splitlines()), previous=previous)
