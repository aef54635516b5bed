"""A run file and the resources of its apps, read as the system that manifests are made of."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from outboard.errors import CommandError
from outboard.manifests.settings import LABEL, AppSettings, app_settings, system_settings
from outboard.manifests.system import App, LoadedResource, System
from outboard.resources import document
from outboard.resources.node import Node
from outboard.run.plan.settings import APP_PORT, APP_PROTOCOL, CONFIG, RESOURCES_PATH, Value
from outboard.run.plan.template import AppSpec, read_template

__all__ = ["read_system"]

SUFFIXES: Final = frozenset({".yaml", ".yml"})
DAPR: Final = "dapr.io/"
REQUIREMENTS: Final = ("requirements.txt", "pyproject.toml")
"""What says which packages an app needs, the first that there is."""
LONGEST_APP_ID: Final = 58
"""Dapr makes a Service of the name and `-dapr`."""
ANNOTATIONS: Final[Mapping[str, str]] = {
    **{
        flag: flag
        for flag in (
            *("app-max-concurrency", "enable-app-health-check", "app-health-check-path"),
            *("app-health-probe-interval", "app-health-probe-timeout", "app-health-threshold"),
            *("enable-api-logging", "max-body-size", "read-buffer-size", "enable-profiling", "log-level"),
        )
    },
    "dapr-http-max-request-size": "http-max-request-size",
    "dapr-http-read-buffer-size": "http-read-buffer-size",
}
"""daprd's flag → the annotation, for what holds on the laptop and in the cluster."""


def read_system(
    run_file: Path,
    namespace: str = "",
    resources: Sequence[Path] = (),
    values: Mapping[str, str] | None = None,
    to_try_with: Sequence[str] = (),
) -> System:
    """The system of a run file, or of `dapr.yaml` in a folder; what else is given counts for more than it.

    Raises CommandError, and ResourceError for what is wrong in a file.
    """
    template = read_template(run_file)
    base = template.path.parent
    root = document.read(template.path)[0]
    settings = system_settings(root)
    settings = replace(
        settings,
        values={**settings.values, **(values or {})},
        to_try_with=tuple(dict.fromkeys((*settings.to_try_with, *to_try_with))),
    )
    folders = [*resources] or [base / each for each in settings.resources]
    nodes = root.require("apps").items()
    loaded = list(_loaded(template.apps, folders))
    named = namespace or settings.namespace or _namespace(loaded)
    pairs = list(zip(template.apps, nodes, strict=True))
    configurations = {spec.app_id: _configuration(spec) for spec, _ in pairs}
    apps = tuple(
        _app(spec, node, app_settings(root, node), base, configurations[spec.app_id]) for spec, node in pairs
    )
    every = (*loaded, *(each for each in configurations.values() if each is not None))
    return System(named, settings, apps, every)


def _app(
    spec: AppSpec,
    node: Node,
    own: AppSettings,
    base: Path,
    configuration: LoadedResource | None,
) -> App:
    if len(spec.app_id) > LONGEST_APP_ID or not LABEL.match(spec.app_id):
        told = f"{spec.origin}: `{spec.app_id}` is no name for Kubernetes"
        raise CommandError(told, f"Write lower-case letters, digits and `-`, {LONGEST_APP_ID} at most.")
    port = spec.settings.get(APP_PORT, 0)
    context = _context(spec.directory.resolve(), own.build.context, base.resolve())
    return App(
        app_id=spec.app_id,
        port=port if isinstance(port, int) else 0,
        command=spec.command,
        context=Path(os.path.relpath(context, base.resolve())).as_posix(),
        folder=_seen_from(spec.directory.resolve(), context),
        place=spec.origin,
        settings=own,
        requirements=next((each for each in REQUIREMENTS if (spec.directory / each).is_file()), ""),
        image=node.string("containerImage") or f"{spec.app_id}:0.1.0",
        pull_policy=node.string("containerImagePullPolicy"),
        has_service=node.boolean("createService", True),
        protocol=str(spec.settings.get(APP_PROTOCOL, "http")),
        environment=spec.environment,
        annotations={
            name: _written(spec.settings[flag]) for flag, name in ANNOTATIONS.items() if flag in spec.settings
        },
        configuration=configuration.name if configuration else "",
    )


def _written(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _context(folder: Path, written: str, base: Path) -> Path:
    """What the image of an app is built from: the run file's folder, or its own where that is elsewhere."""
    if written:
        return (base / written).resolve()
    return base if folder.is_relative_to(base) else folder


def _seen_from(folder: Path, context: Path) -> str:
    """Raises CommandError where the app is not below what its image is built from."""
    if not folder.is_relative_to(context):
        told = f"{folder} is not below {context}, which its image is built from"
        raise CommandError(told, "Correct `context` below `build` of x-kubernetes.")
    return folder.relative_to(context).as_posix()


def _namespace(resources: Sequence[LoadedResource]) -> str:
    """The one that all resources name. Raises CommandError."""
    named = {
        str(metadata.get("namespace", ""))
        for each in resources
        if isinstance(metadata := each.content.get("metadata"), Mapping)
    }
    named.discard("")
    if len(named) != 1:
        told = (
            "the resources name no namespace"
            if not named
            else f"the resources name {', '.join(sorted(named))}"
        )
        raise CommandError(told, "Name it with --namespace, or as `namespace` of x-kubernetes in dapr.yaml.")
    return named.pop()


# Resources


def _loaded(apps: Sequence[AppSpec], folders: Sequence[Path]) -> Iterator[LoadedResource]:
    """What each app loads: from `folders`, or from its own. Raises CommandError, ResourceError."""
    loading: dict[Path, list[str]] = {}
    for app in apps:
        own = app.settings.get(RESOURCES_PATH)
        named = folders or [Path(each) for each in (own if isinstance(own, tuple) else ())]
        for folder in named:
            if not folder.is_dir():
                raise CommandError(f"there is no folder {folder}", "Name one with resources.")
            loading.setdefault(folder.resolve(), []).append(app.app_id)
    for folder, app_ids in loading.items():
        for file in sorted(folder.iterdir()):
            if file.suffix.lower() in SUFFIXES:
                yield from _of_file(file, tuple(app_ids))


def _of_file(file: Path, apps: tuple[str, ...]) -> Iterator[LoadedResource]:
    lines = document.text_of(file).splitlines()
    for node in document.read(file):
        if isinstance(node.value, Mapping) and node.string("apiVersion").startswith(DAPR):
            scopes = node.strings("scopes")
            meant = tuple(each for each in apps if not scopes or each in scopes)
            if meant:
                content = node.plain()
                assert isinstance(content, dict)
                yield LoadedResource(content, meant, f"{file}:{node.line}", _notes(node, lines))


def _configuration(spec: AppSpec) -> LoadedResource | None:
    """The Configuration of an app. Raises ResourceError."""
    path = spec.settings.get(CONFIG)
    if not isinstance(path, str):
        return None
    return next((each for each in _of_file(Path(path), (spec.app_id,)) if each.kind == "Configuration"), None)


def _notes(node: Node, lines: Sequence[str]) -> dict[str, str]:
    """The comment behind the name of each item of metadata."""
    notes: dict[str, str] = {}
    spec = node.mapping("spec") if node.string("kind") == "Component" else None
    for item in spec.sequence("metadata") if spec is not None else ():
        name = item.get("name")
        if name is not None and 0 < name.span.end_line <= len(lines):
            behind = lines[name.span.end_line - 1][name.span.end_column - 1 :].strip()
            if behind.startswith("#"):
                notes[name.as_string()] = behind.lstrip("# ")
    return notes
