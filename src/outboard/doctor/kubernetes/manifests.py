"""What is to be deployed, as files have it: components, and the Secrets that come with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from outboard.doctor.cluster_evidence import ResourceSeen, SecretSeen
from outboard.doctor.kubernetes.parsing import Object, resource
from outboard.resources import document

__all__ = ["Manifests", "read_manifests"]

SUFFIXES: Final = frozenset({".yaml", ".yml"})


@dataclass(frozen=True, slots=True)
class Manifests:
    """Those for one namespace."""

    components: tuple[ResourceSeen, ...] = ()
    secrets: tuple[SecretSeen, ...] = ()


def read_manifests(paths: Iterable[Path], namespace: str) -> Manifests:
    """The files, and those in the folders, of `paths`. What names no namespace is for `namespace`.

    Raises ResourceError for a file that cannot be read, or is not YAML.
    """
    objects = [each for path in paths for file in _files(path) for each in _objects(file, namespace)]
    return Manifests(
        tuple(resource("Component", each) for each in objects if _is_component(each)),
        tuple(_secret(each) for each in objects if each.get("kind") == "Secret"),
    )


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.iterdir() if file.suffix in SUFFIXES)


def _objects(file: Path, namespace: str) -> Iterator[Object]:
    document.read(file)  # tells what is wrong with it, and where
    for found in yaml.safe_load_all(document.text_of(file)):
        listed = found.get("items") if isinstance(found, dict) and found.get("kind") == "List" else [found]
        for each in listed or ():
            if not isinstance(each, dict) or not isinstance(each.get("metadata"), dict):
                continue
            metadata = {"namespace": namespace, **each["metadata"]}
            if isinstance(metadata.get("name"), str) and metadata["namespace"] == namespace:
                yield each | {"metadata": metadata}


def _is_component(found: Object) -> bool:
    version = str(found.get("apiVersion", ""))
    is_read = isinstance(found.get("spec"), dict)
    return is_read and found.get("kind") == "Component" and version.startswith("dapr.io/")


def _secret(found: Object) -> SecretSeen:
    metadata: Mapping[str, Any] = found["metadata"]
    keys = {**(found.get("data") or {}), **(found.get("stringData") or {})}
    return SecretSeen(metadata["name"], metadata["namespace"], exists=True, keys=tuple(sorted(keys)))
