"""What holds for each resource of Dapr: kind, version, keys, names. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from outboard.check.corpus import Corpus
from outboard.check.document import Document, below, child, entries, is_placeholder, text
from outboard.check.rule import Edit, Hit, LintRule, Severity, at, at_key
from outboard.check.words import nearest
from outboard.resources.node import Node
from outboard.resources.shape import (
    COMPONENT,
    CONFIGURATION,
    HTTP_ENDPOINT,
    RESILIENCY,
    SUBSCRIPTION,
    Shape,
    keys_in_other_case,
    unknown_keys,
)

__all__ = ["RULES"]

SHAPES: Final[Mapping[str, Shape]] = {
    "Component": COMPONENT,
    "Configuration": CONFIGURATION,
    "HTTPEndpoint": HTTP_ENDPOINT,
    "Resiliency": RESILIENCY,
    "Subscription": SUBSCRIPTION,
}
VERSIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "Component": ("dapr.io/v1alpha1",),
    "Configuration": ("dapr.io/v1alpha1",),
    "HTTPEndpoint": ("dapr.io/v1alpha1",),
    "MCPServer": ("dapr.io/v1alpha1",),
    "Resiliency": ("dapr.io/v1alpha1",),
    "Subscription": ("dapr.io/v1alpha1", "dapr.io/v2alpha1"),
    "WorkflowAccessPolicy": ("dapr.io/v1alpha1",),
}
TOP: Final = frozenset({"scopes", "auth"})
"""What is often written below `spec` or `metadata`."""
OWN_VERSIONS: Final = ("v1alpha1", "v1", "1")
"""What stands beside `apiVersion` in resources that were written after an early example."""
KUBERNETES_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?\Z")
LONGEST_NAME: Final = 253


def unknown_kind(corpus: Corpus) -> Iterator[Hit]:
    for document in corpus.documents:
        node = child(document.node, "kind")
        if not document.is_dapr or document.kind in VERSIONS or is_placeholder(document.kind):
            continue
        if node is None:
            yield at(document.node, "`kind` is missing", "Add for instance `kind: Component`.")
        else:
            near = nearest(document.kind, VERSIONS)
            told = f"Dapr has no kind `{document.kind}`"
            edits = (Edit(str(node.path), node.span, near),) if near else ()
            yield at(node, told, f"Write `{near}`." if near else "", edits=edits)


def unknown_api_version(corpus: Corpus) -> Iterator[Hit]:
    for document in corpus.documents:
        node = child(document.node, "apiVersion")
        if document.kind not in VERSIONS or document.api_version in VERSIONS[document.kind]:
            continue
        if node is not None and (is_placeholder(document.api_version) or not _meant_for_dapr(document)):
            continue
        known = " or ".join(f"`{each}`" for each in VERSIONS[document.kind])
        if node is None:
            if _looks_like_dapr(document):
                yield at(
                    child(document.node, "kind") or document.node, "`apiVersion` is missing", f"Add {known}."
                )
        else:
            only = VERSIONS[document.kind]
            edits = (Edit(str(node.path), node.span, only[0]),) if len(only) == 1 else ()
            told = f"a {document.kind} has no version `{document.api_version}`"
            yield at(node, told, f"Write {known}.", edits=edits)


def unknown_key(corpus: Corpus) -> Iterator[Hit]:
    for document in corpus.documents:
        if not document.is_dapr or document.kind not in SHAPES:
            continue
        folds = document.kind != "Configuration"
        yield from _in_other_case(corpus, document) if folds else ()
        unlisted = _fields_without_list(document)
        for node, known in unknown_keys(document.node, SHAPES[document.kind], fold_case=folds):
            if is_placeholder(node.key) or any(node is each for each in unlisted):
                continue
            there = _keys_beside(document.node, node)
            near = nearest(node.key, [each for each in known if each.lower() not in there])
            advice = _advice(document, node, near, known)
            plain = near and near.rstrip("s") == node.key.rstrip("s")
            harmless = node.key == "version" and node.text in OWN_VERSIONS
            yield at_key(
                node,
                f"unknown key `{node.key}`",
                "Remove it: it says nothing." if harmless else advice,
                severity=Severity.note if harmless else None,
                edits=(Edit(str(node.path), node.key_span, near),) if near and node.key_span.line else (),
                certain=bool(plain),
            )


def _advice(document: Document, node: Node, near: str, known: Collection[str]) -> str:
    if near:
        return f"Did you mean `{near}`?"
    if node.key.lower() in TOP and all(node is not each for each in entries(document.node).values()):
        return f"`{node.key}` stands at the top of a {document.kind}, beside `spec`: indent it less."
    if node.key == "valueFrom" and "secretKeyRef" in known:
        return "Write `secretKeyRef` with `name` and `key` in its place: components have no `valueFrom`."
    return f"Known here: {', '.join(sorted(known))}."


def _in_other_case(corpus: Corpus, document: Document) -> Iterator[Hit]:
    """daprd reads these keys from a file in any case, and Kubernetes in one."""
    of_cluster = corpus.is_for_kubernetes(document)
    for node, name in keys_in_other_case(document.node, SHAPES[document.kind]):
        edits = (Edit(str(node.path), node.key_span, name),) if node.key_span.line else ()
        advice = f"Write `{name}`" + ("." if of_cluster else ": Kubernetes reads it only in this case.")
        yield at_key(
            node,
            f"`{node.key}` is not in the case that Kubernetes knows",
            advice,
            severity=Severity.warning if of_cluster else Severity.note,
            edits=edits,
            certain=True,
        )


def _fields_without_list(document: Document) -> tuple[Node, ...]:
    """The keys of a component's metadata that is no list, of which another rule tells."""
    metadata = child(document.spec, "metadata") if document.kind == "Component" else None
    return tuple(entries(metadata).values())


