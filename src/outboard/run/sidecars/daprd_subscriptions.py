"""What an app asks its daprd for at `/dapr/subscribe`. Pure.

daprd tells nothing of what it leaves out, nor of bulk. With a rule that it cannot compile it starts none of
the app's subscriptions; where that is for a function that it lacks, it never becomes ready, without a word.
Source: daprd 1.18; Dapr, "Declarative, streaming, and programmatic subscription types".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from outboard import cel
from outboard.errors import ExtraMissing
from outboard.sidecar.subscriptions.active import SubscribeInvalid, parse_subscribe
from outboard.wire.subscriptions import Subscription

__all__ = ["NOTHING", "AskedFor", "Target", "asked_for"]

Target: TypeAlias = tuple[str, str]
"""A pub/sub component and a topic, by name."""


@dataclass(frozen=True, slots=True)
class AskedFor:
    """`bulk` are those that are wanted in bulk, `without_route` those that daprd leaves out.

    `blocking` says why daprd starts none of them; it is empty where it does.
    """

    bulk: frozenset[Target] = frozenset()
    without_route: tuple[Target, ...] = ()
    blocking: str = ""


NOTHING: Final = AskedFor()


def asked_for(body: bytes) -> AskedFor:
    """What an app has answered; nothing where it is no list of subscriptions, which daprd says."""
    try:
        subscriptions, without_route = parse_subscribe(body)
    except SubscribeInvalid:
        return NOTHING
    return AskedFor(
        frozenset(map(_target, (each for each in subscriptions if each.bulk.enabled))),
        tuple(map(_target, without_route)),
        next(_wrong_rules(subscriptions), ""),
    )


def _target(subscription: Subscription) -> Target:
    return subscription.pubsub_name, subscription.topic


def _wrong_rules(subscriptions: Iterable[Subscription]) -> Iterator[str]:
    for subscription in subscriptions:
        for rule in subscription.rules:
            try:
                if rule.match.strip():
                    cel.compile(rule.match)
            except cel.ExpressionInvalid as error:
                yield f"`match: {rule.match}` of topic '{subscription.topic}' cannot be compiled: {error}"
            except ExtraMissing:
                return  # nobody here can say
