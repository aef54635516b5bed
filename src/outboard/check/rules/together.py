"""What holds between documents: names, namespaces, scopes, secrets. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Final

from outboard.check.apps import PodTemplate
from outboard.check.component import ComponentDocument
from outboard.check.corpus import Corpus
from outboard.check.document import Document, child, is_placeholder, items, text
from outboard.check.rule import Edit, Hit, LintRule, Severity, at
from outboard.check.rules.topics import is_denied, topics_of
from outboard.check.words import is_slip_of_name, nearest
from outboard.resources.node import Node

__all__ = ["RULES"]

DEFAULT_STORE: Final = "kubernetes"
MOST: Final = 100
"""Subscriptions to one topic that are compared with each other."""
SCOPED: Final = ("Component", "Subscription", "Resiliency", "HTTPEndpoint")


def wrong_namespace(corpus: Corpus) -> Iterator[Hit]:
    """Only where both namespaces are written, and files say that they belong together."""
    for document in corpus.documents:
        if not document.is_dapr or document.kind not in (*SCOPED, "Configuration") or not document.namespace:
            continue
        apps = _apps_meant(corpus, document)
        spaces = {pod.namespace for pod in apps}
        if spaces and "" not in spaces and document.namespace not in spaces:
            node = child(document.node, "metadata", "namespace") or document.node
            told = f"its apps are in {_listed(spaces)}, and this {document.kind} in `{document.namespace}`"
            yield at(node, told)


def duplicate_component(corpus: Corpus) -> Iterator[Hit]:
    for components in corpus.folders.values():
        first: dict[tuple[str, str], ComponentDocument] = {}
        for each in components:
            if not each.name or is_placeholder(each.name):
                continue
            there = first.setdefault((each.name, each.document.namespace), each)
            if there is not each:
                node = child(each.document.node, "metadata", "name") or each.document.node
                told = (
                    f"a component `{each.name}` is there already, in {_where(there.document, each.document)}"
                )
                yield at(node, told, severity=_of_duplicate(corpus, there.document, each.document))


def duplicate_subscription(corpus: Corpus) -> Iterator[Hit]:
    for documents in _of_one_topic(corpus):
        for one, other in combinations(documents[:MOST], 2):
            node = child(other.spec, "topic")
            if node is None or one.namespace != other.namespace:
                continue
            if not one.scopes or not other.scopes or set(one.scopes) & set(other.scopes):
                yield at(node, f"`{text(node)}` is subscribed to already, in {one.node.path}:{one.node.line}")


def raw_on_one_side(corpus: Corpus) -> Iterator[Hit]:
    for documents in _of_one_topic(corpus):
        for one, other in combinations(documents[:MOST], 2):
            raw = [
                text(child(each.spec, "metadata", "rawPayload")).lower() == "true" for each in (one, other)
            ]
            if raw[0] != raw[1]:
                node = child(other.spec, "topic")
                if node is not None:
                    yield at(node, f"only one of two subscriptions to `{text(node)}` has `rawPayload`")


def unknown_pubsub(corpus: Corpus) -> Iterator[Hit]:
    for document in corpus.subscriptions:
        node = child(document.spec, "pubsubname")
        beside = {each.name for each in corpus.beside(document) if each.category == "pubsub"}
        if node is None or not text(node) or not beside or is_placeholder(text(node)):
            continue
        if any(each.name == text(node) for each in corpus.components):
            continue
        near = nearest(text(node), beside)
        advice = f"Did you mean `{near}`?" if near else f"Beside it there is {_listed(beside)}."
        edits = (Edit(str(node.path), node.span, near),) if near else ()
        slip = near and is_slip_of_name(text(node), near)
        severity = None if slip or not corpus.is_for_kubernetes(document) else Severity.note
        told = f"there is no pub/sub component `{text(node)}`"
        yield at(node, told, advice, severity=severity, edits=edits)


def topic_not_allowed(corpus: Corpus) -> Iterator[Hit]:
    for component in corpus.components:
        for document in corpus.subscribed_to(component):
            node = child(document.spec, "topic")
            for app in document.scopes or ("",):
                if node is not None and is_denied(component, text(node), app, "subscriptionScopes"):
                    whom = f"`{app}`" if app else "any app"
                    yield at(node, f"`{component.name}` does not let {whom} take `{text(node)}`")


def dead_letter_not_allowed(corpus: Corpus) -> Iterator[Hit]:
    for component in corpus.components:
        for document in corpus.subscribed_to(component):
            node = child(document.spec, "deadLetterTopic")
            for app in document.scopes or _scoped_apps(component):
                if (
                    node is not None
                    and text(node)
                    and is_denied(component, text(node), app, "publishingScopes")
                ):
                    yield at(node, f"`{component.name}` does not let `{app}` publish to `{text(node)}`")
                    break


def unknown_scope(corpus: Corpus) -> Iterator[Hit]:
    if not corpus.app_ids:
        return
    for document in corpus.documents:
        if document.is_dapr and document.kind in SCOPED:
            for node in items(child(document.node, "scopes")):
                if (
                    text(node)
                    and text(node) not in corpus.app_ids
                    and not is_placeholder(text(node))
                    and (near := nearest(text(node), corpus.app_ids))
                    and is_slip_of_name(text(node), near)
                    and near not in document.scopes
                ):
                    edits = (Edit(str(node.path), node.span, near),)
                    yield at(node, f"there is no app `{text(node)}`", f"Did you mean `{near}`?", edits=edits)


def unknown_secret_store(corpus: Corpus) -> Iterator[Hit]:
    for component in corpus.components:
        node = child(component.document.node, "auth", "secretStore")
        stores = {each.name for each in corpus.beside(component.document) if each.category == "secretstores"}
        if node is None or is_placeholder(text(node)) or text(node) in (DEFAULT_STORE, ""):
            continue
        if any(each.name == text(node) for each in corpus.components):
            continue
        if near := nearest(text(node), stores):
            yield at(node, f"there is no secret store `{text(node)}`", f"Did you mean `{near}`?")
        elif stores:
            yield at(node, f"there is no secret store `{text(node)}` beside it", severity=Severity.note)


def secret_in_other_namespace(corpus: Corpus) -> Iterator[Hit]:
    secrets: dict[str, set[str]] = {}
    for each in corpus.documents:
        if each.kind == "Secret" and each.name and not each.is_dapr:
            secrets.setdefault(each.name, set()).add(each.namespace)
    for component, node in _secrets_named(corpus):
        where = secrets.get(text(node), set())
        space = component.document.namespace
        if space and where and "" not in where and space not in where:
            yield at(
                node, f"the Secret `{text(node)}` is in {_listed(where)}, and the component in `{space}`"
            )


def secret_not_readable(corpus: Corpus) -> Iterator[Hit]:
    """A Role of the namespace lists the Secrets that may be read, and leaves this one out."""
    for component, node in _secrets_named(corpus):
        space = component.document.namespace
        lists = [
            {text(each) for each in items(child(rule, "resourceNames"))}
            for role in corpus.documents
            if role.kind == "Role" and role.namespace == space
            for rule in items(child(role.node, "rules"))
            if {text(each) for each in items(child(rule, "resources"))} & {"secrets", "*"}
        ]
        if lists and all(lists) and not any(text(node) in each for each in lists):
            yield at(node, f"no Role of this namespace lets the Secret `{text(node)}` be read")


def _apps_meant(corpus: Corpus, document: Document) -> list[PodTemplate]:
    if document.kind == "Configuration":
        return [each for each in corpus.dapr_pods if each.annotation("config") == document.name]
    if document.scopes:
        return [each for each in corpus.dapr_pods if each.app_id in document.scopes]
    return list(corpus.pods_of_group.get(document.group, ()))


def _secrets_named(corpus: Corpus) -> Iterator[tuple[ComponentDocument, Node]]:
    for component in corpus.components:
        store = text(child(component.document.node, "auth", "secretStore")) or DEFAULT_STORE
        for each in component.fields:
            name = child(each.secret, "name")
            if name is not None and text(name) and store == DEFAULT_STORE:
                yield component, name


def _of_duplicate(corpus: Corpus, one: Document, other: Document) -> Severity | None:
    """Of files for a cluster one may be meant to be applied, as of one component a cloud."""
    apart = one.node.path != other.node.path and not one.is_stream
    return Severity.note if apart and corpus.is_for_kubernetes(one) else None


def _where(document: Document, seen_from: Document) -> str:
    if document.node.path == seen_from.node.path:
        return f"line {document.node.line}"
    return f"{document.node.path}:{document.node.line}"


def _of_one_topic(corpus: Corpus) -> Iterator[list[Document]]:
    """The subscriptions of each group and topic, where there are several."""
    found: dict[tuple[str, str, str], list[Document]] = {}
    for each in corpus.subscriptions:
        pubsub, topic = (text(child(each.spec, key)) for key in ("pubsubname", "topic"))
        if pubsub and topic:
            found.setdefault((each.group, pubsub, topic), []).append(each)
    return (each for each in found.values() if len(each) > 1)


def _scoped_apps(component: ComponentDocument) -> tuple[str, ...]:
    return component.scopes or tuple(topics_of(component.value("publishingScopes") or ""))


def _listed(names: set[str]) -> str:
    return " and ".join(f"`{each}`" for each in sorted(names))


RULES: Final = (
    LintRule(
        "OB701",
        "wrong-namespace",
        Severity.error,
        "A resource is in another namespace than the apps that use it",
        "A sidecar sees only the resources of its own namespace: for it the component does not exist.",
        "Write the namespace of the apps.",
        wrong_namespace,
    ),
    LintRule(
        "OB702",
        "duplicate-component",
        Severity.error,
        "Two components have the same name",
        "daprd ends at its start: `duplicate definition of Component name`; Kubernetes keeps the last one.",
        "Rename or remove one of them.",
        duplicate_component,
    ),
    LintRule(
        "OB703",
        "dead-letter-not-allowed",
        Severity.warning,
        "An app may not publish to its dead letter topic",
        "The dead letter is refused, and the event comes again, for ever.",
        "Add the topic to `publishingScopes` and `allowedTopics` of the component.",
        dead_letter_not_allowed,
    ),
    LintRule(
        "OB704",
        "topic-not-allowed",
        Severity.warning,
        "An app may not subscribe to a topic",
        "The subscription never starts; daprd only logs it.",
        "Add the topic to `subscriptionScopes` and `allowedTopics` of the component.",
        topic_not_allowed,
    ),
    LintRule(
        "OB705",
        "unknown-pubsub",
        Severity.warning,
        "A subscription names a component that does not exist",
        "The subscription never starts; daprd only logs it.",
        "Correct `pubsubname`.",
        unknown_pubsub,
    ),
    LintRule(
        "OB706",
        "unknown-scope",
        Severity.warning,
        "A scope names an app that does not exist",
        "The app that is meant does not get the resource.",
        "Correct the name.",
        unknown_scope,
    ),
    LintRule(
        "OB707",
        "duplicate-subscription",
        Severity.warning,
        "One app subscribes to a topic twice",
        "The first one counts, silently: the route of the other gets nothing.",
        "Remove one, or write both routes as rules of one subscription.",
        duplicate_subscription,
    ),
    LintRule(
        "OB708",
        "raw-on-one-side",
        Severity.warning,
        "Only one of the subscriptions to a topic takes raw payloads",
        "One of them gets what it cannot read: an event wrapped in another one, or no CloudEvent at all.",
        "Write `rawPayload` on both, or on none.",
        raw_on_one_side,
    ),
    LintRule(
        "OB709",
        "unknown-secret-store",
        Severity.warning,
        "A component names a secret store that does not exist",
        "The component waits for the store, silently, while the sidecar reports that it is ready.",
        "Correct `auth.secretStore`.",
        unknown_secret_store,
    ),
    LintRule(
        "OB710",
        "secret-in-other-namespace",
        Severity.error,
        "A Secret is in another namespace than the component that names it",
        "The secret is not found: the component is not loaded.",
        "Put the Secret into the component's namespace.",
        secret_in_other_namespace,
    ),
    LintRule(
        "OB711",
        "secret-not-readable",
        Severity.warning,
        "No Role lets a sidecar read a Secret",
        "Kubernetes refuses the sidecar: `secrets … is forbidden`, and the component is not loaded.",
        "Add the Secret to `resourceNames` of the Role.",
        secret_not_readable,
    ),
)