def missing_name(corpus: Corpus) -> Iterator[Hit]:
    for document in corpus.documents:
        if document.is_dapr and document.kind in SHAPES and not document.name:
            place = child(document.node, "metadata") or document.node
            yield at(place, f"this {document.kind} has no name")


def invalid_name(corpus: Corpus) -> Iterator[Hit]:
    for document in corpus.documents:
        node = child(document.node, "metadata", "name")
        if node is None or not document.is_dapr or document.kind not in SHAPES:
            continue
        name = text(node)
        if name and not is_placeholder(name) and not _is_kubernetes_name(name):
            severity = Severity.warning if corpus.is_for_kubernetes(document) else Severity.note
            yield at(node, f"`{name}` is not a name that Kubernetes takes", severity=severity)


def empty_spec(corpus: Corpus) -> Iterator[Hit]:
    for document in corpus.documents:
        if document.is_dapr and document.kind in SHAPES and document.spec is None:
            yield at(child(document.node, "kind") or document.node, f"this {document.kind} has no `spec`")


def _keys_beside(top: Node, node: Node) -> frozenset[str]:
    """The lower-case keys of the mapping in which `node` stands."""
    around = (each.value for each in below(top) if isinstance(each.value, Mapping))
    return next(
        (frozenset(map(str.lower, each)) for each in around if any(one is node for one in each.values())),
        frozenset(),
    )


def _is_kubernetes_name(name: str) -> bool:
    return len(name) <= LONGEST_NAME and bool(KUBERNETES_NAME.match(name))


def _looks_like_dapr(document: Document) -> bool:
    """`Component`, `Configuration` and `Subscription` are kinds of others, too."""
    spec = document.spec
    return document.kind == "Component" and "." in text(child(spec, "type"))


def _meant_for_dapr(document: Document) -> bool:
    return document.api_version.partition("/")[0] in {
        "dapr.io",
        "dapr",
        "dapr.com",
    } or document.api_version in {
        "v1alpha1",
        "v2alpha1",
    }


RULES: Final = (
    LintRule(
        "OB010",
        "unknown-kind",
        Severity.error,
        "A resource has a kind that Dapr does not know",
        "daprd ignores the document silently; Kubernetes refuses it.",
        "Correct `kind`.",
        unknown_kind,
    ),
    LintRule(
        "OB011",
        "unknown-api-version",
        Severity.error,
        "A resource has a version that Dapr does not know",
        "daprd ignores the document silently; Kubernetes refuses it.",
        "Correct `apiVersion`.",
        unknown_api_version,
    ),
    LintRule(
        "OB012",
        "unknown-key",
        Severity.warning,
        "A resource has a key that Dapr does not know",
        "daprd ignores the key and all that stands below it, and says nothing.",
        "Correct the key, or its indentation.",
        unknown_key,
    ),
    LintRule(
        "OB013",
        "missing-name",
        Severity.error,
        "A resource has no name",
        "daprd cannot load it, and nobody could refer to it.",
        "Add `metadata:` with `name:`.",
        missing_name,
    ),
    LintRule(
        "OB014",
        "invalid-name",
        Severity.warning,
        "A name works on a laptop, but not on Kubernetes",
        "Kubernetes refuses the resource: a name may have only lower-case letters, digits, `-` and `.`.",
        "Rename it, here and where it is used.",
        invalid_name,
    ),
    LintRule(
        "OB015",
        "missing-spec",
        Severity.error,
        "A resource has no spec",
        "There is nothing to load: daprd fails, or ignores it.",
        "Add `spec:`, and check how far the lines below are indented.",
        empty_spec,
    ),
)
