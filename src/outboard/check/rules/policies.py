"""Resiliency: policies, targets, and how long they try. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from outboard.cel import ExpressionInvalid
from outboard.check.component import ComponentDocument
from outboard.check.corpus import Corpus
from outboard.check.document import Document, below, child, entries, is_placeholder, text
from outboard.check.rule import Hit, LintRule, Severity, at, at_key
from outboard.check.words import is_slip_of_name, nearest
from outboard.resources import duration, resiliency_reader
from outboard.resources.node import Node, Span

__all__ = ["RULES", "retries_inbound"]

KINDS: Final[Mapping[str, str]] = {
    "timeout": "timeouts",
    "retry": "retries",
    "circuitBreaker": "circuitBreakers",
}
DEFAULT_POLICY: Final = re.compile(r"(Default\w*Policy|DaprBuiltIn\w*)\Z")
"""The names of policies that count where no target names one."""
COUNTS: Final = frozenset(
    {"requests", "totalSuccesses", "totalFailures", "consecutiveSuccesses", "consecutiveFailures"}
)
KAFKA_SESSION: Final = 10.0
DEFAULT_RETRY: Final = 5.0


def invalid_policy(corpus: Corpus) -> Iterator[Hit]:
    for document in corpus.resiliencies:
        if document.spec is None:
            continue
        for error in resiliency_reader.problems(document.node):
            if is_placeholder(error.problem):
                continue
            node = next((each for each in below(document.node) if each.key_span.line == error.line), None)
            if node is None:
                yield Hit(error.path, Span(error.line, 1, error.line, 1), error.problem, error.advice)
            else:
                yield at(node, error.problem, error.advice)


def invalid_trip(corpus: Corpus) -> Iterator[Hit]:
    if corpus.compile is None:
        return
    for document in corpus.resiliencies:
        for breaker in entries(child(document.spec, "policies", "circuitBreakers")).values():
            trip = child(breaker, "trip")
            if trip is None or not text(trip) or is_placeholder(text(trip)):
                continue
            try:
                unknown = corpus.compile(text(trip)).names - COUNTS
            except ExpressionInvalid as error:
                yield at(trip, f"`trip` is not a rule: {error}")
            else:
                if unknown:
                    yield at(trip, f"`trip` counts `{sorted(unknown)[0]}`, but there is no such count")


def unknown_policy(corpus: Corpus) -> Iterator[Hit]:
    for document in corpus.resiliencies:
        for kind, node in _uses(document):
            names = tuple(_policies(document, kind))
            beside = [each for each in corpus.resiliencies if each.group == document.group]
            every = {name for each in beside for name in _policies(each, kind)}
            if text(node) and text(node) not in every and not is_placeholder(text(node)):
                near = nearest(text(node), names)
                yield at(
                    node, f"there is no policy `{text(node)}`", f"Did you mean `{near}`?" if near else ""
                )


def unused_policy(corpus: Corpus) -> Iterator[Hit]:
    used = {text(node) for document in corpus.resiliencies for _, node in _uses(document)}
    for document in corpus.resiliencies:
        for kind in KINDS:
            for name, node in _policies(document, kind).items():
                if name not in used and not DEFAULT_POLICY.search(name):
                    yield at_key(node, f"no target uses the policy `{name}`")


def unknown_target(corpus: Corpus) -> Iterator[Hit]:
    for document in corpus.resiliencies:
        yield from _unknown_apps(corpus, document)
        names = {each.name for each in corpus.components if each.document.group == document.group}
        for name, node in entries(child(document.spec, "targets", "components")).items():
            if name in names or not names or is_placeholder(name):
                continue
            if any(each.name == name for each in corpus.components):
                continue
            near = nearest(name, names)
            told = f"there is no component `{name}` beside it"
            yield at_key(
                node,
                told,
                f"Did you mean `{near}`?" if near else "",
                severity=Severity.warning if near and is_slip_of_name(name, near) else Severity.note,
            )


def _unknown_apps(corpus: Corpus, document: Document) -> Iterator[Hit]:
    """Where an app is almost called so: others may be elsewhere."""
    names = {*corpus.app_ids, *(each.name for each in corpus.of_kind("HTTPEndpoint"))}
    for name, node in entries(child(document.spec, "targets", "apps")).items():
        near = nearest(name, names) if name not in names else ""
        if near and is_slip_of_name(name, near):
            yield at_key(node, f"there is no app `{name}`", f"Did you mean `{near}`?")


def resiliency_not_first(corpus: Corpus) -> Iterator[Hit]:
    """Kubernetes applies each document; daprd on a laptop reads a file's first alone."""
    for document in corpus.resiliencies:
        if document.index > 0 and not document.is_stream and not corpus.is_for_kubernetes(document):
            node = child(document.node, "kind") or document.node
            yield at(node, f"this Resiliency is document {document.index + 1} of its file")


