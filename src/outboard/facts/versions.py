"""In which versions of Dapr there is what: from the first that has it to the first that has it no more. Pure.

Source: the components, annotations, kinds and Configurations in the source of Dapr 1.16.0, 1.17.0 and 1.18.1,
compared. What all three have is not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["ANNOTATION_VERSIONS", "COMPONENT_VERSIONS", "KEY_VERSIONS", "KIND_VERSIONS", "Existence"]


@dataclass(frozen=True, slots=True)
class Existence:
    """Since which version, and until which (that one not included); empty: without a bound."""

    since: str = ""
    until: str = ""


V117: Final = Existence("1.17")
V118: Final = Existence("1.18")

COMPONENT_VERSIONS: Final[Mapping[tuple[str, str], Existence]] = {
    ("bindings.kitex", "v1"): Existence(until="1.17"),
    ("configuration.kubernetes", "v1"): V118,
    ("nameresolution.nameformat", "v1"): V118,
    ("state.ravendb", "v1"): V118,
    ("state.sqlserver", "v2"): V117,
}
"""(type, version) of a component."""

KIND_VERSIONS: Final[Mapping[str, Existence]] = {"MCPServer": V118, "WorkflowAccessPolicy": V118}

ANNOTATION_VERSIONS: Final[Mapping[str, Existence]] = {
    "dapr.io/actors-disseminate-timeout": V118,
    "dapr.io/disable-init-endpoints": V117,
    "dapr.io/enable-native-sidecar": V118,
    "dapr.io/sidecar-svc-annotations": V117,
}

KEY_VERSIONS: Final[Mapping[tuple[str, ...], Existence]] = {
    ("tracing", "otel", "headers"): V117,
    ("tracing", "otel", "timeout"): V117,
    ("workflow", "stateRetentionPolicy"): V117,
    ("workflow", "activityConcurrencyLimits"): V118,
    ("workflow", "globalMaxConcurrentActivityInvocations"): V118,
    ("workflow", "globalMaxConcurrentWorkflowInvocations"): V118,
    ("workflow", "workflowConcurrencyLimits"): V118,
}
"""Keys below the spec of a Configuration."""
