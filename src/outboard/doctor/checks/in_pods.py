"""Checks of apps and sidecars, made of those that run in pods: another command shows the same. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Final, TypeAlias

from outboard.doctor.cluster_commands import forwarded, logs
from outboard.doctor.cluster_evidence import ClusterSeen
from outboard.doctor.evidence import AppSeen, Evidence
from outboard.doctor.results import CheckResult, ManualCommand, Status
from outboard.wire.dapr import API_TOKEN_HEADER, HEALTH_PATH, METADATA_PATH, SUBSCRIBE_PATH

__all__ = ["of_cluster", "of_pods"]

Check: TypeAlias = Callable[[Evidence], Iterable[CheckResult]]
FIXES: Final = {
    "app-listening": "Let the app listen on the port that dapr.io/app-port names, or correct the annotation",
    "subscription-component": "Correct the name (DAPR_PUBSUB_NAME, `pubsub=`, `pubsubname`), or `scopes` and "
    "namespace of the component",
    "subscription-registered": "Restart the pod: its sidecar asks the app only when it starts",
}


def of_cluster(check: Callable[[ClusterSeen], Iterable[CheckResult]]) -> Check:
    """A check of a cluster, as one of all that was seen."""

    def checked(seen: Evidence) -> Iterator[CheckResult]:
        if seen.cluster is not None:
            yield from check(seen.cluster)

    return checked


def of_pods(check: Check, *, by_itself: bool = False) -> Check:
    """A check of apps, as one of those of pods. What is the same of several pods of an app is said once.
    `by_itself`: only what an app subscribes to by itself, and not what resources subscribe it to.
    """

    def checked(seen: Evidence) -> Iterator[CheckResult]:
        by_pod = {app.pod: app for app in seen.apps}
        apps = tuple(
            replace(app, app_id=app.pod, in_files=() if by_itself else app.in_files) for app in seen.apps
        )
        said: set[tuple[str, str, Status, tuple[str, ...]]] = set()
        for result in check(replace(seen, apps=apps)):
            app = by_pod.get(result.subject)
            if app is None or seen.cluster is None:
                yield result
                continue
            key = (result.code, app.app_id, result.status, result.evidence)
            if key not in said:
                said.add(key)
                yield replace(
                    result,
                    subject=app.app_id,
                    fix=_fix(result),
                    command=_command(seen.cluster, app, result),
                )

    return checked


def _fix(result: CheckResult) -> str:
    """What to do on a cluster, where that is something else than on a laptop."""
    return FIXES.get(result.code, result.fix) if result.fix else ""


def _command(cluster: ClusterSeen, app: AppSeen, result: CheckResult) -> ManualCommand | None:
    """What shows the same of a pod."""
    app_header = (API_TOKEN_HEADER, "APP_API_TOKEN") if app.needs_app_token else None
    match result.code:
        case "sidecar-ready":
            return forwarded(cluster, app.pod, app.http_port, HEALTH_PATH)
        case "subscription-component" | "subscription-registered":
            header = (API_TOKEN_HEADER, "DAPR_API_TOKEN") if app.needs_api_token else None
            return forwarded(cluster, app.pod, app.http_port, METADATA_PATH, header=header)
        case "route-there":
            path = result.evidence[0].removeprefix("POST ").partition(": ")[0] if result.evidence else "/"
            return forwarded(cluster, app.pod, app.app_port, path, header=app_header, method="OPTIONS")
        case "route-answers" | "route-matches":
            pod = next(each for each in cluster.dapr_pods if each.name == app.pod)
            return logs(cluster, pod, "daprd", "status code returned")
        case _:
            return forwarded(cluster, app.pod, app.app_port, SUBSCRIBE_PATH, header=app_header)
