"""What an event leaves behind on its way: in the logs of apps, and on the topic. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from outboard.doctor.cluster_commands import consumed, logs
from outboard.doctor.cluster_evidence import ClusterSeen, PodSeen
from outboard.doctor.evidence import Evidence
from outboard.doctor.results import CheckResult, Status

__all__ = ["event_published", "event_received", "event_stored"]

PUBLISHED: Final = "Published"
RECEIVED: Final = "EVENT RECEIVED"
READABLE: Final = frozenset({"pubsub.kafka", "pubsub.redis"})
TAIL: Final = 50
ENDS: Final = "with fewer than five events it ends after ten seconds with a TimeoutException, which is normal"


def event_published(seen: Evidence) -> Iterator[CheckResult]:
    """An app of the kit says in its log that it has published. Where none does, that is told of those that
    take nothing, or else of all.
    """
    cluster = seen.cluster
    if cluster is None:
        return
    title = "it has published"
    said = {pod: line for pod in cluster.dapr_pods if (line := _said(cluster, pod, PUBLISHED))}
    takers = _takers(seen)
    silent = [pod for pod in cluster.dapr_pods if _is_read(cluster, pod)]
    for pod in said or [each for each in silent if each.app_id not in takers] or silent:
        line = said.get(pod, "")
        evidence = (
            line or f"no line that was read of its log has '{PUBLISHED}', which the kit says of each event"
        )
        status = Status.PASSED if line else Status.UNKNOWN
        container = pod.app.name if pod.app else ""
        command = logs(cluster, pod, container, PUBLISHED)
        fix = "" if line else "Have it publish an event, and look again; other libraries say it otherwise"
        yield CheckResult("event-published", title, pod.app_id, status, (evidence,), fix, command)


def event_stored(seen: Evidence) -> Iterator[CheckResult]:
    """Whether an event is on the topic is seen by no one but the broker: how to ask it."""
    cluster = seen.cluster
    if cluster is None:
        return
    pods = {each.component: each.pod for each in reversed(cluster.services) if each.exists and each.pod}
    login = ["the broker asks for a login, which the command needs too (--consumer.config)"]
    secured = {each.name for each in cluster.own("Component") if each.auth_type not in {"", "none"}}
    for component, topic in _targets(seen):
        pod = pods.get(component)
        if pod is None or pod.kind not in READABLE:
            continue
        evidence = ["only the broker can tell; the command asks it"]
        command = consumed(cluster, pod, topic)
        evidence += [ENDS] if "--timeout-ms" in command.bash else []
        evidence += login if component in secured else []
        yield CheckResult(
            "event-stored",
            "the topic holds events",
            topic,
            Status.UNKNOWN,
            tuple(evidence),
            "",
            command,
        )


def event_received(seen: Evidence) -> Iterator[CheckResult]:
    """An app that takes events says in its log that it has received one; apps may say it in other words."""
    cluster = seen.cluster
    if cluster is None:
        return
    takers = _takers(seen)
    for pod in cluster.dapr_pods:
        line = _said(cluster, pod, RECEIVED)
        if not line and not (pod.app_id in takers and _is_read(cluster, pod)):
            continue
        evidence = line or f"no line of its log that was read has '{RECEIVED}'; it may say it in other words"
        container = pod.app.name if pod.app else ""
        command = logs(cluster, pod, container, RECEIVED, tail=TAIL)
        status = Status.PASSED if line else Status.UNKNOWN
        yield CheckResult("event-received", "it has received", pod.app_id, status, (evidence,), "", command)


def _said(cluster: ClusterSeen, pod: PodSeen, text: str) -> str:
    """The last line of the app that has `text`."""
    log = cluster.log(pod, pod.app.name) if pod.app else None
    return next((line for line in reversed(log.lines if log else ()) if text in line), "")


def _is_read(cluster: ClusterSeen, pod: PodSeen) -> bool:
    log = cluster.log(pod, pod.app.name) if pod.app else None
    return log is not None and not log.failure


def _takers(seen: Evidence) -> set[str]:
    """The apps that subscribe to something."""
    return {app.app_id for app in seen.apps if app.wanted}


def _targets(seen: Evidence) -> list[tuple[str, str]]:
    """Component and topic of each subscription, of resources and of apps."""
    declared = seen.cluster.own("Subscription") if seen.cluster else []
    of_apps = [each.target for app in seen.apps for each in app.wanted]
    of_sidecars = [
        each.target
        for app in seen.apps
        if app.sidecar.metadata
        for each in app.sidecar.metadata.subscriptions
    ]
    return list(dict.fromkeys([*(each.target for each in declared), *of_apps, *of_sidecars]))
