"""Dapr's multi-app run file, `dapr.yaml`, as frozen values.

Source: Dapr's "How to: Use the Multi-App Run template file" (version 1). As in Dapr, `appDirPath` and the
paths under `common` are relative to the file, and an app's own paths are relative to its `appDirPath`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from outboard.errors import CommandError, ResourceError
from outboard.resources.document import Node, read
from outboard.resources.finding import Finding
from outboard.run.plan.settings import CONFIG, RESOURCES_PATH, SETTINGS, Kind, Setting, Value
from outboard.run.plan.template_keys import (
    APP_KEYS,
    COMMON_KEYS,
    TOP_KEYS,
    instead_of,
    refuse_other_kinds,
    unknown_keys,
)
from outboard.run.plan.template_paths import existing_path, folder_of, resources_paths

__all__ = ["FILE_NAME", "AppSpec", "Destination", "Template", "parse_template", "read_template"]

FILE_NAME: Final = "dapr.yaml"
VERSION: Final = 1
LARGEST_PORT: Final = 65535

NOT_CHOSEN: Final = -1
"""What `dapr run` takes, as 0, for a port that is not given."""


class Destination(StrEnum):
    """Where log lines go: Dapr's words."""

    CONSOLE = "console"
    FILE = "file"
    BOTH = "fileAndConsole"


@dataclass(frozen=True, slots=True)
class AppSpec:
    """One app as its author wrote it. `settings` are by daprd's flag, all paths absolute.

    `origin` is the place to name in a message: a file with its line, or the command line. An empty
    `command` means that only the sidecar is started.
    """

    app_id: str
    directory: Path
    command: tuple[str, ...]
    origin: str
    environment: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Value] = field(default_factory=dict)
    app_log: Destination = Destination.CONSOLE
    sidecar_log: Destination = Destination.CONSOLE


@dataclass(frozen=True, slots=True)
class Template:
    """The apps of a run file, and what a person should know of it."""

    path: Path
    apps: tuple[AppSpec, ...]
    findings: tuple[Finding, ...] = ()


def read_template(path: Path) -> Template:
    """The run file at `path`, or `dapr.yaml` in the folder `path`.

    Raises CommandError where there is no such file, ResourceError where something in it is wrong.
    """
    file = path / FILE_NAME if path.is_dir() else path
    if file.is_dir():
        raise CommandError(f"{file} is a folder, and no run file", "Name the file with -f.")
    if not file.is_file():
        advice = "Name it with -f, or start one app with `outboard run --app-id NAME -- COMMAND`."
        raise CommandError(f"there is no run file {file}", advice)
    documents = read(file)
    for document in documents[:1]:
        refuse_other_kinds(document)
    if len(documents) != 1:
        problem = "no app is described here" if not documents else "a run file is one YAML document"
        raise ResourceError(
            str(file), 1, problem, "Start it with `version: 1` and list the apps under `apps:`."
        )
    return parse_template(documents[0])


def parse_template(root: Node) -> Template:
    """The run file whose document is `root`. Raises ResourceError; looks whether the paths in it exist."""
    findings = list(unknown_keys(root, TOP_KEYS))
    for node in root.repeated():
        problem = (
            f"key `{node.key}` is written twice, in line {node.earlier_line} and in line {node.key_line}"
        )
        raise node.error(problem, "Only one would count: remove the other.")
    version = root.require("version", "Add `version: 1` as the first line.")
    if version.as_string() != str(VERSION):
        raise version.error(f"version {version.as_string()} is not known", f"Write `version: {VERSION}`.")
    advice = instead_of("apps", root, TOP_KEYS) or "List the apps under `apps:`."
    apps = root.require("apps", advice).items()
    if not apps:
        raise root.error("no app is described here", "List the apps under `apps:`.")
    common = _Section.read(root.mapping("common"), COMMON_KEYS, root.path.parent.absolute(), findings)
    specs = tuple(_app(node, common, findings) for node in apps)
    _refuse_twins(apps, specs)
    return Template(root.path, specs, tuple(findings))


