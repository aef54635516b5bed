"""Secrets: of those that components refer to the names of the keys are kept, and values are to be masked."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Final

from outboard.doctor.cluster_evidence import ResourceSeen, SecretSeen
from outboard.doctor.kubernetes.api import NOT_FOUND, Access, ApiRefused
from outboard.doctor.kubernetes.together import together

__all__ = ["decoded", "seen_secrets", "values_of"]

SHORTEST_VALUE: Final = 8
"""Characters: a log level or a port may stand in a Secret too."""


async def seen_secrets(access: Access, own: Iterable[ResourceSeen]) -> tuple[SecretSeen, ...]:
    """Each Secret that is referred to, once."""
    wanted = dict.fromkeys(
        (reference.name, each.namespace)
        for each in own
        if each.secret_store in {"", "kubernetes"}
        for reference in each.secret_references
        if reference.name
    )
    return tuple(await together(*(_secret(access, name, namespace) for name, namespace in wanted)))


async def _secret(access: Access, name: str, namespace: str) -> SecretSeen:
    try:
        found = await access.get(f"secrets/{name}", namespace=namespace)
    except ApiRefused as refused:
        if refused.status == NOT_FOUND:
            return SecretSeen(name, namespace, exists=False)
        access.miss(f"the secret '{name}'", refused, "get", f"secrets/{name}", namespace)
        return SecretSeen(name, namespace, exists=None)
    data: dict[str, str] = found.get("data") or {}
    access.secrets += map(decoded, data.values())
    return SecretSeen(name, namespace, exists=True, keys=tuple(sorted(data)))


async def values_of(access: Access, names: Iterable[str], namespace: str) -> list[str]:
    """What stands in these Secrets, as far as one may read them, to be masked where it is said; not what is
    so short that it may stand for something else.
    """
    found = await together(*(_values(access, name, namespace) for name in dict.fromkeys(names)))
    return [value for values in found for value in values if len(value) >= SHORTEST_VALUE]


async def _values(access: Access, name: str, namespace: str) -> list[str]:
    try:
        found = await access.get(f"secrets/{name}", namespace=namespace)
    except ApiRefused:  # whether it is there is not asked: the pod does not start without it
        return []
    return [decoded(value) for value in (found.get("data") or {}).values()]


def decoded(value: str) -> str:
    """A value of a Secret, as the API has it, as text."""
    return base64.b64decode(value).decode("utf-8", "replace")
