"""Components: their type and version, and which metadata fields they take. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from outboard.check.component import ComponentDocument, MetadataField
from outboard.check.corpus import Corpus
from outboard.check.document import child, entries, is_placeholder, items, text
from outboard.check.rule import Edit, Hit, LintRule, Severity, at
from outboard.check.words import is_slip, nearest
from outboard.facts.annotations import PREFIX
from outboard.facts.catalogue import ComponentFacts, FieldFacts
from outboard.facts.corrections import CASE_SENSITIVE, REMOVED_TYPES
from outboard.resources import duration
from outboard.resources.node import Node

__all__ = ["RULES", "is_alias_possible"]

PLUGGABLE: Final = ("pluggable-components", "inject-pluggable-components")
CONTAINER: Final = f"{PREFIX}component-container"
OF_ONES_OWN: Final = re.compile(r"pluggable|custom")
"""What the type of a component that is no part of Dapr often says of itself."""
OWN_TYPE: Final = "Correct `spec.type`, or ignore it here: of a pluggable component nothing can be known."


def unknown_type(corpus: Corpus) -> Iterator[Hit]:
    pluggable = any(pod.annotation(name) for pod in corpus.pod_templates for name in PLUGGABLE)
    for component in corpus.components:
        node, name = component.type_node, component.type
        if node is None:
            if component.document.spec is not None:
                yield at(
                    component.document.spec,
                    "`spec.type` is missing",
                    "Add for instance `type: pubsub.kafka`.",
                )
        elif is_placeholder(name) or corpus.catalogue.is_known(name) or _is_of_ones_own(component):
            continue
        elif name in REMOVED_TYPES:
            yield at(node, f"Dapr has no `{name}` any more", REMOVED_TYPES[name])
        elif (near := nearest(name, corpus.catalogue.types)) and (not pluggable or is_slip(name, near)):
            edits = (Edit(str(node.path), node.span, near),)
            yield at(node, f"there is no component type `{name}`", f"Did you mean `{near}`?", edits=edits)
        elif not pluggable:
            yield at(node, f"there is no component type `{name}`", OWN_TYPE)


def _is_of_ones_own(component: ComponentDocument) -> bool:
    """Whether it is said to be a pluggable component: by its type, or by the container that it is to have."""
    annotations = entries(child(component.document.node, "metadata", "annotations"))
    return bool(OF_ONES_OWN.search(component.type)) or CONTAINER in annotations


def unknown_version(corpus: Corpus) -> Iterator[Hit]:
    for component in corpus.components:
        node = child(component.document.spec, "version")
        versions = corpus.catalogue.versions(component.type)
        if node is None or not versions or is_placeholder(component.version):
            continue
        if corpus.catalogue.find(component.type, component.version) is None:
            told = f"{component.type} has no version `{component.version}`"
            yield at(node, told, f"Write {' or '.join(f'`{each}`' for each in versions)}.")


def misspelled_field(corpus: Corpus) -> Iterator[Hit]:
    for component, facts, each in _fields_unknown(corpus):
        near = _slip(each.name, facts, component)
        if near:
            advice = f"Did you mean `{near}`?"
            edits = (Edit(str(each.name_node.path), each.name_node.span, near),)
            yield at(each.name_node, f"{component.type} has no field `{each.name}`", advice, edits=edits)


def unknown_field(corpus: Corpus) -> Iterator[Hit]:
    for component, facts, each in _fields_unknown(corpus):
        if not _slip(each.name, facts, component) and component.category != "middleware":
            yield at(each.name_node, f"{component.type} is not known to have a field `{each.name}`")


def field_in_other_case(corpus: Corpus) -> Iterator[Hit]:
    for component in corpus.components:
        exact = {name.lower(): name for name in CASE_SENSITIVE.get(component.type, ())}
        for each in component.fields:
            wanted = exact.get(each.name.lower(), each.name)
            if wanted != each.name:
                edits = (Edit(str(each.name_node.path), each.name_node.span, wanted),)
                told = f"`{each.name}` is read only as `{wanted}`"
                yield at(each.name_node, told, f"Write `{wanted}`.", edits=edits, certain=True)


def repeated_field(corpus: Corpus) -> Iterator[Hit]:
    for component in corpus.components:
        first: dict[str, MetadataField] = {}
        for each in component.fields:
            earlier = first.setdefault(each.name.lower(), each)
            if earlier is not each:
                told = f"`{each.name}` is there already, in line {earlier.name_node.line}"
                yield at(each.name_node, told)


def missing_field(corpus: Corpus) -> Iterator[Hit]:
    for component in corpus.components:
        facts = component.facts(corpus.catalogue)
        if facts is None or component.document.spec is None or component.is_unlisted:
            continue
        for each in facts.own_fields:
            if (
                each.required
                and not _is_given(each, component, facts)
                and not is_alias_possible(component, facts)
            ):
                place = child(component.document.spec, "metadata") or component.type_node
                if place is not None:
                    advice = f"Add `- name: {each.name}` with its value below `metadata:`."
                    yield at(place, f"{component.type} needs `{each.name}`", advice)


def field_without_value(corpus: Corpus) -> Iterator[Hit]:
    for component in corpus.components:
        for node in items(child(component.document.spec, "metadata")):
            name = child(node, "name")
            if name is None:
                yield at(node, "an item of `metadata` has no `name`")
            elif not any(child(node, key) for key in ("value", "secretKeyRef", "envRef")) and not _has_null(
                node
            ):
                yield at(name, f"`{text(name)}` has no `value`")


def invalid_init_timeout(corpus: Corpus) -> Iterator[Hit]:
    for component in corpus.components:
        node = child(component.document.spec, "initTimeout")
        if node is None or not text(node) or is_placeholder(text(node)):
            continue  # empty is what a cluster shows where nothing was written
        try:
            valid = duration.parse(text(node)) > 0
        except ValueError:
            valid = False
        if not valid:
            yield at(node, f"`initTimeout: {text(node)}` is not a duration")


def is_alias_possible(component: ComponentDocument, facts: ComponentFacts) -> bool:
    """Whether a field that the facts do not know may be another name of one that is missing."""
    return any(
        facts.field(each.name) is None and not _slip(each.name, facts, component) for each in component.fields
    )


def _fields_unknown(corpus: Corpus) -> Iterator[tuple[ComponentDocument, ComponentFacts, MetadataField]]:
    for component in corpus.components:
        facts = component.facts(corpus.catalogue)
        if facts is None or not facts.names or any("<" in name for name in facts.names):
            continue  # a type whose facts list nothing, or whose fields are named by the user
        for each in component.fields:
            if not each.name or ":" in each.name or is_placeholder(each.name):
                continue  # `header:X-Key` of some bindings
            if facts.field(each.name) is None:
                yield component, facts, each


def _slip(name: str, facts: ComponentFacts, component: ComponentDocument) -> str:
    """The field that was meant; empty where that is not clear. What stands there already was not meant."""
    free = [each for each in facts.names if each.lower() not in component.by_name]
    near = nearest(name, free)
    return near if near and is_slip(name, near) else ""


def _is_given(field: FieldFacts, component: ComponentDocument, facts: ComponentFacts) -> bool:
    names = (
        field.name.lower(),
        *(other for other, name in facts.aliases.items() if name == field.name.lower()),
    )
    return any(each in component.by_name for each in names)


def _has_null(node: Node) -> bool:
    """Whether `value:` stands there with nothing behind it, as for an empty password."""
    return not isinstance(node.value, tuple | str) and "value" in node.fields()


RULES: Final = (
    LintRule(
        "OB102",
        "unknown-component-type",
        Severity.error,
        "A component has a type that does not exist",
        "daprd ends at its start, with `couldn't find …`.",
        "Correct `spec.type`.",
        unknown_type,
    ),
    LintRule(
        "OB103",
        "unknown-component-version",
        Severity.error,
        "A component type has no such version",
        "daprd ends at its start, with `couldn't find …`.",
        "Correct `spec.version`.",
        unknown_version,
    ),
    LintRule(
        "OB104",
        "misspelled-field",
        Severity.warning,
        "A metadata field is misspelled",
        "The field is ignored silently, and its default counts.",
        "Correct the name.",
        misspelled_field,
    ),
    LintRule(
        "OB105",
        "unknown-field",
        Severity.note,
        "A component type is not known to have a metadata field",
        "A field that a component does not know is ignored silently.",
        "Look it up in the component's reference, or remove it.",
        unknown_field,
    ),
    LintRule(
        "OB106",
        "field-in-other-case",
        Severity.warning,
        "A metadata field is written in the wrong case",
        "The field is ignored silently, and its default counts. (For most fields the case does not matter.)",
        "Write it in exactly the right case.",
        field_in_other_case,
    ),
    LintRule(
        "OB107",
        "repeated-field",
        Severity.warning,
        "A metadata field is given twice",
        "Only one of the two counts, silently. If they differ only in case, a component may fail to start.",
        "Remove one of them.",
        repeated_field,
    ),
    LintRule(
        "OB108",
        "missing-field",
        Severity.error,
        "A metadata field is missing that the component needs",
        "The component fails to start, and daprd ends; with `ignoreErrors` it goes on without the component.",
        "Add the field.",
        missing_field,
    ),
    LintRule(
        "OB109",
        "field-without-value",
        Severity.warning,
        "A metadata item has no name, or no value",
        "It counts as empty. Often the next line is not indented far enough.",
        "Give it `value` or `secretKeyRef`, in the column of `name`.",
        field_without_value,
    ),
    LintRule(
        "OB110",
        "invalid-init-timeout",
        Severity.warning,
        "The time that a component has to start cannot be read",
        "daprd takes 5 s instead, silently.",
        "Write a duration, for example `30s`.",
        invalid_init_timeout,
    ),
)
