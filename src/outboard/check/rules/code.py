"""What apps that were loaded take and publish, held against their resources and against each other. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from outboard.cel import ExpressionInvalid
from outboard.check.component import ComponentDocument
from outboard.check.corpus import Corpus
from outboard.check.document import Document, child, is_placeholder, items, text
from outboard.check.inspected import InspectedApp, InspectedTopic
from outboard.check.rule import Hit, LintRule, Severity, at
from outboard.check.rules.subscriptions import SERIAL, VARIABLE
from outboard.check.rules.topics import is_denied
from outboard.check.words import is_slip_of_name, nearest
from outboard.resources.node import Node, Span

__all__ = ["RULES"]


def unknown_component_of_app(corpus: Corpus) -> Iterator[Hit]:
    for app, each in _used(corpus):
        known = {one.name for one in corpus.components_of(app.resources) if one.category == "pubsub"}
        if not known or each.pubsub in known or any(map(is_placeholder, known)):
            continue
        near = nearest(each.pubsub, known)
        advice = f"Did you mean `{near}`?" if near else f"There is {_listed(known)}."
        yield _at(each, f"{app.name} uses the pub/sub component `{each.pubsub}`, and there is none", advice)


def component_without_app(corpus: Corpus) -> Iterator[Hit]:
    for app, each in _used(corpus):
        component = _component(corpus, app, each)
        scopes = component.scopes if component is not None else ()
        if app.app_id and scopes and app.app_id not in scopes and not any(map(is_placeholder, scopes)):
            yield _at(each, f"`{each.pubsub}` is loaded only by {_listed(scopes)}, and not by `{app.app_id}`")


def topic_of_app_not_allowed(corpus: Corpus) -> Iterator[Hit]:
    for app in corpus.inspected:
        kinds = ((app.takes, "subscriptionScopes", "take"), (app.publishes, "publishingScopes", "publish to"))
        for topics, scopes, what in kinds:
            for each in topics:
                component = _component(corpus, app, each)
                if (
                    component is not None
                    and app.app_id
                    and is_denied(component, each.topic, app.app_id, scopes)
                ):
                    yield _at(each, f"`{each.pubsub}` does not let `{app.app_id}` {what} `{each.topic}`")


def dead_letter_of_app_not_allowed(corpus: Corpus) -> Iterator[Hit]:
    for app in corpus.inspected:
        for each in app.takes:
            component = _component(corpus, app, each)
            if (
                component is not None
                and app.app_id
                and each.dead_letter
                and is_denied(component, each.dead_letter, app.app_id, "publishingScopes")
            ):
                yield _at(
                    each, f"`{each.pubsub}` does not let `{app.app_id}` publish to `{each.dead_letter}`"
                )


def subscribed_in_code_and_file(corpus: Corpus) -> Iterator[Hit]:
    for app in corpus.inspected:
        for document in corpus.subscriptions:
            key = (text(child(document.spec, "pubsubname")), text(child(document.spec, "topic")))
            node = child(document.spec, "topic")
            if app.resources and document.group not in app.resources:
                continue
            for each in app.takes:
                mine = not document.scopes or app.app_id in document.scopes
                if node is not None and each.key == key and mine:
                    yield at(node, f"`{key[1]}` is subscribed to by {app.name} itself, in {_place(each)}")
                    break


def invalid_rule_of_app(corpus: Corpus) -> Iterator[Hit]:
    if corpus.compile is None:
        return
    for app in corpus.inspected:
        for each in app.takes:
            for rule in each.match:
                try:
                    unknown = corpus.compile(rule.strip()).names - {VARIABLE}
                except ExpressionInvalid as error:
                    yield _at(each, f"the rule of a handler cannot be read: {error}")
                else:
                    if unknown:
                        told = f"the rule of a handler reads `{sorted(unknown)[0]}`"
                        yield _at(each, f"{told}, but there is only `event`")


def bulk_of_app_gathers_nothing(corpus: Corpus) -> Iterator[Hit]:
    for app in corpus.inspected:
        for each in app.takes:
            component = _component(corpus, app, each)
            serial = component is not None and component.type in SERIAL and not component.has("partitions")
            if each.is_bulk and component is not None and serial:
                yield _at(each, f"{component.type} hands over one event after the other: each bulk has one")


def published_and_not_taken(corpus: Corpus) -> Iterator[Hit]:
    if not corpus.all_inspected:
        return
    taken = {each.key for app in corpus.inspected for each in app.takes} | _taken_in_files(corpus)
    for app in corpus.inspected:
        for each in _first_of_each(app.publishes):
            if each.key not in taken:
                yield _lonely(each, f"{app.name} publishes to `{each.topic}`, and no app takes it", taken)


def taken_and_not_published(corpus: Corpus) -> Iterator[Hit]:
    apps = corpus.inspected
    if not corpus.all_inspected or any(app.unseen for app in apps):
        return
    published = {each.key for app in apps for each in app.publishes}
    published |= {(each.pubsub, each.dead_letter) for app in apps for each in app.takes}
    mute = {key for app in apps for key in _declared_alone(app)}
    for app in apps:
        for each in _first_of_each(app.takes):
            if each.key not in published | mute:
                yield _lonely(each, f"{app.name} takes `{each.topic}`, and no app publishes to it", published)


def no_port_of_app(corpus: Corpus) -> Iterator[Hit]:
    ports = {each.app_id: each.port for each in corpus.run_apps}
    for app in corpus.inspected:
        if app.takes and not app.is_streaming and app.node is not None and not ports.get(app.app_id):
            yield at(app.node, f"{app.name} takes `{app.takes[0].topic}`, and has no `appPort`")


def handler_not_served(corpus: Corpus) -> Iterator[Hit]:
    for app in corpus.inspected:
        for each in app.unserved:
            if not app.is_streaming:
                yield _at(each, f"no route of {app.name} leads to the handler of `{each.topic}`")


def route_not_served(corpus: Corpus) -> Iterator[Hit]:
    """Of a subscription without scopes it is enough that one of the apps that get it serves the route."""
    for document in corpus.subscriptions:
        apps = [app for app in corpus.inspected if _is_for(document, app) and not app.is_streaming]
        if not apps or any(app.posts is None for app in apps):
            continue
        for node in _paths(document):
            path = f"/{text(node).lstrip('/')}"
            served = [_serves(app, path) for app in apps]
            if is_placeholder(path) or (all(served) if document.scopes else any(served)):
                continue
            lacking = " and ".join(app.name for app, has in zip(apps, served, strict=True) if not has)
            near = nearest(path, [each for app in apps for each in app.posts or ()])
            advice = f"Did you mean `{near}`?" if near else ""
            yield at(node, f"{lacking} takes no POST at `{path}`", advice)


def _is_for(document: Document, app: InspectedApp) -> bool:
    return (not app.resources or document.group in app.resources) and (
        not document.scopes or app.app_id in document.scopes
    )


def _paths(document: Document) -> list[Node]:
    rules = (child(each, "path") for each in items(child(document.spec, "routes", "rules")))
    found = (child(document.spec, "route"), child(document.spec, "routes", "default"), *rules)
    return [each for each in found if each is not None and text(each)]


def _serves(app: InspectedApp, path: str) -> bool:
    return any(re.fullmatch(_pattern(each), path.partition("?")[0]) for each in app.posts or ())


def _pattern(declared: str) -> str:
    """What a path of Starlette's takes: `{name}` is one part, `{name:path}` may be several."""
    parts = re.split(r"(\{\w+(?::\w+)?\})", declared)
    return "".join(
        (".*" if part.endswith(":path}") else "[^/]+") if part.startswith("{") else re.escape(part)
        for part in parts
    )


