"""What a Configuration says of calls between apps: who may make them, and how sidecars find each other.

daprd knows a caller by its certificate. Without mTLS there is none, so that the policies by app decide
nothing there either: what counts for every caller is the default.
Source: Dapr, "Apply access control list configuration for service invocation", "SQLite"; daprd 1.18.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from outboard.resources.configuration import NameResolution
from outboard.resources.configuration_fields import field_at, text_at
from outboard.resources.finding import Finding
from outboard.resources.node import Node

__all__ = ["SQLITE", "about_access", "read_name_resolution", "refuses_calls"]

SQLITE: Final = "sqlite"
ALLOW: Final = "allow"
NEEDED: Final = ("appId", "trustDomain", "namespace")


def refuses_calls(access: Node) -> bool:
    """What `accessControl` says of a caller whom nobody vouches for. Raises ResourceError."""
    policies = _policies(access)
    for policy in policies:
        for key in NEEDED:
            if not text_at(policy, key):
                raise policy.error(f"a policy of `accessControl` has no `{key}`", "daprd refuses it, too.")
    default = text_at(access, "defaultAction")
    says_nothing = not default and not policies and not text_at(access, "trustDomain")
    return not says_nothing and default.lower() != ALLOW


def about_access(access: Node) -> Iterator[Finding]:
    """That policies by app decide nothing here."""
    if policies := _policies(access):
        problem = (
            "the `policies` of `accessControl` decide nothing: without mTLS nobody vouches for a caller, "
            f"and `defaultAction` counts ({'deny' if refuses_calls(access) else 'allow'}), as with daprd"
        )
        yield Finding(str(access.path), policies[0].line, problem)


def read_name_resolution(node: Node) -> NameResolution | None:
    """That of `node`, where it is one that is served. Raises ResourceError for one that is not known."""
    component = text_at(node, "component")
    if component in {"", "mdns"}:
        return None
    if component != SQLITE:
        raise node.error(
            f"`nameResolution: {component}` is not served by this sidecar",
            "Remove it, so that the sidecars of this machine find each other, or write `sqlite`.",
        )
    settings = field_at(node, "configuration")
    texts = {} if settings is None else {key: each.as_string() for key, each in settings.fields().items()}
    return NameResolution(component, texts, node.path, node.line)


def _policies(access: Node) -> list[Node]:
    found = field_at(access, "policies")
    return [] if found is None else list(found.items())
