"""Configurations and HTTP endpoints. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from outboard.check.corpus import Corpus
from outboard.check.document import child, is_placeholder, items, text
from outboard.check.rule import Edit, Hit, LintRule, Severity, at
from outboard.check.words import is_slip_of_name, nearest

__all__ = ["RULES"]

SYSTEM: Final = frozenset({"daprsystem"})
ACCESS: Final = ("allow", "deny")
URL: Final = re.compile(r"https?://[^\s/]+")


def configuration_not_used(corpus: Corpus) -> Iterator[Hit]:
    for document in corpus.configurations:
        pods = [each for each in corpus.dapr_pods if each.document.group == document.group]
        pods = [each for each in pods if not document.namespace or each.namespace in ("", document.namespace)]
        node = child(document.node, "metadata", "name")
        if node is None or not pods or document.name in SYSTEM:
            continue
        if all(each.annotation("config") != document.name for each in corpus.dapr_pods):
            # Where pods have another one, this may be for apps that are not here.
            severity = Severity.note if any(each.annotation("config") for each in pods) else None
            yield at(node, f"no pod has `dapr.io/config: {document.name}`", severity=severity)


def invalid_sampling(corpus: Corpus) -> Iterator[Hit]:
    for document in corpus.configurations:
        node = child(document.spec, "tracing", "samplingRate")
        if node is None or is_placeholder(text(node)) or not text(node):
            continue
        try:
            valid = 0 <= float(text(node)) <= 1
        except ValueError:
            valid = False
        if not valid:
            yield at(node, f"`samplingRate: {text(node)}` is not from 0 to 1")


def invalid_access(corpus: Corpus) -> Iterator[Hit]:
    for document in corpus.configurations:
        control = child(document.spec, "accessControl")
        places = [control, *items(child(control, "policies"))]
        nodes = [child(each, "defaultAction") for each in places]
        nodes += [child(each, "defaultAccess") for each in items(child(document.spec, "secrets", "scopes"))]
        for node in nodes:
            if (
                node is not None
                and text(node)
                and text(node).lower() not in ACCESS
                and not is_placeholder(text(node))
            ):
                near = nearest(text(node), ACCESS)
                edits = (Edit(str(node.path), node.span, near),) if near else ()
                yield at(node, f"`{node.key}: {text(node)}` is neither `allow` nor `deny`", edits=edits)


def unknown_middleware(corpus: Corpus) -> Iterator[Hit]:
    for document in corpus.configurations:
        names = {each.name for each in corpus.beside(document) if each.category == "middleware"}
        for pipeline in ("httpPipeline", "appHttpPipeline"):
            for handler in items(child(document.spec, pipeline, "handlers")):
                kind = child(handler, "type")
                if kind is None or is_placeholder(text(kind)):
                    continue
                if not corpus.catalogue.is_known(text(kind)):
                    near = nearest(
                        text(kind), [each for each in corpus.catalogue.types if "middleware" in each]
                    )
                    advice = f"Did you mean `{near}`?" if near else ""
                    yield at(kind, f"there is no middleware `{text(kind)}`", advice)
                name = child(handler, "name")
                if (
                    name is not None
                    and names
                    and text(name) not in names
                    and (near := nearest(text(name), names))
                    and is_slip_of_name(text(name), near)
                ):
                    yield at(
                        name, f"there is no component `{text(name)}` beside it", f"Did you mean `{near}`?"
                    )


def invalid_endpoint(corpus: Corpus) -> Iterator[Hit]:
    for document in corpus.of_kind("HTTPEndpoint"):
        node = child(document.spec, "baseUrl")
        if document.spec is None:
            continue
        if node is None:
            yield at(document.spec, "`baseUrl` is missing")
        elif not is_placeholder(text(node)) and not URL.match(text(node)):
            yield at(node, f"`{text(node)}` is not the URL of a server")


RULES: Final = (
    LintRule(
        "OB401",
        "configuration-not-used",
        Severity.warning,
        "No pod names a Configuration",
        "It has no effect: a sidecar loads the one that the annotation of its pod names.",
        "Add the annotation `dapr.io/config` with its name to the pod template.",
        configuration_not_used,
    ),
    LintRule(
        "OB402",
        "invalid-sampling",
        Severity.error,
        "The sampling rate is not a number from 0 to 1",
        "daprd fails to read the Configuration, or traces nothing.",
        'Write it in quotes, for example `"0.1"`.',
        invalid_sampling,
    ),
    LintRule(
        "OB403",
        "invalid-access",
        Severity.error,
        "An access rule says neither `allow` nor `deny`",
        "daprd allows whatever is not `deny`.",
        "Write `allow` or `deny`.",
        invalid_access,
    ),
    LintRule(
        "OB404",
        "unknown-middleware",
        Severity.error,
        "A pipeline names a middleware that does not exist",
        "daprd skips it silently: requests pass as if the pipeline did not name it.",
        "Correct the type or the name.",
        unknown_middleware,
    ),
    LintRule(
        "OB410",
        "invalid-endpoint",
        Severity.error,
        "An HTTP endpoint has no URL",
        "Calls to it fail.",
        "Write `baseUrl:`, for example `https://api.example.com`.",
        invalid_endpoint,
    ),
)
