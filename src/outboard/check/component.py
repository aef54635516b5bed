"""A component as it is written, with its metadata by name. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from outboard.check.document import Document, child, entries, is_placeholder, items, text
from outboard.facts.catalogue import Catalogue, ComponentFacts
from outboard.resources.node import Node

__all__ = ["ComponentDocument", "MetadataField"]


@dataclass(frozen=True, slots=True)
class MetadataField:
    """One item of `spec.metadata`. `known` is whether its value stands here, not in a secret or elsewhere."""

    name: str
    item: Node
    name_node: Node
    value: Node | None
    text: str
    secret: Node | None
    known: bool

    @property
    def place(self) -> Node:
        """Where to point at: the value, or else the name."""
        return self.value if self.value is not None else self.name_node


@dataclass(frozen=True)
class ComponentDocument:
    """One component."""

    document: Document

    @property
    def name(self) -> str:
        return self.document.name

    @property
    def scopes(self) -> tuple[str, ...]:
        return self.document.scopes

    @cached_property
    def type_node(self) -> Node | None:
        return child(self.document.spec, "type")

    @cached_property
    def type(self) -> str:
        return text(self.type_node).strip().lower()

    @cached_property
    def category(self) -> str:
        return self.type.partition(".")[0]

    @cached_property
    def version(self) -> str:
        return text(child(self.document.spec, "version"))

    @cached_property
    def fields(self) -> tuple[MetadataField, ...]:
        """Its metadata, in order."""
        return tuple(
            _field(each, name)
            for each in items(child(self.document.spec, "metadata"))
            if (name := child(each, "name")) is not None
        )

    @property
    def is_unlisted(self) -> bool:
        """Whether its metadata is a mapping, and so cannot be read."""
        return bool(entries(child(self.document.spec, "metadata")))

    @cached_property
    def by_name(self) -> Mapping[str, MetadataField]:
        """Its metadata by lower-case name; of two of one name the last."""
        return {each.name.lower(): each for each in self.fields}

    def value(self, name: str) -> str | None:
        """What stands under `name`, whatever its case; None where nothing does, or it is not known here."""
        found = self.by_name.get(name.lower())
        return found.text if found is not None and found.known else None

    def has(self, name: str) -> bool:
        """Whether `name` is given and not empty, here or in a secret."""
        found = self.by_name.get(name.lower())
        return found is not None and (not found.known or found.text.strip() != "")

    def facts(self, catalogue: Catalogue) -> ComponentFacts | None:
        """What is known of its type and version; None where nothing is."""
        return catalogue.find(self.type, self.version)


def _field(item: Node, name: Node) -> MetadataField:
    value, secret = child(item, "value"), child(item, "secretKeyRef")
    if value is None:
        value = item.value.get("value") if isinstance(item.value, Mapping) else None
    written = text(value)
    elsewhere = (secret is not None or child(item, "envRef") is not None) and not written
    known = not elsewhere and not is_placeholder(written) and not _is_nested(value)
    return MetadataField(text(name), item, name, value, written, secret, known)


def _is_nested(value: Node | None) -> bool:
    return value is not None and isinstance(value.value, tuple | Mapping)
