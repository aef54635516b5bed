"""Apps of a namespace that share a consumer group. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

from outboard.doctor.cluster_commands import kubectl
from outboard.doctor.cluster_evidence import ClusterSeen
from outboard.doctor.evidence import Evidence
from outboard.doctor.results import CheckResult, Status

__all__ = ["group_shared_by_apps"]

Group: TypeAlias = tuple[tuple[tuple[str, str], ...], str]
"""The addresses of a broker, and the name of a consumer group there."""
APART: Final = ("{appid}", "{podname}", "{uuid}")
"""What makes a consumer group the app's own, where it stands in its name."""


def group_shared_by_apps(seen: Evidence) -> Iterator[CheckResult]:
    """Two apps that take one topic in one consumer group get a part of the events each; two that take
    different ones disturb each other whenever one of them comes or goes.
    """
    if seen.cluster is None:
        return
    title = "no other app is in its consumer group"
    components = {
        each.name: each for each in seen.cluster.own("Component") if each.type.startswith("pubsub.")
    }
    topics: dict[Group, dict[str, set[str]]] = {}
    named: dict[Group, str] = {}
    for app in seen.apps:
        for wanted in app.wanted:
            component = components.get(wanted.pubsub)
            group = component.consumer_group if component else ""
            if component and group and not any(part in group.lower() for part in APART):
                where = (component.addresses, group)
                named[where] = component.name
                topics.setdefault(where, {}).setdefault(app.app_id, set()).add(wanted.topic)
    for where, takers in topics.items():
        yield from _shared(seen.cluster, title, named[where], where[1], takers)


def _shared(
    cluster: ClusterSeen, title: str, component: str, group: str, takers: dict[str, set[str]]
) -> Iterator[CheckResult]:
    if len(takers) == 1:
        yield CheckResult("group-shared", title, next(iter(takers)), Status.PASSED)
        return
    named = ", ".join(sorted(takers))
    both = sorted({topic for app, own in takers.items() for topic in own if _others(topic, app, takers)})
    evidence = (
        tuple(
            f"{named} take '{topic}' in group '{group}' of '{component}': each gets a part of the events"
            for topic in both
        )
        if both
        else (f"{named} take different topics in group '{group}' of '{component}'",)
    )
    fix = "Give each app a group of its own: leave `consumerGroup` and `consumerID` out, or set {appID}"
    status = Status.FAILED if both else Status.WARNING
    command = kubectl(cluster, f"get component {component} -n {cluster.namespace} -o yaml")
    yield CheckResult("group-shared", title, named, status, evidence, fix, command)


def _others(topic: str, app: str, takers: dict[str, set[str]]) -> bool:
    return any(topic in own for other, own in takers.items() if other != app)
