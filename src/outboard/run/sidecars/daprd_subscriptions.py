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
from outboard.sidecar.channel.refusals import excerpt
from outboard.sidecar.subscriptions.active import SubscribeInvalid, parse_subscribe
from outboard.wire.dapr import SUBSCRIBE_PATH
from outboard.wire.http import Response
from outboard.wire.subscriptions import Subscription

__all__ = ["NOTHING", "AskedFor", "Target", "asked_for"]

Target: TypeAlias = tuple[str, str]
"""A pub/sub component and a topic, by name."""


@dataclass(frozen=True, slots=True)
class AskedFor:
    """`bulk` are those that are wanted in bulk, `without_route` those that daprd leaves out.

    `problem` says why daprd starts none of them; it is empty where it does.
    """

    bulk: frozenset[Target] = frozenset()
    without_route: tuple[Target, ...] = ()
    problem: str = ""


NOT_FOUND: Final = 404
NOTHING: Final = AskedFor()


def asked_for(answer: Response) -> AskedFor:
    """What an app has answered; an app without such a route asks for nothing."""
    if answer.status == NOT_FOUND:
        return NOTHING
    if not answer.ok:
        said = f"it answers {answer.status} at {SUBSCRIBE_PATH}"
        body = excerpt(answer.body)
        return AskedFor(problem=f"{said}: {body}" if body else said)
    try:
        subscriptions, without_route = parse_subscribe(answer.body)
    except SubscribeInvalid as error:
        said = f"{error}; it answered {excerpt(answer.body)}"
        return AskedFor(problem=f"its answer at {SUBSCRIBE_PATH} cannot be used: {said}")
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
