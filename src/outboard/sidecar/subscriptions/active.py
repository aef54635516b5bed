"""What an app subscribes to: read from its answer at `/dapr/subscribe`, merged with what files declare. Pure.

Source: Dapr, "Declarative, streaming, and programmatic subscription types"; daprd 1.18 for precedence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from outboard.gojson.decoding import first_value
from outboard.gojson.values import Json
from outboard.sidecar.subscriptions.routes import Routes, compile_rules
from outboard.wire.subscriptions import BulkSubscribe, Rule, Subscription

__all__ = [
    "ActiveSubscription",
    "Discovery",
    "NotStarted",
    "SerialBulk",
    "SubscribeInvalid",
    "SubscriptionType",
    "Target",
    "activate",
    "merge",
    "parse_subscribe",
    "target_of",
    "topics_by_pubsub",
]


Target: TypeAlias = tuple[str, str]
"""A pub/sub component and a topic, by name."""
SubscriptionType: TypeAlias = Literal["DECLARATIVE", "PROGRAMMATIC", "STREAMING"]


class SubscribeInvalid(ValueError):
    """The answer at `/dapr/subscribe` is not a list of subscriptions; the text says where."""


@dataclass(frozen=True, slots=True)
class ActiveSubscription:
    """A subscription with its rules compiled, and where it comes from."""

    subscription: Subscription
    routes: Routes = field(compare=False)
    type: SubscriptionType


@dataclass(frozen=True, slots=True)
class NotStarted:
    """What an app asked for and does not get events of; `topic` is empty where that is all of it.

    `reason` is then a whole sentence, else a phrase.
    """

    pubsub: str
    topic: str
    reason: str

    def __str__(self) -> str:
        if not self.topic:
            return self.reason
        return f"subscription to topic '{self.topic}' on pubsub '{self.pubsub}' is not started: {self.reason}"


@dataclass(frozen=True, slots=True)
class SerialBulk:
    """A subscription in bulk whose batches have one event each; `reason` says why, and what to do."""

    pubsub: str
    topic: str
    reason: str

    def __str__(self) -> str:
        text = "subscription to topic '%s' on pubsub '%s' is in bulk, but gets one event at a time: %s"
        return text % (self.topic, self.pubsub, self.reason)


@dataclass(frozen=True, slots=True)
class Discovery:
    """What an app takes: all of its `subscriptions`, those of them that are `started`, and what is not.

    `unasked` says why the app itself has named none, empty where it has been asked and has answered.
    `serial_bulk` are those started that ask for bulk in vain.
    """

    subscriptions: Sequence[ActiveSubscription] = ()
    started: Sequence[ActiveSubscription] = ()
    not_started: Sequence[NotStarted] = ()
    unasked: str = ""
    serial_bulk: Sequence[SerialBulk] = ()


def activate(subscription: Subscription, type: SubscriptionType) -> ActiveSubscription:
    """Raises routing.RuleInvalid."""
    return ActiveSubscription(subscription, compile_rules(subscription.rules), type)


def merge(
    declarative: Iterable[ActiveSubscription], programmatic: Iterable[ActiveSubscription]
) -> tuple[ActiveSubscription, ...]:
    """One subscription per pub/sub and topic.

    Of declarative ones the first counts, of programmatic ones the last, and programmatic before declarative.
    """
    merged: dict[tuple[str, str], ActiveSubscription] = {}
    for active in declarative:
        merged.setdefault(target_of(active), active)
    for active in programmatic:
        merged[target_of(active)] = active  # in the place of the one that it replaces
    return tuple(merged.values())


def topics_by_pubsub(active: Iterable[ActiveSubscription]) -> dict[str, list[str]]:
    """The topics of each pub/sub component, in order."""
    topics: dict[str, list[str]] = {}
    for entry in active:
        topics.setdefault(entry.subscription.pubsub_name, []).append(entry.subscription.topic)
    return topics


def parse_subscribe(body: bytes) -> tuple[list[Subscription], list[Subscription]]:
    """The subscriptions in an app's answer, and those that have no route and are left out.

    Keys are case-insensitive; an empty body is an empty list. Raises SubscribeInvalid.
    """
    found = [_subscription(_fields(item, "an item")) for item in _items(body)]
    return [item for item in found if item.rules], [item for item in found if not item.rules]


def target_of(active: ActiveSubscription) -> Target:
    """What there is one subscription to."""
    return active.subscription.pubsub_name, active.subscription.topic


def _items(body: bytes) -> Sequence[Json]:
    if not body.strip():
        return []
    try:
        items = first_value(body)
    except ValueError as error:
        raise SubscribeInvalid(f"not JSON: {error}") from error
    if items is None:
        return []
    if not isinstance(items, list):
        raise SubscribeInvalid("not a list")
    return items


def _subscription(item: Mapping[str, Json]) -> Subscription:
    bulk = _fields(item.get("bulksubscribe"), "bulkSubscribe")
    return Subscription(
        pubsub_name=_string(item, "pubsubname"),
        topic=_string(item, "topic"),
        rules=_rules(item),
        dead_letter_topic=_string(item, "deadlettertopic"),
        metadata=_string_map(item.get("metadata")),
        bulk=BulkSubscribe(
            enabled=bulk.get("enabled") is True,
            max_messages_count=_number(bulk, "maxmessagescount"),
            max_await_duration_ms=_number(bulk, "maxawaitdurationms"),
        ),
    )


def _rules(item: Mapping[str, Json]) -> tuple[Rule, ...]:
    routes = _fields(item.get("routes"), "routes")
    listed = routes.get("rules")
    if listed is None:
        listed = []
    if not isinstance(listed, list):
        raise SubscribeInvalid("routes.rules is not a list")
    fields = [_fields(rule, "a rule") for rule in listed]
    rules = [Rule(_string(rule, "path"), _string(rule, "match")) for rule in fields]
    default = _string(routes, "default") or _string(item, "route")
    return (*rules, Rule(default)) if default else tuple(rules)


def _fields(value: Json, what: str) -> dict[str, Json]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise SubscribeInvalid(f"{what} is not an object")
    return {key.lower(): item for key, item in value.items()}


def _string(fields: Mapping[str, Json], name: str) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise SubscribeInvalid(f"{name} is not a string")
    return value


def _number(fields: Mapping[str, Json], name: str) -> int:
    value = fields.get(name)
    if value is None:
        return 0
    if not isinstance(value, int) or isinstance(value, bool):
        raise SubscribeInvalid(f"{name} is not a whole number")
    return max(value, 0)


def _string_map(value: Json) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise SubscribeInvalid("metadata is not an object")
    entries: dict[str, str] = {}
    for key, item in value.items():
        if not isinstance(item, str):
            raise SubscribeInvalid(f"metadata.{key} is not a string")
        entries[key] = item
    return entries
