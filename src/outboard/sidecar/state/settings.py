"""What the metadata of a state store says about its outbox. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from outboard.sidecar.components.metadata.properties import is_truthy

__all__ = ["OutboxSettings", "outbox_settings"]


@dataclass(frozen=True, slots=True)
class OutboxSettings:
    """Of one state store: events go through `pubsub` to `publish_topic` of `publish_pubsub`.

    `discard` drops an event whose transaction was not done; else the broker keeps it.
    """

    publish_pubsub: str
    publish_topic: str
    pubsub: str
    discard: bool = False


def outbox_settings(metadata: Mapping[str, str]) -> OutboxSettings | None:
    """From a store's metadata items, of which case counts here; None where it has no outbox."""
    pubsub, topic = metadata.get("outboxPublishPubsub", ""), metadata.get("outboxPublishTopic", "")
    if not pubsub or not topic:
        return None
    discard = is_truthy(metadata.get("outboxDiscardWhenMissingState", ""))
    return OutboxSettings(pubsub, topic, metadata.get("outboxPubsub", "") or pubsub, discard)