@dataclass(frozen=True, slots=True)
class _Section:
    """What stands under `common` or under one app."""

    settings: Mapping[str, Value] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    logs: Mapping[str, Destination] = field(default_factory=dict)

    @classmethod
    def read(cls, node: Node | None, known: frozenset[str], base: Path, findings: list[Finding]) -> _Section:
        """What stands in `node`; what a person should know of it is added to `findings`."""
        if node is None:
            return cls()
        findings += unknown_keys(node, known)
        settings: dict[str, Value] = {}
        for setting in SETTINGS:
            found = node.get(setting.key) if setting.key in known else None
            if found is not None and (value := _value(found, setting, base)) is not None:
                settings[setting.flag] = value
        if (folders := resources_paths(node, base, findings)) is not None:
            settings[RESOURCES_PATH] = folders
        logs = {key: _destination(found) for key in LOG_KEYS if (found := node.get(key)) is not None}
        return cls(settings, node.string_map("env"), logs)


LOG_KEYS: Final = ("appLogDestination", "daprdLogDestination")


def _app(node: Node, common: _Section, findings: list[Finding]) -> AppSpec:
    base = node.path.parent.absolute()
    advice = "Name the app's folder, relative to this file: `appDirPath: ./backend`."
    folder = node.require("appDirPath", instead_of("appDirPath", node, APP_KEYS) or advice)
    directory = Path(folder_of(folder, folder.as_string(), base))
    own = _Section.read(node, APP_KEYS, directory, findings)
    logs = {**common.logs, **own.logs}
    return AppSpec(
        app_id=_app_id(node, directory),
        directory=directory,
        command=_command(node),
        origin=f"{node.path}:{node.line}",
        environment={**common.environment, **own.environment},
        settings={**common.settings, **_conventions(directory), **own.settings},
        app_log=logs.get("appLogDestination", Destination.CONSOLE),
        sidecar_log=logs.get("daprdLogDestination", Destination.CONSOLE),
    )


def _conventions(directory: Path) -> dict[str, Value]:
    """What Dapr takes from an app's `.dapr` folder; it counts for more than `common`."""
    found: dict[str, Value] = {}
    if (resources := directory / ".dapr" / "resources").is_dir():
        found[RESOURCES_PATH] = (str(resources),)
    if (config := directory / ".dapr" / "config.yaml").is_file():
        found[CONFIG] = str(config)
    return found


def _app_id(node: Node, directory: Path) -> str:
    written = node.get("appID")
    app_id = written.as_string() if written is not None else directory.name
    if not app_id or "." in app_id:
        raise (written or node).error(f"app id {app_id!r} is not possible", "Give it a name without a dot.")
    return app_id


def _command(node: Node) -> tuple[str, ...]:
    found = node.get("command")
    if found is not None and not isinstance(found.value, tuple):
        words = ", ".join(f'"{word}"' for word in found.as_string().split())
        raise found.error("`command` must be a list of words", f"Write `command: [{words}]`.")
    return node.strings("command")


def _refuse_twins(nodes: tuple[Node, ...], specs: tuple[AppSpec, ...]) -> None:
    seen: dict[str, Node] = {}
    for node, spec in zip(nodes, specs, strict=True):
        first = seen.setdefault(spec.app_id, node)
        if first is not node:
            problem = f"app id '{spec.app_id}' is used twice, in line {first.line} and in line {node.line}"
            raise node.error(problem, "Give each app an `appID` of its own.")


def _value(node: Node, setting: Setting, base: Path) -> Value | None:
    """None where what is written stands for nothing. Folders of resources are read for themselves."""
    match setting.kind:
        case Kind.PORT:
            return _port(node)
        case Kind.INTEGER:
            return node.as_integer()
        case Kind.BOOLEAN:
            return node.as_boolean()
        case Kind.PATH:
            return existing_path(node, node.as_string(), base) if node.as_string() else None
        case Kind.PATHS:
            return None
        case _:
            return node.as_string()


def _port(node: Node) -> int | None:
    port = node.as_integer()
    if not NOT_CHOSEN <= port <= LARGEST_PORT:
        raise node.error(f"`{node.key}` must be a port from 1 to {LARGEST_PORT}, not {port}", "Correct it.")
    return port if port > 0 else None


def _destination(node: Node) -> Destination:
    try:
        return Destination(node.as_string())
    except ValueError:
        allowed = ", ".join(Destination)
        raise node.error(
            f"`{node.key}` must be one of {allowed}, not {node.as_string()!r}", "Correct it."
        ) from None
