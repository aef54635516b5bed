"""Records that a sidecar cannot read: they hold their partition, and no app ever sees them. Pure.

Source: daprd 1.18, pub/sub: what is no JSON is `error deserializing cloud event`, each five seconds, where
the subscription has no dead letter topic; its Kafka names the record at the first failure, and not again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from outboard.doctor.cluster_commands import kubectl, logs, reset_behind
from outboard.doctor.cluster_evidence import BrokerPod, ClusterSeen, PodSeen
from outboard.doctor.evidence import AppSeen, Evidence
from outboard.doctor.results import CheckResult, ManualCommand, Status

__all__ = ["log_unreadable"]

UNREADABLE: Final = re.compile(
    r"error deserializing cloud event in pubsub (?P<pubsub>\S+) and topic (?P<topic>\S+): (?P<reason>.*)"
)
PLACE: Final = re.compile(
    r"Error processing Kafka message: (?P<topic>[\w.-]+)/(?P<partition>\d+)/(?P<offset>\d+)\b.*? Error: "
    r"(?P<reason>.*?)(?:\. Retrying\.\.\.)?$"
)
"""Topic, partition and offset of a record, and why it failed."""
FIX: Final = (
    "Go on behind it: scale the app to 0, wait until its pods are gone, set its group behind the record with "
    "kafka-consumer-groups --reset-offsets, and scale the app up again. See docs/how-to/kubernetes.md, When "
    "a record is not JSON"
)
KAFKA: Final = "pubsub.kafka"


def log_unreadable(seen: Evidence) -> Iterator[CheckResult]:
    """No record that its sidecar cannot read comes again and again."""
    if seen.cluster is None:
        return
    title = "its sidecar can read what is on its topics"
    for app in seen.apps:
        pod = next((each for each in seen.cluster.dapr_pods if each.name == app.pod), None)
        if pod is None:
            continue
        failures = [found for line in app.log if (found := UNREADABLE.search(line.message))]
        if not failures:
            yield CheckResult("log-unreadable", title, app.app_id, Status.PASSED)
            continue
        last = failures[-1]
        times = sum(each[0] == last[0] for each in failures)
        place = _place(app, last["topic"], last["reason"])
        where = f"record {place['offset']} of partition {place['partition']} " if place else "a record "
        evidence = (
            f"{where}of topic '{last['topic']}' is no JSON: what lies behind it in its partition waits",
            f"{times} times: {last[0]}",
        )
        command = _command(seen.cluster, app, pod, place)
        status = Status.FAILED if times > 1 else Status.WARNING
        yield CheckResult("log-unreadable", title, app.app_id, status, evidence, FIX, command)


def _place(app: AppSeen, topic: str, reason: str) -> re.Match[str] | None:
    """Which record it is: the last of that topic that failed for that reason."""
    found = (PLACE.search(line.message) for line in reversed(app.log))
    return next((each for each in found if each and (each["topic"], each["reason"]) == (topic, reason)), None)


def _command(cluster: ClusterSeen, app: AppSeen, pod: PodSeen, place: re.Match[str] | None) -> ManualCommand:
    """How to set the group behind the record, as far as is known which one it is; else the lines."""
    group, broker = _broker(cluster, app)
    if place is None or broker is None:
        return logs(cluster, pod, "daprd", "error deserializing")
    partition = f"{place['topic']}:{place['partition']}"
    return kubectl(cluster, reset_behind(broker, group or app.app_id, partition, int(place["offset"]) + 1))


def _broker(cluster: ClusterSeen, app: AppSeen) -> tuple[str, BrokerPod | None]:
    """The consumer group, where the component names one, and a pod of the broker that the app reads from."""
    for component in cluster.own("Component"):
        if component.type == KAFKA and component.serves(app.app_id):
            pods = (each.pod for each in cluster.services if each.component == component.name and each.pod)
            return component.consumer_group, next(pods, None)
    return "", None
