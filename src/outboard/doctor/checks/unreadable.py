"""Records that a sidecar cannot read: they hold their partition, and no app ever sees them. Pure.

Source: daprd 1.18, pub/sub: what is no JSON is `error deserializing cloud event`, and is tried again for ever
where the subscription has no dead letter topic.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from outboard.doctor.cluster_commands import kubectl, logs, reset_behind
from outboard.doctor.cluster_evidence import BrokerPod, ClusterSeen, PodSeen
from outboard.doctor.evidence import AppSeen, Evidence
from outboard.doctor.results import CheckResult, ManualCommand, Status

__all__ = ["log_unreadable"]

UNREADABLE: Final = "error deserializing cloud event"
PLACE: Final = re.compile(r"(?P<topic>[\w.-]+)/(?P<partition>\d+)/(?P<offset>\d+)\b")
"""Topic, partition and offset, as daprd's Kafka names a record."""
KAFKA: Final = "pubsub.kafka"


def log_unreadable(seen: Evidence) -> Iterator[CheckResult]:
    """No record that its sidecar cannot read comes again and again."""
    if seen.cluster is None:
        return
    title = "its sidecar can read what is on its topics"
    for app in seen.apps:
        pod = next((each for each in seen.cluster.dapr_pods if each.name == app.pod), None)
        lines = [line.message for line in app.log if UNREADABLE in line.message]
        if pod is None:
            continue
        if not lines:
            yield CheckResult("log-unreadable", title, app.app_id, Status.PASSED)
            continue
        places = Counter(found[0] for line in lines if (found := PLACE.search(line)))
        stuck = [place for place, times in places.items() if times > 1]
        status = Status.FAILED if stuck or (len(lines) > 1 and not places) else Status.WARNING
        evidence = (
            *(
                f"the record {place} is no JSON: what lies behind it in its partition waits"
                for place in stuck
            ),
            lines[-1],
        )
        fix = (
            "Go on behind it: scale the app to 0, set its group behind the record with kafka-consumer-groups "
            "--reset-offsets, and scale it up again. See docs/how-to/kubernetes.md, When a record is not JSON"
        )
        command = _command(seen.cluster, app, pod, stuck)
        yield CheckResult("log-unreadable", title, app.app_id, status, evidence, fix, command)


def _command(cluster: ClusterSeen, app: AppSeen, pod: PodSeen, stuck: list[str]) -> ManualCommand:
    """How to set the group behind the record, as far as is known which one it is; else the lines."""
    component, broker = _broker(cluster, app)
    if not stuck or broker is None:
        return logs(cluster, pod, "daprd", UNREADABLE)
    found = PLACE.fullmatch(stuck[0])
    assert found is not None
    group = component or app.app_id
    behind = f"{found['topic']}:{found['partition']}", int(found["offset"]) + 1
    return kubectl(cluster, reset_behind(broker, group, *behind))


def _broker(cluster: ClusterSeen, app: AppSeen) -> tuple[str, BrokerPod | None]:
    """The consumer group, where the component names one, and a pod of the broker that the app reads from."""
    for component in cluster.own("Component"):
        if component.type == KAFKA and component.serves(app.app_id):
            pods = (each.pod for each in cluster.services if each.component == component.name and each.pod)
            return component.consumer_group, next(pods, None)
    return "", None
