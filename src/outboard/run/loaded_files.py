"""What the sidecars of a run take from files, and what a change of it asks for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from outboard.resources.changes import (
    ResourceChange,
    changes_at_start,
    component_changes,
    subscription_changes,
)
from outboard.resources.loader import Resources, read_resources
from outboard.run.plan.daprd_components import resource_options
from outboard.run.plan.plan import AppPlan, RunPlan
from outboard.run.plan.settings import CONFIG

__all__ = ["FilesChange", "LoadedFiles", "files_change", "loaded", "loaded_by", "secrets_files"]

LOCAL_FILE: Final = "secretstores.local.file"
SECRETS_FILE: Final = "secretsfile"


@dataclass(frozen=True, slots=True)
class LoadedFiles:
    """What one sidecar takes from files. `configuration` is as it is written.

    `secrets` tells for each secret store that reads a file which one that is, and a digest of what it holds.
    """

    resources: Resources = field(default_factory=Resources)
    configuration: tuple[bytes, ...] = ()
    secrets: Mapping[str, tuple[Path, bytes]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FilesChange:
    """What is other than before. `at_start` is what a sidecar reads only as it starts.

    `secret_stores` are those whose file holds something else.
    """

    resources: tuple[ResourceChange, ...] = ()
    secret_stores: frozenset[str] = frozenset()
    at_start: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.resources or self.secret_stores or self.at_start)


def files_change(had: LoadedFiles, has: LoadedFiles) -> FilesChange:
    """What leads from one to the other; empty where it is only written elsewhere."""
    before, after = had.resources, has.resources
    at_start = [str(each) for each in changes_at_start(before, after)]
    if had.configuration != has.configuration:
        at_start.append(f"what `--{CONFIG}` names")
    stores = (name for name, held in has.secrets.items() if name in had.secrets and had.secrets[name] != held)
    return FilesChange(
        (
            *component_changes(before.components, after.components),
            *subscription_changes(before.subscriptions, after.subscriptions),
        ),
        frozenset(stores),
        tuple(at_start),
    )


def loaded(plan: RunPlan) -> dict[str, LoadedFiles]:
    """What each sidecar of `plan` takes from files. Raises CommandError where a folder cannot be read."""
    return {app.app_id: loaded_by(app) for app in plan.apps}


def loaded_by(app: AppPlan) -> LoadedFiles:
    """As `loaded`, for the sidecar of one app. OSError for a file that is there and cannot be read."""
    options = resource_options(app)
    resources = read_resources(options.resources_paths, options.app_id, options.namespace)
    flags = zip(app.sidecar, app.sidecar[1:], strict=False)
    paths = [app.directory / value for flag, value in flags if flag == f"--{CONFIG}"]
    return LoadedFiles(
        resources,
        tuple(path.read_bytes() for path in paths if path.is_file()),
        {name: (path, _digest(path)) for name, path in _secrets(app, resources)},
    )


def secrets_files(files: Mapping[str, LoadedFiles]) -> tuple[Path, ...]:
    """The files of secrets that count for what was loaded."""
    return tuple(dict.fromkeys(path for each in files.values() for path, _ in each.secrets.values()))


def _secrets(app: AppPlan, resources: Resources) -> Iterator[tuple[str, Path]]:
    """Each secret store that names a file of its own, with that."""
    for component in resources.components:
        if component.type.lower() != LOCAL_FILE:
            continue
        for item in component.metadata:
            if item.name.lower() == SECRETS_FILE and item.value:
                yield component.name, app.directory / item.value


def _digest(path: Path) -> bytes:
    """Of what it holds, and not that itself: it is all secrets. Empty where there is no such file."""
    return hashlib.sha256(path.read_bytes()).digest() if path.is_file() else b""
