"""What an app of a run takes and has, as its sidecar tells it."""

from __future__ import annotations

from collections.abc import Mapping

from outboard.resources.left_out import LeftOut
from outboard.run.output.events import LoadedComponent, MissingComponent, NotTaken, TakenTopic, Topology
from outboard.sidecar.metadata.service import SidecarInfo
from outboard.sidecar.subscriptions.active import Discovery
from outboard.wire.subscriptions import Subscription

__all__ = ["topology_of"]


def topology_of(info: SidecarInfo) -> Topology:
    """Of a sidecar in this process; an app without a port has not been asked, and takes nothing."""
    discovery = info.discovery or Discovery(unasked="it has no `appPort` (`--app-port`), and is not called")
    serial = {(each.pubsub, each.topic): each.reason for each in discovery.serial_bulk}
    return Topology(
        info.app_id,
        topics=tuple(_taken(each.subscription, serial) for each in discovery.started),
        not_taken=tuple(NotTaken(each.pubsub, each.topic, str(each)) for each in discovery.not_started),
        components=tuple(LoadedComponent(each.name, each.type) for each in info.components),
        left_out=tuple(map(_missing, info.left_out)),
        remark=discovery.unasked,
    )


def _missing(each: LeftOut) -> MissingComponent:
    return MissingComponent(each.name, each.type, each.reason, each.advice, each.file, each.line)


def _taken(found: Subscription, serial: Mapping[tuple[str, str], str]) -> TakenTopic:
    reason = serial.get((found.pubsub_name, found.topic))
    return TakenTopic(
        found.pubsub_name,
        found.topic,
        tuple(rule.path for rule in found.rules),
        found.bulk.enabled,
        found.dead_letter_topic,
        f"but one event at a time: {reason}" if reason else "",
    )
