"""The apps that files tell of: the pods that a workload makes, and the apps of a `dapr.yaml`. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from outboard.check.document import Document, child, entries, is_placeholder, items, text
from outboard.facts.annotations import PREFIX
from outboard.resources.node import Node

__all__ = ["TRUTHY", "PodTemplate", "RunApp", "pod_templates"]

TEMPLATES: Final[Mapping[str, tuple[str, ...]]] = {
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    "Rollout": ("spec", "template"),
    "Pod": (),
}
"""Where the template of a workload's pods stands."""
TRUTHY: Final = frozenset({"y", "yes", "true", "t", "on", "1"})


@dataclass(frozen=True)
class PodTemplate:
    """The pods of one workload. `node` has their metadata and spec."""

    document: Document
    node: Node

    @cached_property
    def annotations(self) -> Mapping[str, Node]:
        """All annotations, by name."""
        return entries(child(self.node, "metadata", "annotations"))

    @cached_property
    def of_dapr(self) -> Mapping[str, Node]:
        """Those of Dapr."""
        return {name: node for name, node in self.annotations.items() if name.startswith(PREFIX)}

    @cached_property
    def enabled(self) -> bool:
        """Whether it gets a sidecar."""
        return self.annotation("enabled").lower() in TRUTHY

    @cached_property
    def app_id(self) -> str:
        return self.annotation("app-id")

    @property
    def namespace(self) -> str:
        return self.document.namespace

    @property
    def place(self) -> Node:
        """Where to point at, of the workload as a whole."""
        return child(self.document.node, "metadata", "name") or self.document.node

    def annotation(self, name: str) -> str:
        """What the annotation `dapr.io/<name>` says; empty where it is not there, or is filled in later."""
        found = text(self.annotations.get(PREFIX + name))
        return "" if is_placeholder(found) else found

    @cached_property
    def container_ports(self) -> tuple[str, ...]:
        """The ports that its containers name."""
        return tuple(
            text(child(port, "containerPort"))
            for container in items(child(self.node, "spec", "containers"))
            for port in items(child(container, "ports"))
        )


@dataclass(frozen=True, slots=True)
class RunApp:
    """One app of a `dapr.yaml`. `node` is its entry; the rest is what counts, with `common` and defaults."""

    app_id: str
    node: Node
    folder: str
    resources: tuple[str, ...] = ()
    settings: Mapping[str, object] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()

    @property
    def port(self) -> int:
        """Where it listens; 0 where that is not said."""
        found = self.settings.get("app-port")
        return found if isinstance(found, int) else 0


def pod_templates(document: Document) -> Iterator[PodTemplate]:
    """The pods that `document` makes, where it is a workload."""
    if document.kind in TEMPLATES and not document.is_dapr:
        node = child(document.node, *TEMPLATES[document.kind])
        if node is not None:
            yield PodTemplate(document, node)
