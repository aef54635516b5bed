"""From the handlers that an app serves to what `/dapr/subscribe` answers. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from outboard.errors import DuplicateSubscription, HandlerUnsuitable
from outboard.kit.subscriptions.declaration import DeadLetterPolicy, Declaration
from outboard.kit.subscriptions.paths import PATH_ADVICE, path_problem
from outboard.wire.subscriptions import BulkSubscribe, Rule, Subscription

__all__ = ["ServedHandler", "subscriptions"]

AWAIT_MS: Final = 10
"""How long a batch is waited for unless a handler says: daprd's own second, and ten with Kafka, is what the
last event of a batch takes. Chosen by `benchmarks/bulk_wait.py`."""


@dataclass(frozen=True, slots=True)
class ServedHandler:
    """A handler, and the path that it has in the app, prefixes of routers included."""

    declaration: Declaration
    path: str


def subscriptions(served: Sequence[ServedHandler]) -> list[Subscription]:
    """One subscription for each topic, its rules by priority, the one without `match` last.

    Raises DuplicateSubscription for two handlers of one topic and rule, HandlerUnsuitable for handlers that
    contradict each other.
    """
    _check_paths(served)
    by_topic: dict[tuple[str, str], list[ServedHandler]] = {}
    for item in served:
        by_topic.setdefault((item.declaration.pubsub, item.declaration.topic), []).append(item)
    return [_subscription(items) for items in by_topic.values()]


def _subscription(items: Sequence[ServedHandler]) -> Subscription:
    _check_rules(items)
    first = items[0].declaration
    ordered = sorted(items, key=lambda item: (not item.declaration.options.match, _priority(item)))
    return Subscription(
        pubsub_name=first.pubsub,
        topic=first.topic,
        rules=tuple(Rule(item.path, item.declaration.options.match) for item in ordered),
        dead_letter_topic=_announced(items),
        metadata=_metadata(items),
        bulk=_bulk(items),
    )


def _priority(item: ServedHandler) -> int:
    return item.declaration.options.priority


def _check_rules(items: Iterable[ServedHandler]) -> None:
    seen: dict[str, Declaration] = {}
    for item in items:
        found = item.declaration
        rule = found.options.match
        if rule in seen:
            said = f"match {rule!r}" if rule else "every event"
            raise DuplicateSubscription(found.pubsub, found.topic, said, seen[rule].place, found.place)
        seen[rule] = found


def _check_paths(served: Iterable[ServedHandler]) -> None:
    seen: dict[str, Declaration] = {}
    for item in served:
        if problem := path_problem(item.path):
            raise HandlerUnsuitable(item.declaration.place, problem, PATH_ADVICE)
        if item.path in seen:
            problem = f"has the path {item.path}, which {seen[item.path].place} has too"
            raise HandlerUnsuitable(item.declaration.place, problem, "Give each handler a path of its own")
        seen[item.path] = item.declaration


def _announced(items: Iterable[ServedHandler]) -> str:
    announced: dict[str, Declaration] = {}
    for item in items:
        policy = item.declaration.poison
        if item.declaration.options.announce and isinstance(policy, DeadLetterPolicy):
            announced[policy.topic] = item.declaration
    if len(announced) > 1:
        (one, first), (other, second) = list(announced.items())[:2]
        problem = f"announces dead letter topic '{other}', and {first.place} announces '{one}'"
        raise HandlerUnsuitable(second.place, problem, "A topic's subscription can announce only one")
    return next(iter(announced), "")


def _bulk(items: Sequence[ServedHandler]) -> BulkSubscribe:
    """Bulk delivery is for all handlers of a topic, or none; each takes its events either way."""
    asked = [(item.declaration, bulk) for item in items if (bulk := item.declaration.options.bulk)]
    counts = [(declaration, bulk.max_messages_count) for declaration, bulk in asked]
    waits = [(declaration, bulk.max_await_duration_ms) for declaration, bulk in asked]
    if not asked:
        return BulkSubscribe()
    return BulkSubscribe(
        enabled=True,
        max_messages_count=_agreed("a bulk delivery of at most {} events", counts),
        max_await_duration_ms=_agreed("a bulk delivery to wait for at most {} ms", waits) or AWAIT_MS,
    )


def _agreed(said: str, wishes: Iterable[tuple[Declaration, int]]) -> int:
    """The number that is asked for; 0 where nobody cares."""
    by_number = {number: declaration for declaration, number in wishes if number}
    if len(by_number) > 1:
        (one, first), (other, second) = list(by_number.items())[:2]
        problem = f"asks for {said.format(other)}, and {first.place} for {one}"
        raise HandlerUnsuitable(second.place, problem, "They share one subscription: agree")
    return next(iter(by_number), 0)


def _metadata(items: Iterable[ServedHandler]) -> dict[str, str]:
    merged: dict[str, str] = {}
    for item in items:
        for name, value in item.declaration.options.metadata.items():
            if merged.setdefault(name, value) != value:
                problem = (
                    f"has {name}={value!r} in its metadata, another handler of the topic {merged[name]!r}"
                )
                raise HandlerUnsuitable(item.declaration.place, problem, "They share one subscription: agree")
    return merged
