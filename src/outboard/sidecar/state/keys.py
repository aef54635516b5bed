"""What a key is called in its state store: the app's key behind a prefix. Pure.

Source: Dapr, "How-To: Share state between applications"; daprd 1.18.
"""

from __future__ import annotations

from typing import Final

__all__ = ["IllegalKey", "original_key", "prefix_for", "stored_key"]

SEPARATOR: Final = "||"


class IllegalKey(ValueError):
    """A key, or a `keyPrefix`, contains `||`."""

    def __init__(self, key: str) -> None:
        super().__init__(f"input key/keyPrefix '{key}' can't contain '{SEPARATOR}'")


def prefix_for(strategy: str, app_id: str, component: str, namespace: str) -> str:
    """The prefix that `strategy` (the component's `keyPrefix`) gives; empty is "no prefix".

    `namespace` is the raw NAMESPACE, empty where it is not set. Raises IllegalKey.
    """
    strategy = strategy.lower()
    if SEPARATOR in strategy:
        raise IllegalKey(strategy)
    if strategy == "none":
        return ""
    named = {
        "": app_id,
        "appid": app_id,
        "name": component,
        "namespace": f"{namespace}.{app_id}" if namespace else app_id,
    }
    return named.get(strategy, strategy)


def stored_key(prefix: str, key: str) -> str:
    """Raises IllegalKey."""
    if SEPARATOR in key:
        raise IllegalKey(key)
    return f"{prefix}{SEPARATOR}{key}" if prefix else key


def original_key(stored: str) -> str:
    """The app's key again."""
    return stored.partition(SEPARATOR)[2] if SEPARATOR in stored else stored
