"""Which secrets an app may read, as a Configuration says."""

from __future__ import annotations

from typing import Final, Literal, cast

from outboard.resources.configuration import SecretScope
from outboard.resources.configuration_fields import text_at, texts_at
from outboard.resources.node import Node

__all__ = ["read_secret_scopes"]

ACCESS: Final = ("allow", "deny")


def read_secret_scopes(scopes: Node) -> tuple[SecretScope, ...]:
    """Those of the list `scopes`, one a store. Raises ResourceError."""
    read: dict[str, SecretScope] = {}
    for node in scopes.items():
        scope = _secret_scope(node)
        if scope.store in read:
            raise node.error(
                f"secret store '{scope.store}' has two scopes", "Write its rules in one of them."
            )
        read[scope.store] = scope
    return tuple(read.values())


def _secret_scope(node: Node) -> SecretScope:
    access = (text_at(node, "defaultAccess") or "allow").lower()
    if access not in ACCESS:
        raise node.error(f"`defaultAccess: {access}` is not known", "Write `allow` or `deny`.")
    return SecretScope(
        text_at(node, "storeName"),
        cast("Literal['allow', 'deny']", access),
        texts_at(node, "allowedSecrets"),
        texts_at(node, "deniedSecrets"),
    )
