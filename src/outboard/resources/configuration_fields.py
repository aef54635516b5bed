"""What stands in a Configuration, under keys exactly as they are written: so daprd looks for them."""

from __future__ import annotations

from outboard.resources.node import Node

__all__ = ["field_at", "flag_at", "text_at", "texts_at"]


def field_at(node: Node, *keys: str) -> Node | None:
    """What stands under `keys`, one below the other, each exactly as written."""
    found: Node | None = node
    for key in keys:
        found = None if found is None else found.fields().get(key)
    return None if found is None or found.absent else found


def text_at(node: Node, key: str) -> str:
    found = field_at(node, key)
    return "" if found is None else found.as_string()


def flag_at(node: Node, key: str, default: bool = False) -> bool:
    found = field_at(node, key)
    return default if found is None else found.as_boolean()


def texts_at(node: Node, key: str) -> frozenset[str]:
    found = field_at(node, key)
    return frozenset() if found is None else frozenset(item.as_string() for item in found.items())
