"""Subscriptions: routes, rules, bulk and dead letters. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from outboard.cel import ExpressionInvalid
from outboard.check.corpus import Corpus
from outboard.check.document import Document, child, is_placeholder, items, text
from outboard.check.rule import Edit, Hit, LintRule, Severity, at, at_key
from outboard.check.rules.policies import retries_inbound
from outboard.resources.node import Node

__all__ = ["RULES"]

VERSION_1: Final = "dapr.io/v1alpha1"
VERSION_2: Final = "dapr.io/v2alpha1"
SERIAL: Final = frozenset({"pubsub.in-memory"})
FIELD_OF_DATA: Final = re.compile(r"\bevent\.data((?:\.[A-Za-z_]\w*)+)")
VARIABLE: Final = "event"
YES: Final = frozenset({"true", "yes", "on", "y", "1", "t"})


def missing_subscription_field(corpus: Corpus) -> Iterator[Hit]:
    for document in corpus.subscriptions:
        for key in ("pubsubname", "topic"):
            if document.spec is not None and not text(child(document.spec, key)):
                yield at_key(document.spec, f"`{key}` is missing", f"Add `{key}:` below `spec:`.")


def missing_route(corpus: Corpus) -> Iterator[Hit]:
    for document in corpus.subscriptions:
        spec = document.spec
        if spec is None or _other_version(document) is not None:
            continue
        if document.api_version == VERSION_1 and not text(child(spec, "route")):
            yield at_key(spec, "`route` is missing", "Add `route:` with the path of the handler.")
        rules = child(spec, "routes", "rules")
        default = text(child(spec, "routes", "default"))
        if document.api_version == VERSION_2 and not items(rules) and not default:
            yield at_key(spec, "`routes` is missing, or has no path", "Add `routes:` with `default:`.")
        for rule in items(rules):
            if not text(child(rule, "path")):
                yield at(rule, "a rule has no `path`")


def route_of_other_version(corpus: Corpus) -> Iterator[Hit]:
    for document in corpus.subscriptions:
        wrong = _other_version(document)
        if wrong is not None:
            other = "routes" if wrong.key == "route" else "route"
            yield at_key(
                wrong,
                f"{document.api_version} has no `{wrong.key}`",
                edits=_to_other_version(document, wrong),
                advice=f"Write `{other}`, or `apiVersion: {_other(document)}`.",
            )


def invalid_rule(corpus: Corpus) -> Iterator[Hit]:
    if corpus.compile is None:
        return
    for match in _matches(corpus):
        try:
            unknown = corpus.compile(text(match).strip()).names - {VARIABLE}
        except ExpressionInvalid as error:
            yield at(match, f"the rule cannot be read: {error}")
        else:
            if unknown:
                yield at(match, f"the rule reads `{sorted(unknown)[0]}`, but there is only `event`")


def unguarded_field(corpus: Corpus) -> Iterator[Hit]:
    for match in _matches(corpus):
        rule = text(match)
        for found in FIELD_OF_DATA.finditer(rule):
            if f"has({found[0]})" not in rule.replace(" ", ""):
                yield at(
                    match,
                    f"the rule fails where an event has no `{found[0].removeprefix('event.')}`",
                    f"Write `has({found[0]}) && …`.",
                )
                break


def bulk_gathers_nothing(corpus: Corpus) -> Iterator[Hit]:
    for document in corpus.subscriptions:
        bulk = _bulk(document)
        component = corpus.named(text(child(document.spec, "pubsubname")), document)
        if bulk is not None and component is not None and component.type in SERIAL:
            yield at_key(bulk, f"{component.type} hands over one event after the other: each bulk has one")


def bulk_waits(corpus: Corpus) -> Iterator[Hit]:
    for document in corpus.subscriptions:
        bulk = _bulk(document)
        component = corpus.named(text(child(document.spec, "pubsubname")), document)
        if bulk is None or component is None or component.type != "pubsub.kafka":
            continue
        if not text(child(bulk, "maxAwaitDurationMs")):
            yield at_key(bulk, "an event waits up to 10 s for others")


def dead_letter_is_topic(corpus: Corpus) -> Iterator[Hit]:
    for document in corpus.subscriptions:
        dead = child(document.spec, "deadLetterTopic")
        if dead is not None and text(dead) and text(dead) == text(child(document.spec, "topic")):
            yield at(dead, "the dead letter topic is the topic itself")


def no_dead_letter(corpus: Corpus) -> Iterator[Hit]:
    for document in corpus.subscriptions:
        topic = child(document.spec, "topic")
        component = corpus.named(text(child(document.spec, "pubsubname")), document)
        if topic is None or text(child(document.spec, "deadLetterTopic")):
            continue
        kind = component.type if component is not None else ""
        told = {
            "pubsub.kafka": "an event whose handler always fails holds its partition for ever",
            "pubsub.redis": "an event whose handler fails is lost",
        }.get(kind)
        if told:
            yield at(topic, told)


def dead_letter_without_retry(corpus: Corpus) -> Iterator[Hit]:
    for document in corpus.subscriptions:
        dead = child(document.spec, "deadLetterTopic")
        component = corpus.named(text(child(document.spec, "pubsubname")), document)
        if (
            dead is not None
            and text(dead)
            and component is not None
            and not retries_inbound(corpus, component)
        ):
            yield at(dead, f"no retry policy has the target `{component.name}`")


def _matches(corpus: Corpus) -> Iterator[Node]:
    for document in corpus.subscriptions:
        for rule in items(child(document.spec, "routes", "rules")):
            match = child(rule, "match")
            if match is not None and text(match).strip() and not is_placeholder(text(match)):
                yield match


def _bulk(document: Document) -> Node | None:
    bulk = child(document.spec, "bulkSubscribe")
    return bulk if text(child(bulk, "enabled")).lower() in YES else None


def _other_version(document: Document) -> Node | None:
    """What stands there of the other version."""
    key = "routes" if document.api_version == VERSION_1 else "route"
    return child(document.spec, key)


def _other(document: Document) -> str:
    return VERSION_2 if document.api_version == VERSION_1 else VERSION_1


def _to_other_version(document: Document, wrong: Node) -> tuple[Edit, ...]:
    node = child(document.node, "apiVersion")
    return () if node is None else (Edit(str(wrong.path), node.span, _other(document)),)


RULES: Final = (
    LintRule(
        "OB201",
        "missing-subscription-field",
        Severity.error,
        "A subscription does not say what it subscribes to",
        "No event is delivered: daprd has no topic to take, or no component to take it from.",
        "Add `pubsubname:` and `topic:`.",
        missing_subscription_field,
    ),
    LintRule(
        "OB202",
        "missing-route",
        Severity.error,
        "A subscription does not say which path of the app gets its events",
        "daprd takes every event and drops it, silently.",
        "Add the path of the handler.",
        missing_route,
    ),
    LintRule(
        "OB203",
        "route-of-other-version",
        Severity.error,
        "A subscription has the route of the other version",
        "daprd ignores the key silently, and drops every event, because it finds no route.",
        "`v1alpha1` has `route:`, `v2alpha1` has `routes:`.",
        route_of_other_version,
    ),
    LintRule(
        "OB204",
        "invalid-rule",
        Severity.error,
        "A routing rule is not valid CEL",
        "daprd ends at its start if it cannot read the rule. If the rule calls an unknown function, daprd "
        "says nothing, and never becomes ready.",
        "Correct the rule. It reads `event`, and calls only functions of CEL's standard library.",
        invalid_rule,
    ),
    LintRule(
        "OB205",
        "unguarded-field",
        Severity.note,
        "A routing rule reads a field that an event may lack",
        'For daprd that is an error, and not "no match": the event goes to the dead letter topic, or is '
        "tried again.",
        "Ask with `has()` first.",
        unguarded_field,
    ),
    LintRule(
        "OB206",
        "bulk-gathers-nothing",
        Severity.note,
        "A subscription asks for bulk, but its component hands over one event at a time",
        "Each bulk holds one event, and each event waits for the whole time that a bulk gathers.",
        "Leave `bulkSubscribe` out for this component.",
        bulk_gathers_nothing,
    ),
    LintRule(
        "OB207",
        "bulk-waits",
        Severity.note,
        "Bulk on Kafka waits for up to ten seconds",
        "An event waits until there are 80, or until 10 s have passed.",
        "Write `maxAwaitDurationMs`, for example `100`.",
        bulk_waits,
    ),
    LintRule(
        "OB208",
        "dead-letter-is-topic",
        Severity.error,
        "The dead letter topic is the topic itself",
        "An event whose handler fails comes back at once, for ever.",
        "Name another topic.",
        dead_letter_is_topic,
    ),
    LintRule(
        "OB209",
        "no-dead-letter",
        Severity.note,
        "A subscription has no dead letter topic",
        "An event that fails at each retry holds up all events behind it (Kafka), or is lost (Redis).",
        "Add `deadLetterTopic:`, and a retry policy.",
        no_dead_letter,
    ),
    LintRule(
        "OB210",
        "dead-letter-without-retry",
        Severity.note,
        "A subscription has a dead letter topic, but no retry policy",
        "An event becomes a dead letter at its first failure. While the app is down, every event does.",
        "Add a Resiliency with an inbound `retry` for the component.",
        dead_letter_without_retry,
    ),
)
