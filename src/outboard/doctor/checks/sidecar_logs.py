"""What the logs of sidecars and apps say of components, subscriptions and events. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from outboard.doctor.cluster_commands import logs
from outboard.doctor.cluster_evidence import ClusterSeen, LogSeen, PodSeen
from outboard.doctor.evidence import Evidence, Metadata
from outboard.doctor.results import CheckResult, Status

__all__ = ["component_ends", "log_component", "log_error", "log_subscribed", "log_wait", "waiting_lines"]

LOADED: Final = re.compile(r"Component loaded: (?P<name>\S+) \(")
BROKEN: Final = re.compile(r"level\W+(error|fatal)\b", re.IGNORECASE)
ENDED: Final = re.compile(r"level\W+fatal\b.*\bcomponents?\b", re.IGNORECASE)
"""Also `failed to load components`, which is said where one of them refers to a Secret that is not there."""
INITIALISED: Final = re.compile(r"dapr initialized")
SUBSCRIBED: Final = "app is subscribed to the following topics"
WAITING: Final = re.compile(
    r"waiting for (the )?(dapr|sidecar)|application to be listening|application protocol:.*waiting",
    re.IGNORECASE,
)
LINES: Final = 3
TAIL: Final = 500
"""So many lines are read: with as many, the first ones may be missing."""
FEW: Final = 100


def log_error(seen: ClusterSeen) -> Iterator[CheckResult]:
    """The sidecar could set up what it has."""
    title = "the log of its sidecar has no error of a component"
    for pod in seen.dapr_pods:
        log, ends = seen.log(pod, "daprd"), component_ends(seen, pod)
        lines = log.lines if log else ()  # there are none of one that was just started again
        if not lines and not ends:
            continue
        errors = list(dict.fromkeys((*_errors(lines), *ends)))
        later = INITIALISED.search("\n".join(lines)) and not ends
        status = Status.PASSED if not errors else Status.WARNING if later else Status.FAILED
        fix = "Correct the component that it names, and restart the pod" if errors else ""
        fix = "Correct the component that it names: the sidecar is started again by itself" if ends else fix
        command = logs(seen, pod, "daprd", previous=True) if ends else logs(seen, pod, "daprd", "error")
        yield CheckResult("log-error", title, pod.app_id, status, tuple(errors[-LINES:]), fix, command)


def log_wait(seen: ClusterSeen) -> Iterator[CheckResult]:
    """Neither the sidecar waits for the app, nor the app for the sidecar."""
    title = "it waits for nobody"
    for pod, _ in _sidecars(seen):
        waiting = waiting_lines(seen, pod)
        status = Status.FAILED if waiting else Status.PASSED
        fix = (
            "Let the app listen on dapr.io/app-port without waiting for /v1.0/healthz: "
            "/v1.0/healthz/outbound is ready before"
        )
        command = logs(seen, pod, "daprd", tail=FEW)
        yield CheckResult(
            "log-wait", title, pod.app_id, status, tuple(waiting), fix if waiting else "", command
        )


def waiting_lines(seen: ClusterSeen, pod: PodSeen) -> list[str]:
    """The last words of the sidecar and of the app, where they are that it waits."""
    found = (seen.log(pod, each.name) for each in (pod.sidecar, pod.app) if each is not None)
    return [line for log in found if log for line in log.lines[-1:] if WAITING.search(line)]


def component_ends(seen: ClusterSeen, pod: PodSeen) -> list[str]:
    """With what a sidecar that is not ready has ended, where that was a component, at its start or later: one
    that is changed is loaded at once, and a wrong one ends the sidecar.
    """
    if pod.sidecar is None or pod.sidecar.ready:
        return []
    found = (seen.log(pod, "daprd", previous=previous) for previous in (True, False))
    lines = [line for log in found if log for line in log.lines if ENDED.search(line)]
    return lines[-1:]


def log_component(seen: Evidence) -> Iterator[CheckResult]:
    """The sidecar lists each component that the app should get, or, where it could not be asked, says
    `Component loaded` of it in its log.
    """
    if seen.cluster is None:
        return
    title = "its sidecar has loaded its components"
    for pod, log in _sidecars(seen.cluster):
        metadata = _metadata(seen, pod)
        said = {found["name"] for line in log.lines if (found := LOADED.search(line))}
        wanted = [each.name for each in seen.cluster.own("Component") if each.serves(pod.app_id)]
        told_of = "\n".join(_errors(log.lines))
        loaded = said if metadata is None else metadata.loaded
        absent = [name for name in wanted if name not in loaded and name not in told_of]
        command = logs(seen.cluster, pod, "daprd", "Component loaded")
        if not absent:
            yield CheckResult("log-component", title, pod.app_id, Status.PASSED, (), "", command)
            continue
        told = [line for line in log.lines for name in absent if name in line][-LINES:]
        where = "its log does not say 'Component loaded' of" if metadata is None else "its metadata lack"
        evidence = (f"{where}: {', '.join(absent)}", *told)
        fix = "Restart the pod; if it is missing then, an error before it says why"
        status = _doubt(log) if metadata is None else Status.FAILED
        yield CheckResult("log-component", title, pod.app_id, status, evidence, fix, command)


def log_subscribed(seen: Evidence) -> Iterator[CheckResult]:
    """The sidecar has subscribed to the topic of each Subscription of the app, by its metadata, or, where it
    could not be asked, by its log.
    """
    if seen.cluster is None:
        return
    title = "its sidecar has subscribed"
    for pod, log in _sidecars(seen.cluster):
        metadata = _metadata(seen, pod)
        said = [line for line in log.lines if SUBSCRIBED in line]
        known = {each.target for each in metadata.subscriptions} if metadata else set()
        wanted = [each.target for each in seen.cluster.own("Subscription") if each.serves(pod.app_id)]
        absent = [
            f"'{topic}' of '{pubsub}'"
            for pubsub, topic in wanted
            if (pubsub, topic) not in known and (metadata or not any(topic in line for line in said))
        ]
        command = logs(seen.cluster, pod, "daprd", "subscribed", tail=FEW)
        if not absent:
            yield CheckResult("log-subscribed", title, pod.app_id, Status.PASSED, (), "", command)
            continue
        where = "its metadata lack" if metadata else f"no line '{SUBSCRIBED}' names"
        evidence = (f"{where} {', '.join(absent)}", *said[-LINES:])
        fix = "Correct scopes and pubsubname of the Subscription, and restart the pod"
        status = Status.FAILED if metadata else _doubt(log)
        yield CheckResult("log-subscribed", title, pod.app_id, status, evidence, fix, command)


def _metadata(seen: Evidence, pod: PodSeen) -> Metadata | None:
    return next((app.sidecar.metadata for app in seen.apps if app.pod == pod.name), None)


def _errors(lines: Iterable[str]) -> list[str]:
    return [line for line in lines if BROKEN.search(line) and "component" in line.lower()]


def _doubt(log: LogSeen) -> Status:
    """Where the log is longer than what was read, a line may stand before it."""
    return Status.UNKNOWN if len(log.lines) >= TAIL else Status.FAILED


def _sidecars(seen: ClusterSeen) -> Iterator[tuple[PodSeen, LogSeen]]:
    """Pods whose sidecar has said something."""
    for pod in seen.dapr_pods:
        log = seen.log(pod, "daprd")
        if log is not None and log.lines:
            yield pod, log