def _used(corpus: Corpus) -> Iterator[tuple[InspectedApp, InspectedTopic]]:
    """Each topic that an app takes, publishes to or declares, once, at the best place that is known."""
    for app in corpus.inspected:
        for each in _first_of_each((*app.takes, *app.publishes, *app.declares)):
            if each.pubsub:
                yield app, each


def _component(corpus: Corpus, app: InspectedApp, topic: InspectedTopic) -> ComponentDocument | None:
    """The one that is meant; None where there is none, or several of this name."""
    found = [each for each in corpus.components_of(app.resources) if each.name == topic.pubsub]
    return found[0] if len(found) == 1 else None


def _declared_alone(app: InspectedApp) -> Iterator[tuple[str, str]]:
    """The topics that an app declares and does not take: it may publish to them where nobody sees it."""
    taken = {each.key for each in app.takes}
    return (each.key for each in app.declares if each.key not in taken)


def _taken_in_files(corpus: Corpus) -> set[tuple[str, str]]:
    return {
        (text(child(each.spec, "pubsubname")), text(child(each.spec, "topic")))
        for each in corpus.subscriptions
    }


def _first_of_each(topics: Iterable[InspectedTopic]) -> Iterator[InspectedTopic]:
    seen: set[tuple[str, str]] = set()
    for each in topics:
        if each.key not in seen:
            seen.add(each.key)
            yield each


