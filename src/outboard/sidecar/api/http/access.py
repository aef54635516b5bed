"""Which routes of the API a Configuration lets there be. Pure.

Source: Dapr, "How-To: Selectively enable Dapr APIs on the Dapr sidecar"; daprd 1.18.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from outboard.resources.configuration import ApiAccess

__all__ = ["is_allowed"]

SHORT_VERSIONS: Final = {
    "v1.0": "v1",
    "v1.0-alpha1": "v1alpha1",
    "v1.0-alpha2": "v1alpha2",
    "v1.0-beta1": "v1beta1",
}


def is_allowed(path: str, access: ApiAccess) -> bool:
    """Whether the route with template `path` ("/v1.0/state/{store}") may be there.

    A denied one may not; where any are allowed, no other may.
    """
    if _named(path, access.denied):
        return False
    return not access.allowed or _named(path, access.allowed)


def _named(path: str, rules: Collection[str]) -> bool:
    """A rule ("v1/state") names a route by its group, or, in the older form, by the beginning of its path."""
    version, _, rest = path.strip("/").partition("/")
    group = f"{SHORT_VERSIONS.get(version, version)}/{rest.partition('/')[0]}"
    return any(rule == group or path.strip("/").startswith(rule) for rule in rules)
