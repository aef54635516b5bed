"""One document of a file, and ways to look into it that raise nothing. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Final

from outboard.resources.node import Node

__all__ = ["Document", "below", "child", "entries", "is_placeholder", "items", "scalars", "text", "texts"]

MAPPINGS: Final = (MappingProxyType, dict)
"""What mappings are made of: to ask an abstract class takes ten times as long, and it is asked a lot."""
NESTED: Final = (tuple, MappingProxyType, dict)
PLACEHOLDER: Final = re.compile(r"\{\{|\$\{|\$\(|\$\w+\Z|#\{|<[^<>]+>|\A\{\w+\}\Z|\A__\w+__\Z|\A%\w+%\Z")
"""What a program puts a value in the place of, before daprd sees it."""


@dataclass(frozen=True)
class Document:
    """One document. `group` names what it is loaded together with: a folder, or a stream.

    `is_patch` where it is no whole resource, but a part that Kustomize puts into another.
    """

    node: Node
    group: str
    index: int = 0
    is_stream: bool = False
    is_patch: bool = False

    @cached_property
    def kind(self) -> str:
        return text(child(self.node, "kind"))

    @cached_property
    def api_version(self) -> str:
        return text(child(self.node, "apiVersion"))

    @property
    def is_dapr(self) -> bool:
        """Whether it is a resource of Dapr's."""
        return self.api_version.startswith("dapr.io/")

    @cached_property
    def name(self) -> str:
        return text(child(child(self.node, "metadata"), "name"))

    @cached_property
    def namespace(self) -> str:
        """As it is written; empty where it is not, or is filled in later."""
        written = text(child(child(self.node, "metadata"), "namespace"))
        return "" if is_placeholder(written) else written

    @cached_property
    def spec(self) -> Node | None:
        return child(self.node, "spec")

    @cached_property
    def scopes(self) -> tuple[str, ...]:
        return texts(child(self.node, "scopes"))


def is_placeholder(value: str) -> bool:
    """Whether something else is put in the place of `value`, or of a part of it, before it is used."""
    return bool(PLACEHOLDER.search(value))


def child(node: Node | None, *keys: str) -> Node | None:
    """What stands below `node` under these keys, whatever their case; None where nothing does."""
    for key in keys:
        if node is None or not isinstance(node.value, MAPPINGS):
            return None
        found = node.value.get(key)
        if found is None:
            lower = key.lower()
            found = next((each for name, each in node.value.items() if name.lower() == lower), None)
        node = None if found is None or found.value is None else found
    return node


def entries(node: Node | None) -> Mapping[str, Node]:
    """The mapping written here; empty where none is."""
    return node.value if node is not None and isinstance(node.value, MAPPINGS) else {}


def items(node: Node | None) -> tuple[Node, ...]:
    """The list written here; empty where none is."""
    return node.value if node is not None and isinstance(node.value, tuple) else ()


def text(node: Node | None) -> str:
    """The scalar written here; empty where none is."""
    return "" if node is None or node.value is None or isinstance(node.value, NESTED) else node.text


def texts(node: Node | None) -> tuple[str, ...]:
    """The scalars of the list written here."""
    return tuple(text(each) for each in items(node))


def below(node: Node) -> Iterator[Node]:
    """This value and every one below it, those that aliases share once."""
    waiting, seen = [node], set[int]()
    while waiting:
        each = waiting.pop()
        yield each
        if isinstance(each.value, NESTED) and id(each.value) not in seen:
            seen.add(id(each.value))
            waiting += reversed(each.value if isinstance(each.value, tuple) else tuple(each.value.values()))


def scalars(node: Node) -> Iterator[Node]:
    """Every scalar below `node`."""
    return (each for each in below(node) if not isinstance(each.value, NESTED))