def _lonely(each: InspectedTopic, told: str, others: Iterable[tuple[str, str]]) -> Hit:
    """A note, since somebody outside may be the other side; a warning where a name looks like a slip."""
    near = nearest(each.topic, [topic for pubsub, topic in others if pubsub == each.pubsub and topic])
    slip = bool(near) and is_slip_of_name(each.topic, near)
    advice = f"Did you mean `{near}`?" if slip else ""
    return _at(each, told, advice, severity=Severity.warning if slip else None)


def _at(each: InspectedTopic, message: str, advice: str = "", severity: Severity | None = None) -> Hit:
    span = Span(each.line, 1, each.line, 1) if each.line else Span()
    return Hit(each.file or "(code)", span, message, advice, severity)


def _place(each: InspectedTopic) -> str:
    return f"{each.file}:{each.line}" if each.file else "its code"


def _listed(names: Iterable[str]) -> str:
    return " and ".join(f"`{each}`" for each in sorted(names))


RULES: Final = (
    LintRule(
        "OB801",
        "unknown-component-of-app",
        Severity.error,
        "An app names a pub/sub component that does not exist",
        "Publishing is refused (`pubsub … is not found`), and a subscription never starts.",
        "Correct the name in the code, or in DAPR_PUBSUB_NAME, or add the component.",
        unknown_component_of_app,
    ),
    LintRule(
        "OB802",
        "component-without-app",
        Severity.error,
        "An app uses a component whose scopes leave it out",
        "Its sidecar does not load the component: publishing is refused, and a subscription never starts.",
        "Add the app to `scopes` of the component.",
        component_without_app,
    ),
    LintRule(
        "OB803",
        "topic-of-app-not-allowed",
        Severity.error,
        "An app uses a topic that its component does not let it use",
        "Publishing is refused with 403, and a subscription never starts; daprd only logs it.",
        "Add the topic to `publishingScopes` or `subscriptionScopes`, and to `allowedTopics` if it has any.",
        topic_of_app_not_allowed,
    ),
    LintRule(
        "OB804",
        "dead-letter-of-app-not-allowed",
        Severity.warning,
        "An app may not publish to the dead letter topic of its handler",
        "The dead letter is refused, and the event comes again, for ever.",
        "Add the topic to `publishingScopes` and `allowedTopics` of the component.",
        dead_letter_of_app_not_allowed,
    ),
    LintRule(
        "OB805",
        "subscribed-in-code-and-file",
        Severity.warning,
        "Both the code and a file subscribe to a topic",
        "Only one of them counts, silently: the route of the other one gets nothing.",
        "Remove one of them.",
        subscribed_in_code_and_file,
    ),
    LintRule(
        "OB806",
        "invalid-rule-of-app",
        Severity.error,
        "The `match` of a handler is not valid CEL",
        "daprd never becomes ready, and logs nothing: it delivers no event.",
        "Correct the rule. It reads `event`, and calls only functions of CEL's standard library.",
        invalid_rule_of_app,
    ),
    LintRule(
        "OB807",
        "bulk-of-app-gathers-nothing",
        Severity.note,
        "A handler asks for bulk, but its component hands over one event at a time",
        "Each bulk holds one event, and each event waits for the whole time that a bulk gathers.",
        "Leave bulk out for this component, or give it `partitions`.",
        bulk_of_app_gathers_nothing,
    ),
    LintRule(
        "OB808",
        "published-and-not-taken",
        Severity.note,
        "An app publishes to a topic that no app takes",
        "The broker keeps its events, and nobody reads them, unless a program outside does.",
        "Subscribe to it, correct the name, or leave it for whoever takes it outside.",
        published_and_not_taken,
    ),
    LintRule(
        "OB809",
        "taken-and-not-published",
        Severity.note,
        "An app takes a topic that no app publishes to",
        "The handler never runs, unless a program outside publishes.",
        "Publish to it, correct the name, or leave it for whoever publishes outside.",
        taken_and_not_published,
    ),
    LintRule(
        "OB810",
        "no-port-of-app",
        Severity.warning,
        "An app takes events, but has no port",
        "No event is delivered to it: the sidecar does not know where it listens, and asks it nothing.",
        "Add `appPort`, or let the board take its events by streams: `Outboard(streaming=True)`.",
        no_port_of_app,
    ),
    LintRule(
        "OB811",
        "handler-not-served",
        Severity.error,
        "A handler has no route in the app",
        "The app does not start: the kit refuses a handler that nobody can call.",
        "Include its router in the app: `app.include_router(...)`; or call `board.mount(app)`.",
        handler_not_served,
    ),
    LintRule(
        "OB812",
        "route-not-served",
        Severity.error,
        "A declared subscription names a route that the app does not have",
        "The app answers 404 to each event, and the sidecar drops it.",
        "Correct the path, or add the route: `@app.post(...)`.",
        route_not_served,
    ),
)
