"""What an app answers at `/dapr/subscribe`: one frozen value per subscription.

Source: Dapr, "Declarative, streaming, and programmatic subscription types".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from outboard.gojson.values import Json

__all__ = ["BulkSubscribe", "Rule", "Subscription"]


@dataclass(frozen=True, slots=True)
class Rule:
    """Where an event goes: `path` in the app, for events of which the CEL expression `match` is true.

    An empty `match` is always true.
    """

    path: str
    match: str = ""


@dataclass(frozen=True, slots=True)
class BulkSubscribe:
    """Whether events come in batches, and the bounds of one; 0 is the sidecar's default."""

    enabled: bool = False
    max_messages_count: int = 0
    max_await_duration_ms: int = 0


@dataclass(frozen=True, slots=True)
class Subscription:
    """One topic that an app takes events from. The first rule that matches wins."""

    pubsub_name: str
    topic: str
    rules: tuple[Rule, ...]
    dead_letter_topic: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    bulk: BulkSubscribe = BulkSubscribe()

    def to_json(self) -> dict[str, Json]:
        """The item of `/dapr/subscribe`; what has its default value is left out."""
        item: dict[str, Json] = {"pubsubname": self.pubsub_name, "topic": self.topic}
        if len(self.rules) == 1 and not self.rules[0].match:
            item["route"] = self.rules[0].path
        else:
            item["routes"] = _routes_to_json(self.rules)
        if self.dead_letter_topic:
            item["deadLetterTopic"] = self.dead_letter_topic
        if self.metadata:
            item["metadata"] = dict(self.metadata)
        if self.bulk.enabled:
            item["bulkSubscribe"] = {
                "enabled": True,
                "maxMessagesCount": self.bulk.max_messages_count,
                "maxAwaitDurationMs": self.bulk.max_await_duration_ms,
            }
        return item


def _routes_to_json(rules: tuple[Rule, ...]) -> Json:
    matched: list[Json] = [{"match": rule.match, "path": rule.path} for rule in rules if rule.match]
    routes: dict[str, Json] = {"rules": matched} if matched else {}
    default = next((rule.path for rule in rules if not rule.match), None)
    if default is not None:
        routes["default"] = default
    return routes
