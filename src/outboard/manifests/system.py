"""What manifests are made of: the apps of a run file, and the resources that they load. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from outboard.gojson.values import Json
from outboard.manifests.settings import AppSettings, SystemSettings

__all__ = ["LABEL", "App", "LoadedResource", "SecretNeeded", "System"]

LABEL: Final = "app"
"""The label that selects the pods of an app."""


@dataclass(frozen=True, slots=True)
class SecretNeeded:
    """A Secret that somebody has to create before, with its keys."""

    name: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LoadedResource:
    """A resource of Dapr's as it is written, and the apps that load it.

    `notes` are the comments behind the names of its metadata. `place` is where it is written.
    """

    content: Mapping[str, Json]
    apps: tuple[str, ...]
    place: str
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return str(self.content.get("kind", ""))

    @property
    def name(self) -> str:
        metadata = self.content.get("metadata")
        return str(metadata.get("name", "")) if isinstance(metadata, Mapping) else ""

    @property
    def type(self) -> str:
        """Of a component."""
        spec = self.content.get("spec")
        return str(spec.get("type", "")).strip().lower() if isinstance(spec, Mapping) else ""


@dataclass(frozen=True, slots=True)
class App:
    """One app. `annotations` are those of the sidecar that its settings ask for, without their prefix.

    `port` 0: it is not called. `context` is what its image is built from, relative to the run file, and
    `folder` its own, relative to that; `requirements` is the file there that says what it needs, empty where
    there is none. `place` is where it is written.
    """

    app_id: str
    port: int
    command: tuple[str, ...]
    context: str
    folder: str
    place: str
    settings: AppSettings
    requirements: str = ""
    image: str = ""
    pull_policy: str = ""
    has_service: bool = True
    protocol: str = "http"
    environment: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    configuration: str = ""


@dataclass(frozen=True, slots=True)
class System:
    """Everything, for one namespace."""

    namespace: str
    settings: SystemSettings
    apps: tuple[App, ...]
    resources: tuple[LoadedResource, ...] = ()
