"""Whether a list, a mapping, a number or text stands where Dapr reads one. Pure.

Source: the types of Dapr's resources, `pkg/apis` of 1.18; Kubernetes, "CustomResourceDefinition".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from outboard.check.corpus import Corpus
from outboard.check.document import is_placeholder
from outboard.check.rule import Edit, Hit, LintRule, Severity, at, at_key
from outboard.resources.node import Node
from outboard.resources.shape import ANY_KEY

__all__ = ["RULES"]

Kinds: TypeAlias = "Mapping[str, Kinds] | tuple[Kinds] | str"
"""A mapping by key; a list, of its one kind; or a scalar: `text`, `integer`, `boolean`."""

TEXT: Final = "text"
INTEGER: Final = "integer"
BOOLEAN: Final = "boolean"
NUMBER: Final = re.compile(r"[-+]?\d+\Z")
TRUE_OR_FALSE: Final = frozenset({"true", "false"})
WORDS: Final = frozenset({"true", "yes", "on", "y", "false", "no", "off", "n"})

REFERENCE: Final[Kinds] = {"name": TEXT, "key": TEXT}
ITEM: Final[Kinds] = {"name": TEXT, "envRef": TEXT, "secretKeyRef": REFERENCE}
TARGET: Final[Kinds] = {"timeout": TEXT, "retry": TEXT, "circuitBreaker": TEXT}
AUTH: Final[Kinds] = {"secretStore": TEXT}
SPECS: Final[Mapping[str, Kinds]] = {
    "Component": {
        "type": TEXT,
        "version": TEXT,
        "initTimeout": TEXT,
        "ignoreErrors": BOOLEAN,
        "metadata": (ITEM,),
    },
    "Subscription": {
        "pubsubname": TEXT,
        "topic": TEXT,
        "route": TEXT,
        "routes": {"rules": ({"match": TEXT, "path": TEXT},), "default": TEXT},
        "deadLetterTopic": TEXT,
        "metadata": {ANY_KEY: TEXT},
        "bulkSubscribe": {"enabled": BOOLEAN, "maxMessagesCount": INTEGER, "maxAwaitDurationMs": INTEGER},
    },
    "Resiliency": {
        "policies": {
            "timeouts": {ANY_KEY: TEXT},
            "retries": {
                ANY_KEY: {
                    **{"policy": TEXT, "duration": TEXT, "maxInterval": TEXT, "maxRetries": INTEGER},
                    "matching": {"httpStatusCodes": TEXT, "gRPCStatusCodes": TEXT},
                },
            },
            "circuitBreakers": {
                ANY_KEY: {"maxRequests": INTEGER, "interval": TEXT, "timeout": TEXT, "trip": TEXT},
            },
        },
        "targets": {
            "apps": {ANY_KEY: TARGET},
            "components": {ANY_KEY: {"inbound": TARGET, "outbound": TARGET}},
        },
    },
    "HTTPEndpoint": {"baseUrl": TEXT, "headers": (ITEM,)},
}
WANTED: Final = {TEXT: "text", INTEGER: "a whole number", BOOLEAN: "`true` or `false`"}
FEW: Final = 4
"""Keys that are named in an advice."""
OTHER_RULE: Final = "Resiliency"
"""Of this kind another rule tells of what can in no way be read."""


def value_of_other_kind(corpus: Corpus) -> Iterator[Hit]:
    for document in corpus.documents:
        if not document.is_dapr or document.kind not in SPECS:
            continue
        kinds: Kinds = {"spec": SPECS[document.kind], "scopes": (TEXT,), "auth": AUTH}
        of_cluster = corpus.is_for_kubernetes(document)
        for hit, is_written in _unlike(document.node, kinds, of_cluster=of_cluster):
            if is_written or document.kind != OTHER_RULE:
                yield hit


def _unlike(node: Node, kinds: Kinds, *, of_cluster: bool) -> Iterator[tuple[Hit, bool]]:
    """What is of another kind, and whether it would be of the right one if it were written otherwise."""
    if node.absent or is_placeholder(node.text):
        return
    if isinstance(kinds, str):
        yield from _scalar(node, kinds, of_cluster=of_cluster)
    elif isinstance(kinds, tuple):
        if isinstance(node.value, tuple):
            for each in node.value:
                yield from _unlike(each, kinds[0], of_cluster=of_cluster)
        else:
            yield at_key(node, f"`{node.key}` is not a list", _listed(kinds[0])), False
    elif isinstance(node.value, Mapping):
        by_lower = {key.lower(): each for key, each in kinds.items()}
        for key, each in node.value.items():
            inner = by_lower.get(key.lower(), by_lower.get(ANY_KEY))
            if inner is not None:
                yield from _unlike(each, inner, of_cluster=of_cluster)
    else:
        place = at_key if node.key_span.line else at
        name = f"`{node.key}`" if node.key else f"`{node.text}`"
        keys = ", ".join(f"`{each}:`" for each in kinds if each != ANY_KEY) if len(kinds) < FEW else ""
        advice = f"Write {keys or '`key: value`'} in the lines below it, indented more."
        yield place(node, f"{name} is not a mapping", advice), False


def _scalar(node: Node, kind: str, *, of_cluster: bool) -> Iterator[tuple[Hit, bool]]:
    value = node.value
    if isinstance(value, tuple | Mapping):
        yield at_key(node, f"`{node.key}` is to be {WANTED[kind]}", f"Write {WANTED[kind]}."), False
    elif kind == TEXT:
        if of_cluster and not isinstance(value, str):
            edits = (Edit(str(node.path), node.span, f'"{node.text}"'),)
            told = f"`{node.key or node.text}: {node.text}` is not text for Kubernetes"
            advice = f'Write `"{node.text}"`.'
            yield at(node, told, advice, severity=Severity.warning, edits=edits, certain=True), True
    elif _is_other(node, kind):
        written = node.text.strip()
        fits = bool(NUMBER.match(written)) if kind == INTEGER else written.lower() in TRUE_OR_FALSE
        corrected = (Edit(str(node.path), node.span, written),) if fits else ()
        told = f"`{node.key}` is not {WANTED[kind]}, but the text `{node.text}`" if fits else ""
        advice = f"Write `{written}` without quotes." if fits else f"Write {WANTED[kind]}."
        told = told or f"`{node.key}: {node.text}` is not {WANTED[kind]}"
        yield at(node, told, advice, edits=corrected, certain=fits), fits


def _is_other(node: Node, kind: str) -> bool:
    """An unquoted `yes` counts as `true` for daprd."""
    if kind == BOOLEAN:
        quoted = node.span.end_column - node.span.column > len(node.text)
        return not isinstance(node.value, bool) and (quoted or node.text.lower() not in WORDS)
    return isinstance(node.value, str | bool)


def _listed(kind: Kinds) -> str:
    if isinstance(kind, Mapping) and "name" in kind:
        return "Write a list: `- name: ...` and below it `value: ...`, for each."
    return "Write a list: each item behind `- `."


RULES: Final = (
    LintRule(
        "OB018",
        "value-of-other-kind",
        Severity.error,
        "A list, a mapping, a number or text stands where Dapr reads something else",
        "daprd warns of it in its log (`cannot unmarshal …`) and goes on without the resource; Kubernetes "
        "refuses it.",
        "Write what Dapr reads there.",
        value_of_other_kind,
    ),
)
