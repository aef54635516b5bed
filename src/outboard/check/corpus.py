"""All that is checked together: files, their documents, and the resources and apps in them. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from outboard.cel import Expression
from outboard.check.apps import PodTemplate, RunApp, pod_templates
from outboard.check.component import ComponentDocument
from outboard.check.document import Document, child, text
from outboard.check.inspected import InspectedApp
from outboard.errors import ResourceError
from outboard.facts.catalogue import Catalogue
from outboard.resources.finding import Finding

__all__ = ["RUN_FILE", "Corpus", "RunFile", "SourceFile"]

OF_CLUSTER: Final = re.compile(r"(\A|[/\\_-])(k8s|kubernetes|kustomize|helm|charts?|aks|eks|gke)([/\\_-]|\Z)")
"""What folders of manifests are called."""
RUN_FILE: Final = "dapr.yaml"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file, or what came on standard input. `errors` are of what could not be read as YAML."""

    name: str
    text: str
    documents: tuple[Document, ...] = ()
    errors: tuple[ResourceError, ...] = ()
    unread: str = ""
    """Why nothing of it was read; empty where it was."""
    is_stream: bool = False
    is_misnamed: bool = False
    """Whether it holds a resource, and its name says that it does not."""

    @property
    def folder(self) -> str:
        """Where it is."""
        return str(Path(self.name).parent)

    @property
    def is_named_run_file(self) -> bool:
        """Whether it has the name that `outboard run` and `dapr run -f` look for."""
        return Path(self.name).name == RUN_FILE


@dataclass(frozen=True, slots=True)
class RunFile:
    """A `dapr.yaml`: its apps, or why it cannot be read."""

    document: Document
    apps: tuple[RunApp, ...] = ()
    findings: tuple[Finding, ...] = ()
    error: ResourceError | None = None
    is_placed: bool = True
    """Whether it lies where its apps are: some folder that it names is there."""


