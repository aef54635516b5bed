"""The project that is tested: the apps of its run file, and what the sidecar of each loads."""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from fastapi import FastAPI

from outboard.kit.client.settings import DEFAULT_APP_ID
from outboard.kit.subscriptions.routes import declaration_of, every_route
from outboard.resources.configuration import Configuration
from outboard.resources.configuration_reader import read_configuration
from outboard.resources.finding import refuse_errors
from outboard.resources.loader import Resources, load_resources
from outboard.resources.node import near
from outboard.run.plan.settings import CONFIG, RESOURCES_PATH
from outboard.run.plan.template import AppSpec, read_template
from outboard.testing.in_memory import in_memory

__all__ = ["NamedFiles", "NotInProject", "NotSubscribed", "Project", "SidecarFiles"]


LIKENESS: Final = 0.85
"""Of two app ids, from which on one is taken for a slip; see `near`."""


class NotSubscribed(AssertionError):
    """An app of the project asks for events that its sidecar does not give it. The message says why."""


class NotInProject(UserWarning):
    """An app id is none of the project, and looks like a mistaken one of it."""


@dataclass(frozen=True, slots=True)
class SidecarFiles:
    """What one sidecar is given of files. `resources` is None where no folder of them is named.

    Relative paths in them begin in `directory`.
    """

    resources: Resources | None = None
    configuration: Configuration = field(default_factory=Configuration)
    directory: Path = Path()


@dataclass(frozen=True, slots=True)
class NamedFiles:
    """The folders of resources and the Configurations that a run file names. See `SidecarFiles`."""

    folders: tuple[Path, ...] = ()
    configs: tuple[Path, ...] = ()
    directory: Path = Path()


@dataclass(frozen=True, slots=True)
class Project:
    """The apps of the run file `path`, by app id, with the files of each."""

    path: Path
    apps: Mapping[str, AppSpec]
    files: Mapping[str, SidecarFiles]

    @classmethod
    def read(cls, path: Path) -> Project:
        """The project of the run file at `path`, or of the dapr.yaml in the folder `path`.

        Raises CommandError, and ResourceError or ResourcesInvalid for what is wrong in it or in the
        resources of an app.
        """
        template = read_template(path)
        apps = {spec.app_id: spec for spec in template.apps}
        return cls(template.path, apps, {name: _files(name, [spec]) for name, spec in apps.items()})

    def app_id(self, named: str, app: object) -> str:
        """The id of `app`: `named`, unless nobody has named one and the project shows which it is.

        That is so where the project has one app, or where the functions of the app's routes stand in the
        `appDirPath` of one alone.
        """
        if named in self.apps:
            return named
        if named != DEFAULT_APP_ID:
            self._warn_of(named)
            return named
        if len(self.apps) == 1:
            return next(iter(self.apps))
        found = {self._app_around(source) for source in _sources(app)} - {""}
        return found.pop() if len(found) == 1 else named

    def files_of(self, app_id: str) -> SidecarFiles:
        """What the sidecar of `app_id` loads, in memory. An app of the test's own gets what any app gets.

        Raises ResourceError.
        """
        found = self.files.get(app_id)
        return _files(app_id, self.apps.values()) if found is None else found

    def named_files(self, app_id: str) -> NamedFiles:
        """Those of `app_id`, as they are. An app of the test's own gets the folders of all."""
        own = self.apps.get(app_id)
        every = list(self.apps.values()) if own is None else [own]
        folders = dict.fromkeys(folder for spec in every for folder in _folders(spec))
        return NamedFiles(tuple(folders), _configs(every) if own is not None else (), every[0].directory)

    def _warn_of(self, named: str) -> None:
        """One that only goes on, or ends sooner, is meant: `orders-2`."""
        others = [name for name in self.apps if not (named.startswith(name) or name.startswith(named))]
        advice = near(named, others, LIKENESS)
        if advice:
            text = f"the app '{named}' is none of {self.path}, and gets what any app of it gets. {advice}"
            warnings.warn(NotInProject(text), stacklevel=2)

    def _app_around(self, source: Path) -> str:
        """The app whose folder is the nearest around `source`; empty where there is none, or several."""
        around = [(len(spec.directory.parts), name) for name, spec in self.apps.items()
                  if spec.directory in source.parents]  # fmt: skip
        nearest = [name for depth, name in around if depth == max(around)[0]]
        return nearest[0] if len(nearest) == 1 else ""


def _files(app_id: str, specs: Iterable[AppSpec]) -> SidecarFiles:
    """Of several apps together the components, of one name the first."""
    every = list(specs)
    together: Resources | None = None
    for folders in dict.fromkeys(_folders(spec) for spec in every):
        if folders:
            loaded = in_memory(load_resources(folders, app_id, os.environ.get("NAMESPACE", "")))
            together = loaded if together is None else _joined(together, loaded)
    configuration = read_configuration(_configs(every), os.environ) if len(every) == 1 else Configuration()
    refuse_errors(configuration.findings)
    return SidecarFiles(together, configuration, every[0].directory)


def _configs(specs: Iterable[AppSpec]) -> tuple[Path, ...]:
    return tuple(Path(str(spec.settings[CONFIG])) for spec in specs if CONFIG in spec.settings)


def _folders(spec: AppSpec) -> tuple[Path, ...]:
    found = spec.settings.get(RESOURCES_PATH, ())
    return tuple(map(Path, found)) if isinstance(found, tuple) else ()


def _joined(first: Resources, then: Resources) -> Resources:
    names = {each.name for each in first.components}
    added = tuple(each for each in then.components if each.name not in names)
    return replace(first, components=(*first.components, *added))


def _sources(app: object) -> Iterator[Path]:
    """The files in which the functions of the app's routes stand."""
    routes: Sequence[object] = list(every_route(app.routes)) if isinstance(app, FastAPI) else ()
    for route in routes:
        declaration = declaration_of(route)
        function = getattr(route, "endpoint", None) if declaration is None else declaration.handler
        code = getattr(inspect.unwrap(function), "__code__", None) if callable(function) else None
        if code is not None:
            yield Path(code.co_filename).resolve()