def retries_beyond_session(corpus: Corpus) -> Iterator[Hit]:
    for component in corpus.components:
        if component.type != "pubsub.kafka":
            continue
        subscriptions = corpus.subscribed_to(component)
        if subscriptions and all(child(each.spec, "deadLetterTopic") for each in subscriptions):
            continue
        session = _seconds(component.value("sessionTimeout")) or KAFKA_SESSION
        for document, retry in _inbound(corpus, component):
            policy = _policies(document, "retry").get(text(retry))
            lasts = _lasts(policy)
            if policy is not None and lasts > session:
                severity = Severity.warning if subscriptions else Severity.note
                told = "for ever" if lasts == float("inf") else f"for {lasts:g} s"
                yield at(
                    retry,
                    f"`{text(retry)}` retries {told}, and a session lasts {session:g} s",
                    severity=severity,
                )


def retries_inbound(corpus: Corpus, component: ComponentDocument) -> bool:
    """Whether a policy delivers an event of `component` again whose handler failed."""
    return any(_inbound(corpus, component))


def _inbound(corpus: Corpus, component: ComponentDocument) -> Iterator[tuple[Document, Node]]:
    for document in corpus.resiliencies:
        for name, node in entries(child(document.spec, "targets", "components")).items():
            retry = child(node, "inbound", "retry")
            if name == component.name and retry is not None and corpus.named(name, document) is component:
                yield document, retry


def _lasts(policy: Node | None) -> float:
    """Seconds that a retry policy goes on at most, not counting the attempts themselves."""
    retries = text(child(policy, "maxRetries")) or "-1"
    if not re.fullmatch(r"-?\d+", retries):
        return 0.0
    if int(retries) < 0:
        return float("inf")
    exponential = text(child(policy, "policy")).lower() == "exponential"
    longest = child(policy, "maxInterval") if exponential else child(policy, "duration")
    pause = _seconds(text(longest) or None)
    return int(retries) * (pause if pause is not None else DEFAULT_RETRY)


def _seconds(written: str | None) -> float | None:
    if not written:
        return None
    try:
        return duration.parse(written)
    except ValueError:
        return int(written) / 1000 if written.isdigit() else None


def _policies(document: Document, kind: str) -> Mapping[str, Node]:
    return entries(child(document.spec, "policies", KINDS[kind]))


def _uses(document: Document) -> Iterator[tuple[str, Node]]:
    """Each place where a target names a policy, with the kind of policy."""
    targets = child(document.spec, "targets")
    owners = [
        *entries(child(targets, "apps")).values(),
        *entries(child(targets, "actors")).values(),
        *(
            direction
            for each in entries(child(targets, "components")).values()
            for direction in entries(each).values()
        ),
    ]
    for owner in owners:
        for kind in KINDS:
            found = child(owner, kind)
            if found is not None:
                yield kind, found


RULES: Final = (
    LintRule(
        "OB301",
        "invalid-policy",
        Severity.error,
        "A resiliency policy cannot be read",
        "daprd logs it, and goes on without the policies of the file.",
        "Correct the value.",
        invalid_policy,
    ),
    LintRule(
        "OB302",
        "invalid-trip",
        Severity.error,
        "The rule of a circuit breaker is not valid",
        "The breaker never opens, silently; with a syntax error daprd goes on without the whole file.",
        "Write a CEL expression over `consecutiveFailures`, `totalFailures`, `requests` and their like.",
        invalid_trip,
    ),
    LintRule(
        "OB303",
        "unknown-policy",
        Severity.error,
        "A target names a policy that does not exist",
        "The target has no policy, silently: nothing is tried again, and nothing is cut short.",
        "Correct the name, or define the policy under `policies:`.",
        unknown_policy,
    ),
    LintRule(
        "OB304",
        "unused-policy",
        Severity.note,
        "No target uses a policy",
        "It has no effect.",
        "Name it in a target, or remove it.",
        unused_policy,
    ),
    LintRule(
        "OB305",
        "unknown-target",
        Severity.warning,
        "A resiliency target names a component or an app that does not exist",
        "The policies of this target have no effect, silently.",
        "Correct the name.",
        unknown_target,
    ),
    LintRule(
        "OB306",
        "resiliency-not-first",
        Severity.warning,
        "A Resiliency is not the first document of its file",
        "daprd reads policies only from the first document of a file, and ignores this one silently. "
        "(Kubernetes reads each.)",
        "Give it a file of its own.",
        resiliency_not_first,
    ),
    LintRule(
        "OB307",
        "retries-beyond-session",
        Severity.warning,
        "Retries go on longer than a Kafka session lasts, and there is no dead letter topic",
        "The partition waits for one event all that time. When Kafka rebalances the group, the retries begin "
        "again at another member, and the events behind it are late.",
        "Limit `maxRetries`, and give the subscription a `deadLetterTopic`.",
        retries_beyond_session,
    ),
)