@dataclass(frozen=True)
class Corpus:
    """What is checked. `compile` reads a CEL expression, and is None where that is not installed."""

    files: tuple[SourceFile, ...]
    catalogue: Catalogue
    run_files: tuple[RunFile, ...] = ()
    compile: Callable[[str], Expression] | None = None
    version: tuple[int, ...] = field(default=())
    """The version of Dapr that it is checked for; empty: the newest."""
    earlier: tuple[int, ...] = ()
    """A version before that one, from which what changes is told; empty where nobody asks."""
    inspected: tuple[InspectedApp, ...] = ()
    """The apps that were loaded, because a person asked for it."""
    all_inspected: bool = False
    """Whether these are all apps of the run files."""

    @cached_property
    def documents(self) -> tuple[Document, ...]:
        """The documents of all files that are resources."""
        return tuple(each for file in self.files for each in file.documents if not each.is_patch)

    @cached_property
    def components(self) -> tuple[ComponentDocument, ...]:
        return tuple(map(ComponentDocument, self.of_kind("Component")))

    @cached_property
    def subscriptions(self) -> tuple[Document, ...]:
        return tuple(self.of_kind("Subscription"))

    @cached_property
    def resiliencies(self) -> tuple[Document, ...]:
        return tuple(self.of_kind("Resiliency"))

    @cached_property
    def configurations(self) -> tuple[Document, ...]:
        return tuple(self.of_kind("Configuration"))

    @cached_property
    def pod_templates(self) -> tuple[PodTemplate, ...]:
        """The pods that workloads make, with or without Dapr."""
        return tuple(each for document in self.documents for each in pod_templates(document))

    @cached_property
    def dapr_pods(self) -> tuple[PodTemplate, ...]:
        """Those of them that get a sidecar."""
        return tuple(each for each in self.pod_templates if each.enabled)

    @cached_property
    def pods_of_group(self) -> Mapping[str, tuple[PodTemplate, ...]]:
        """Those that get a sidecar, by folder or stream."""
        found: dict[str, list[PodTemplate]] = {}
        for each in self.dapr_pods:
            found.setdefault(each.document.group, []).append(each)
        return {group: tuple(pods) for group, pods in found.items()}

    @cached_property
    def run_apps(self) -> tuple[RunApp, ...]:
        return tuple(app for file in self.run_files for app in file.apps)

    @cached_property
    def app_ids(self) -> frozenset[str]:
        """The ids of all apps that are known."""
        return frozenset(each.app_id for each in self.run_apps) | {
            each.app_id for each in self.dapr_pods if each.app_id
        }

    @cached_property
    def folders(self) -> Mapping[str, tuple[ComponentDocument, ...]]:
        """The components of each folder, and of each stream: what is loaded together."""
        found: dict[str, list[ComponentDocument]] = {}
        for each in self.components:
            found.setdefault(each.document.group, []).append(each)
        return {group: tuple(components) for group, components in found.items()}

    def is_for_kubernetes(self, document: Document) -> bool:
        """Whether something says that `document` is applied to a cluster, and not read from a folder."""
        if document.namespace or document.is_stream or self._cluster_groups & {document.group}:
            return True
        return text(child(document.node, "auth", "secretStore")) == "kubernetes"

    @cached_property
    def _cluster_groups(self) -> frozenset[str]:
        """The folders and streams with resources of Kubernetes, or that are named after it."""
        found = {each.group for each in self.documents if each.kind and each.api_version and not each.is_dapr}
        groups = {each.group for each in self.documents}
        return frozenset(found | {each for each in groups if OF_CLUSTER.search(each.lower())})

    def of_kind(self, kind: str) -> Iterator[Document]:
        """The documents of a kind of Dapr's, whatever its version."""
        return (each for each in self.documents if each.kind == kind and each.is_dapr)

    def beside(self, document: Document) -> tuple[ComponentDocument, ...]:
        """The components that are loaded together with `document`."""
        return self.folders.get(document.group, ())

    def components_of(self, resources: Collection[str]) -> Iterator[ComponentDocument]:
        """The components in these folders; all where none is named."""
        return (each for each in self.components if not resources or each.document.group in resources)

    def named(self, name: str, document: Document) -> ComponentDocument | None:
        """The component `name` that `document` means: one beside it, or else the only one of that name."""
        every = self._by_name.get(name, ())
        beside = [each for each in every if each.document.group == document.group]
        if beside:
            return beside[0]
        return every[0] if len(every) == 1 else None

    @cached_property
    def _by_name(self) -> Mapping[str, tuple[ComponentDocument, ...]]:
        found: dict[str, list[ComponentDocument]] = {}
        for each in self.components:
            found.setdefault(each.name, []).append(each)
        return {name: tuple(components) for name, components in found.items()}

    def subscribed_to(self, component: ComponentDocument) -> tuple[Document, ...]:
        """The declared subscriptions that mean `component`."""
        return self._subscribed.get(id(component), ())

    @cached_property
    def _subscribed(self) -> Mapping[int, tuple[Document, ...]]:
        found: dict[int, list[Document]] = {}
        for each in self.subscriptions:
            component = self.named(text(child(each.spec, "pubsubname")), each)
            if component is not None:
                found.setdefault(id(component), []).append(each)
        return {key: tuple(documents) for key, documents in found.items()}

    def holds_for(self, since: str, until: str) -> bool:
        """Whether what holds from one version of Dapr to another (empty: always) holds for that asked for."""
        return not self.version or (
            (not since or self.version >= numbers(since)) and (not until or self.version < numbers(until))
        )


def numbers(version: str) -> tuple[int, ...]:
    """`1.18` as (1, 18). Raises ValueError."""
    return tuple(int(part) for part in version.removeprefix("v").split(".")[:2])


def by_group(documents: Iterable[Document]) -> dict[str, list[Document]]:
    """Documents by what they are loaded with."""
    found: dict[str, list[Document]] = {}
    for each in documents:
        found.setdefault(each.group, []).append(each)
    return found
