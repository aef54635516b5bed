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
from outboard.run.plan.settings import BY_KEY, CONFIG, RESOURCES_PATH, SETTINGS, Kind, Setting, Value

__all__ = ["AppSpec", "Destination", "Template", "parse_template", "read_template"]

FILE_NAME: Final = "dapr.yaml"
VERSION: Final = 1
LARGEST_PORT: Final = 65535

COMMON_KEYS: Final = frozenset(
    {setting.key for setting in SETTINGS if setting.shared}
    | {"resourcesPath", "env", "appLogDestination", "daprdLogDestination", "runtimePath", "daprPath"}
)
APP_KEYS: Final = (
    COMMON_KEYS
    | frozenset(BY_KEY)
    | {"appID", "appDirPath", "command", "containerImage", "containerImagePullPolicy", "createService"}
)
"""`runtimePath`, `daprPath` and the container keys are Dapr's too; they have no meaning for a local run."""


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
    path: Path
    apps: tuple[AppSpec, ...]


def read_template(path: Path) -> Template:
    """The run file at `path`, or `dapr.yaml` in the folder `path`.

    Raises CommandError where there is no such file, ResourceError where something in it is wrong.
    """
    file = path / FILE_NAME if path.is_dir() else path
    if not file.is_file():
        advice = "Name it with -f, or start one app with `outboard run --app-id NAME -- COMMAND`."
        raise CommandError(f"there is no run file {file}", advice)
    documents = read(file)
    if len(documents) != 1:
        problem = "no app is described here" if not documents else "a run file is one YAML document"
        raise ResourceError(
            str(file), 1, problem, "Start it with `version: 1` and list the apps under `apps:`."
        )
    return parse_template(documents[0])


def parse_template(root: Node) -> Template:
    """The run file whose document is `root`. Raises ResourceError; looks whether the paths in it exist."""
    root.refuse_unknown({"version", "common", "apps", "name"})
    for node in root.repeated():
        problem = (
            f"key `{node.key}` is written twice, in line {node.earlier_line} and in line {node.key_line}"
        )
        raise node.error(problem, "Only one would count: remove the other.")
    version = root.require("version", "Add `version: 1` as the first line.")
    if version.as_string() != str(VERSION):
        raise version.error(f"version {version.as_string()} is not known", f"Write `version: {VERSION}`.")
    apps = root.require("apps", "List the apps under `apps:`.").items()
    if not apps:
        raise root.error("no app is described here", "List the apps under `apps:`.")
    common = _Section.read(root.mapping("common"), COMMON_KEYS, root.path.parent.absolute())
    specs = tuple(_app(node, common) for node in apps)
    _refuse_twins(apps, specs)
    return Template(root.path, specs)


@dataclass(frozen=True, slots=True)
class _Section:
    """What stands under `common` or under one app."""

    settings: Mapping[str, Value] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    logs: Mapping[str, Destination] = field(default_factory=dict)

    @classmethod
    def read(cls, node: Node | None, known: frozenset[str], base: Path) -> _Section:
        if node is None:
            return cls()
        node.refuse_unknown(known)
        settings = {
            setting.flag: _value(found, setting, base)
            for setting in SETTINGS
            if setting.key in known and (found := node.get(setting.key)) is not None
        }
        if (single := node.get("resourcesPath")) is not None:
            settings[RESOURCES_PATH] = (*_tuple(settings.get(RESOURCES_PATH)), _path(single, base))
        logs = {key: _destination(found) for key in LOG_KEYS if (found := node.get(key)) is not None}
        return cls(settings, node.string_map("env"), logs)


LOG_KEYS: Final = ("appLogDestination", "daprdLogDestination")


def _app(node: Node, common: _Section) -> AppSpec:
    node.refuse_unknown(APP_KEYS)
    base = node.path.parent.absolute()
    folder = node.require(
        "appDirPath", "Name the app's folder, relative to this file: `appDirPath: ./backend`."
    )
    directory = Path(_path(folder, base))
    own = _Section.read(node, APP_KEYS, directory)
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


def _value(node: Node, setting: Setting, base: Path) -> Value:
    match setting.kind:
        case Kind.PORT:
            return _port(node)
        case Kind.INTEGER:
            return node.as_integer()
        case Kind.BOOLEAN:
            return node.as_boolean()
        case Kind.PATH:
            return _path(node, base)
        case Kind.PATHS:
            return _paths(node, base)
        case _:
            return node.as_string()


def _port(node: Node) -> int:
    port = node.as_integer()
    if not 0 < port <= LARGEST_PORT:
        raise node.error(f"`{node.key}` must be a port from 1 to {LARGEST_PORT}, not {port}", "Correct it.")
    return port


def _paths(node: Node, base: Path) -> tuple[str, ...]:
    # Dapr's page shows one path, or several separated by commas; the type is a list.
    if isinstance(node.value, tuple):
        return tuple(_path(item, base) for item in node.items())
    return tuple(_resolve(node, part.strip(), base) for part in node.as_string().split(","))


def _path(node: Node, base: Path) -> str:
    return _resolve(node, node.as_string(), base)


def _resolve(node: Node, written: str, base: Path) -> str:
    path = (base / Path(written).expanduser()).resolve()
    if not path.exists():
        named = f"`{node.key}` names " if node.key else ""
        advice = f"It is looked for relative to {base}. Correct the path, or create it."
        raise node.error(f"{named}{written}, which does not exist", advice)
    return str(path)


def _destination(node: Node) -> Destination:
    try:
        return Destination(node.as_string())
    except ValueError:
        allowed = ", ".join(Destination)
        raise node.error(
            f"`{node.key}` must be one of {allowed}, not {node.as_string()!r}", "Correct it."
        ) from None


def _tuple(value: Value | None) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else ()
