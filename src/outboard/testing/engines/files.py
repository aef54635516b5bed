"""The resource files of a project, as a sidecar of a test gets them: with no broker of others. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import yaml

from outboard.testing.engines.port import DAPRD, SQLITE
from outboard.testing.in_memory import KEPT

__all__ = ["components_of_board", "retried_soon", "rewritten"]

TYPES: Final[Mapping[str, str]] = MappingProxyType({SQLITE: ".sqlite", DAPRD: ".in-memory"})
"""What follows the category of a component."""
API_VERSION: Final = "dapr.io/v1alpha1"
RETRY_SECONDS: Final = 0.2


def components_of_board(pubsub: str, state_store: str, engine: str, data: Path) -> str:
    """A file with both components on `engine`, which keeps in the folder `data` what it keeps."""
    named = (("pubsub", pubsub), ("state", state_store))
    return _dumped([_component(name, category, (), engine, data) for category, name in named])


def rewritten(text: str, engine: str, data: Path) -> str:
    """The resources of a file, its pub/sub components and state stores on `engine`.

    Of their metadata is kept what is about the apps, such as scopes. What is no YAML is raised as yaml does.
    """
    return _dumped([_on_engine(document, engine, data) for document in yaml.safe_load_all(text)])


def retried_soon() -> str:
    """A file by which an event whose handler fails comes again at once, for ever."""
    policy = {"policy": "constant", "duration": f"{RETRY_SECONDS * 1000:.0f}ms", "maxRetries": -1}
    retries = {"DefaultPubsubComponentInboundRetryPolicy": policy}
    return _dumped([_resource("Resiliency", "outboard-testing", {"policies": {"retries": retries}})])


def _on_engine(document: object, engine: str, data: Path) -> object:
    if not isinstance(document, dict) or document.get("kind") != "Component":
        return document
    spec = document.get("spec")
    type_name = str(spec.get("type", "")) if isinstance(spec, dict) else ""
    category = type_name.partition(".")[0].lower()
    if not isinstance(spec, dict) or category not in KEPT:
        return document
    items = [item for item in spec.get("metadata") or () if isinstance(item, dict)]
    kept = [item for item in items if str(item.get("name", "")).lower() in KEPT[category]]
    return {**document, "spec": _spec(category, kept, engine, data)}


def _component(
    name: str, category: str, kept: Sequence[dict[str, Any]], engine: str, data: Path
) -> dict[str, Any]:
    return _resource("Component", name, _spec(category, kept, engine, data))


def _spec(category: str, kept: Sequence[dict[str, Any]], engine: str, data: Path) -> dict[str, Any]:
    file = {"name": "connectionString", "value": str(data / f"{category}.db")}
    metadata = [*kept, file] if engine == SQLITE else list(kept)
    return {"type": category + TYPES[engine], "version": "v1", "metadata": metadata}


def _resource(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}


def _dumped(documents: Sequence[object]) -> str:
    """JSON is YAML, and leaves no doubt about what is a text."""
    return "\n---\n".join(json.dumps(each, default=str) for each in documents) + "\n"
