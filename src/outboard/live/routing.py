"""Which apps get an event, by which route, and why the others do not. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from outboard.gojson.values import Json
from outboard.live.wiring import AppWiring
from outboard.resources.node import near, nearest
from outboard.sidecar.subscriptions.routes import RouteFailed, RuleInvalid, compile_rules
from outboard.wire.subscriptions import Rule, Subscription

__all__ = ["RouteAnswer", "RouteOutcome", "RuleAnswer", "answers"]

LIKENESS: Final = 0.6
MOST_NAMED: Final = 10


class RouteOutcome(StrEnum):
    """`DEPENDS`: on the event, which is not known, or on what could not be found out."""

    GETS = "gets"
    DEPENDS = "depends"
    NOT = "not"


@dataclass(frozen=True, slots=True)
class RuleAnswer:
    """One rule: `result` is true or false, or why it has neither."""

    match: str
    path: str
    result: bool | str


@dataclass(frozen=True, slots=True)
class RouteAnswer:
    """What one subscription of an app, or the app where it has none that fits, makes of the event.

    `path` is where the event goes, empty where the rules say so of an event that is known. `reason` says why
    it does not get there, or on what that depends. `meant` is a name that it has, like the
    one that it has not.
    """

    app_id: str
    pubsub: str
    outcome: RouteOutcome
    path: str = ""
    reason: str = ""
    rules: tuple[RuleAnswer, ...] = ()
    dead_letter_topic: str = ""
    meant: str = ""


def answers(
    apps: Sequence[AppWiring], pubsub: str, topic: str, event: Mapping[str, Json] | None = None
) -> list[RouteAnswer]:
    """For each app, what becomes of an event on `topic`; of any component where `pubsub` is empty.

    `event` is a CloudEvent with every number a float, None where only the topic is known.
    """
    return [answer for app in apps for answer in _of_app(app, pubsub, topic, event)]


def _of_app(
    app: AppWiring, pubsub: str, topic: str, event: Mapping[str, Json] | None
) -> Iterator[RouteAnswer]:
    fitting = [each for each in app.subscriptions if each.topic == topic and pubsub in ("", each.pubsub_name)]
    for each in fitting:
        yield _of_subscription(app, each, event)
    if not fitting:
        outcome = RouteOutcome.DEPENDS if app.remark else RouteOutcome.NOT
        reason, meant = _why_not(app, pubsub, topic), _meant(app, pubsub, topic)
        yield RouteAnswer(app.app_id, pubsub, outcome, reason=reason, meant=meant)


def _of_subscription(
    app: AppWiring, subscription: Subscription, event: Mapping[str, Json] | None
) -> RouteAnswer:
    name, topic = subscription.pubsub_name, subscription.topic

    def not_at_all(reason: str) -> RouteAnswer:
        return RouteAnswer(app.app_id, name, RouteOutcome.NOT, reason=reason)

    if name not in app.components:
        return not_at_all(f"it subscribes, but {_missing(app, name)}")
    access = app.access.get(name)
    if access is not None and not access.may_subscribe(topic):
        return not_at_all(
            f"it subscribes, but `subscriptionScopes`, `allowedTopics` or `protectedTopics` of '{name}' "
            "do not let it"
        )
    if not subscription.rules:
        return not_at_all("it subscribes without a route, so that every event is dropped")
    return _of_rules(app.app_id, subscription, event)


def _of_rules(app_id: str, subscription: Subscription, event: Mapping[str, Json] | None) -> RouteAnswer:
    """The first rule that matches wins; one that cannot be evaluated fails the event."""
    told: list[RuleAnswer] = []

    def answer(outcome: RouteOutcome, path: str = "", reason: str = "") -> RouteAnswer:
        name, dead = subscription.pubsub_name, subscription.dead_letter_topic
        return RouteAnswer(app_id, name, outcome, path, reason, tuple(told), dead)

    open_ends = False
    for rule in subscription.rules:
        result = _result(rule, event)
        told.append(RuleAnswer(rule.match, rule.path, result))
        if result is True:
            if open_ends:
                return answer(RouteOutcome.GETS, reason="its rules say at which path")
            return answer(RouteOutcome.GETS, rule.path)
        if isinstance(result, str) and event is not None:
            return answer(RouteOutcome.NOT, reason=f"a rule cannot be evaluated for it: {result}")
        open_ends = open_ends or isinstance(result, str)
    if open_ends:
        return answer(RouteOutcome.DEPENDS, reason="whether one of its rules matches depends on the event")
    return answer(RouteOutcome.NOT, reason="none of its rules matches, and it has no default route")


def _result(rule: Rule, event: Mapping[str, Json] | None) -> bool | str:
    if not rule.match.strip():
        return True
    try:
        routes = compile_rules([rule])
        return "the event is not known" if event is None else routes.path_for(event) is not None
    except (RuleInvalid, RouteFailed) as error:
        return str(error)


def _missing(app: AppWiring, pubsub: str) -> str:
    """Why it has not the component: a clause."""
    for left in app.left_out:
        if left.name == pubsub:
            return f"'{pubsub}' is left out of it: {left.reason}"
    hint = near(pubsub, app.pubsubs(), LIKENESS)
    loaded = ", ".join(app.pubsubs()) or "none"
    return f"it has no pub/sub component '{pubsub}' (it has: {loaded}). {hint}".rstrip(". ")


def _meant(app: AppWiring, pubsub: str, topic: str) -> str:
    """The name of its own that looks most like the one that it does not know: of the component, else of the
    topic; empty where none does.
    """
    if app.remark:
        return ""
    if pubsub and pubsub not in app.components:
        return nearest(pubsub, app.pubsubs(), LIKENESS)
    return nearest(topic, [each.topic for each in app.subscriptions if each.topic != topic], LIKENESS)


def _why_not(app: AppWiring, pubsub: str, topic: str) -> str:
    if app.remark:
        return app.remark
    if pubsub and pubsub not in app.components:
        return _missing(app, pubsub)
    elsewhere = [each.pubsub_name for each in app.subscriptions if each.topic == topic]
    if elsewhere:
        return f"it takes '{topic}' of '{elsewhere[0]}', not of '{pubsub}'"
    topics = list(dict.fromkeys(each.topic for each in app.subscriptions))
    if not topics:
        return "it subscribes to no topic"
    hint = near(topic, topics, LIKENESS)
    more = ", ..." if len(topics) > MOST_NAMED else ""
    return (
        f"it does not subscribe to '{topic}', but to {', '.join(topics[:MOST_NAMED])}{more}. {hint}".rstrip(
            ". "
        )
    )
