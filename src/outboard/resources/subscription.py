"""Dapr's declarative Subscription resource, `v1alpha1` and `v2alpha1`, as a frozen value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from outboard.resources.node import Node
from outboard.wire.subscriptions import BulkSubscribe, Rule, Subscription

__all__ = ["DeclaredSubscription", "parse"]

VERSION_1: Final = "dapr.io/v1alpha1"


@dataclass(frozen=True, slots=True)
class DeclaredSubscription:
    """A subscription that stands in a file. Empty `scopes` are all apps.

    `subscription.rules` is empty where the file has no route: daprd keeps it, and drops every event.
    """

    name: str
    subscription: Subscription
    scopes: tuple[str, ...]
    path: Path
    line: int


def parse(document: Node) -> DeclaredSubscription:
    """The subscription in `document`, of which apiVersion and kind are known to be right.

    Raises ResourceError for what is missing or of the wrong type.
    """
    metadata = document.mapping("metadata")
    spec = document.require("spec", "Add `spec:` with `pubsubname:`, `topic:` and a route.")
    subscription = Subscription(
        pubsub_name=spec.require("pubsubname", "Add the pub/sub component's name.").as_string(),
        topic=spec.require("topic", "Add the topic's name.").as_string(),
        rules=_route(spec) if document.string("apiVersion") == VERSION_1 else _routes(spec),
        dead_letter_topic=spec.string("deadLetterTopic"),
        metadata=spec.string_map("metadata"),
        bulk=_bulk(spec.mapping("bulkSubscribe")),
    )
    name = "" if metadata is None else metadata.string("name")
    return DeclaredSubscription(name, subscription, document.strings("scopes"), document.path, document.line)


def _route(spec: Node) -> tuple[Rule, ...]:
    _other_version(spec, "routes", "Write `apiVersion: dapr.io/v2alpha1`, or `route:` with one path.")
    route = spec.string("route")
    return (Rule(route),) if route else ()


def _routes(spec: Node) -> tuple[Rule, ...]:
    _other_version(spec, "route", "Write it as `routes:` with `default:`.")
    routes = spec.mapping("routes")
    if routes is None:
        return ()
    rules = [Rule(rule.string("path"), rule.string("match").strip()) for rule in routes.sequence("rules")]
    default = routes.string("default")
    return (*rules, Rule(default)) if default else tuple(rules)


def _other_version(spec: Node, key: str, advice: str) -> None:
    # daprd ignores the key of the other version, and then drops every event for want of a route.
    wrong = spec.get(key)
    if wrong is not None:
        raise wrong.error(
            f"this version of Subscription has no `{key}`, so no event would be delivered", advice
        )


def _bulk(node: Node | None) -> BulkSubscribe:
    if node is None:
        return BulkSubscribe()
    return BulkSubscribe(
        enabled=node.boolean("enabled"),
        max_messages_count=node.integer("maxMessagesCount"),
        max_await_duration_ms=node.integer("maxAwaitDurationMs"),
    )
