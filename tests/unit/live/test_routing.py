from __future__ import annotations

from typing import Any

import pytest

from outboard.live.routing import RouteAnswer, RouteOutcome, answers
from outboard.live.routing_output import route_lines, route_objects
from outboard.live.wiring import AppWiring, wiring_of_sidecar
from outboard.resources.left_out import LeftOut
from outboard.resources.loader import Resources
from outboard.sidecar.publishing.scopes import TopicAccess
from outboard.wire.subscriptions import Rule, Subscription

LOADED = {"pubsub": "pubsub.sqlite", "statestore": "state.sqlite"}
EVENT: dict[str, Any] = {"id": "1", "type": "task.created", "source": "backend", "data": {"n": 7.0}}


def app(*subscriptions: Subscription, **more: Any) -> AppWiring:
    return AppWiring("shop", **{"components": LOADED, "subscriptions": subscriptions, **more})


def takes(*rules: Rule, topic: str = "tasks", pubsub: str = "pubsub") -> Subscription:
    return Subscription(pubsub, topic, rules)


def the_one(found: list[RouteAnswer]) -> RouteAnswer:
    (answer,) = found
    return answer


@pytest.mark.parametrize(
    ("match", "outcome", "reason"),
    [
        ('event.type == "task.created"', RouteOutcome.GETS, ""),
        ("event.data.n > 6.0", RouteOutcome.GETS, ""),
        ("event.data.n > 7.0", RouteOutcome.NOT, "none of its rules matches"),
        ("event.data.x > 7.0", RouteOutcome.NOT, "a rule cannot be evaluated for it: "),
        ("event.type", RouteOutcome.NOT, "was not a boolean"),
        ("event.type ==", RouteOutcome.NOT, "is not a CEL expression"),
    ],
)
def test_a_rule_is_evaluated_for_the_event(match: str, outcome: RouteOutcome, reason: str) -> None:
    found = the_one(answers([app(takes(Rule("/a", match)))], "pubsub", "tasks", EVENT))
    assert found.outcome is outcome
    assert reason in found.reason
    assert found.path == ("/a" if outcome is RouteOutcome.GETS else "")


def test_the_first_rule_that_matches_wins_and_the_later_ones_are_not_reached() -> None:
    rules = Rule("/a", "false"), Rule("/b", 'event.source == "backend"'), Rule("/c")
    found = the_one(answers([app(takes(*rules))], "", "tasks", EVENT))
    assert (found.path, found.pubsub) == ("/b", "pubsub")
    assert [(rule.path, rule.result) for rule in found.rules] == [("/a", False), ("/b", True)]


@pytest.mark.parametrize(
    ("rules", "outcome"),
    [
        ([Rule("/a")], RouteOutcome.GETS),
        ([Rule("/a", "true"), Rule("/b")], RouteOutcome.GETS),
        ([Rule("/a", "true")], RouteOutcome.DEPENDS),
    ],
)
def test_without_an_event_it_depends_on_the_rules(rules: list[Rule], outcome: RouteOutcome) -> None:
    found = the_one(answers([app(takes(*rules))], "", "tasks"))
    assert found.outcome is outcome
    assert found.path == ("/a" if len(rules) == 1 and not rules[0].match else "")


@pytest.mark.parametrize(
    ("wiring", "pubsub", "reason"),
    [
        (app(), "pubsub", "it subscribes to no topic"),
        (app(takes(Rule("/"), topic="task")), "pubsub", "but to task. Did you mean `task`?"),
        (app(takes(Rule("/"), pubsub="other")), "pubsub", "it takes 'tasks' of 'other', not of 'pubsub'"),
        (app(takes()), "pubsub", "without a route, so that every event is dropped"),
        (app(), "pubsup", "it has no pub/sub component 'pubsup' (it has: pubsub). Did you mean `pubsub`?"),
        (
            app(takes(Rule("/")), components={}),
            "pubsub",
            "it subscribes, but it has no pub/sub component 'pubsub' (it has: none)",
        ),
        (
            app(takes(Rule("/")), components={}, left_out=[LeftOut("pubsub", "t", "its scopes are [a]")]),
            "pubsub",
            "it subscribes, but 'pubsub' is left out of it: its scopes are [a]",
        ),
        (
            app(takes(Rule("/")), access={"pubsub": TopicAccess.of({"protectedTopics": "tasks"}, "shop")}),
            "pubsub",
            "`subscriptionScopes`, `allowedTopics` or `protectedTopics` of 'pubsub' do not let it",
        ),
    ],
)
def test_why_an_app_does_not_get_it(wiring: AppWiring, pubsub: str, reason: str) -> None:
    found = the_one(answers([wiring], pubsub, "tasks", EVENT))
    assert found.outcome is RouteOutcome.NOT
    assert reason in found.reason


def test_what_is_not_known_of_an_app_is_said() -> None:
    found = the_one(answers([app(remark="it does not run")], "", "tasks", EVENT))
    assert (found.outcome, found.reason) == (RouteOutcome.DEPENDS, "it does not run")


def test_the_metadata_of_a_sidecar_is_read() -> None:
    told: dict[str, Any] = {
        "id": "shop",
        "components": [{"name": "pubsub", "type": "pubsub.redis", "version": "v1"}],
        "subscriptions": [
            {
                "pubsubname": "pubsub",
                "topic": "tasks",
                "rules": [{"match": "false", "path": "/a"}, {"path": "/b"}],
                "deadLetterTopic": "tasks-dead",
                "type": "PROGRAMMATIC",
            },
            "nonsense",
        ],
    }
    found = the_one(answers([wiring_of_sidecar("", told, Resources())], "", "tasks", EVENT))
    assert (found.app_id, found.path, found.dead_letter_topic) == ("shop", "/b", "tasks-dead")


def test_lines_and_objects() -> None:
    found = answers([app(takes(Rule("/a", "false"), Rule("/b"))), app()], "pubsub", "tasks", EVENT)
    assert route_lines(found, explain=False) == [
        "shop gets it of pubsub at /b",
        "(1 does not: --explain says why)",
    ]
    assert route_lines(found, explain=True) == [
        "shop gets it of pubsub at /b",
        "  false → /a: false",
        "  (every other event) → /b: true",
        "shop does not get it: it subscribes to no topic",
    ]
    assert route_lines(answers([app()], "", "tasks"), explain=False) == [
        "shop does not get it: it subscribes to no topic",
        "no app gets it",
    ]
    unnamed = [RouteAnswer("", "", RouteOutcome.DEPENDS, reason="it does not run")]
    assert route_lines(unnamed, explain=False) == ["an app may get it: it does not run"]
    assert route_objects(found)[1] == {
        "app": "shop",
        "pubsub": "pubsub",
        "outcome": "not",
        "path": "",
        "reason": "it subscribes to no topic",
        "rules": [],
        "deadLetterTopic": "",
        "didYouMean": "",
    }


@pytest.mark.parametrize(
    ("wiring", "pubsub", "meant"),
    [
        (app(takes(Rule("/"), topic="task")), "pubsub", "task"),
        (app(takes(Rule("/"), topic="bills")), "pubsub", ""),
        (app(takes(Rule("/"), pubsub="other")), "pubsub", ""),
        (app(), "pubsup", "pubsub"),
        (app(remark="it does not run"), "pubsup", ""),
    ],
)
def test_a_program_is_told_the_name_that_was_meant(wiring: AppWiring, pubsub: str, meant: str) -> None:
    (told,) = route_objects(answers([wiring], pubsub, "tasks", EVENT))
    assert isinstance(told, dict)
    assert told["didYouMean"] == meant
