"""Looking at this machine and this folder. Programs are only started to ask for their version."""

from __future__ import annotations

import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from shutil import which
from typing import Final

from outboard.engines.java import find_java, installed_version
from outboard.engines.kafka import find_distribution
from outboard.engines.redis import find_redis
from outboard.errors import CommandError, EngineUnavailable, OutboardError, ResourceError
from outboard.inventory.privacy import without_home, without_secrets
from outboard.inventory.report import Extra, Package, Report, SeenResource, Tool
from outboard.inventory.requirements import requirements
from outboard.resources import document
from outboard.resources.node import Node
from outboard.run.plan.daprd_executable import find_daprd
from outboard.run.plan.settings import CONFIG, RESOURCES_PATH
from outboard.run.plan.template import AppSpec, read_template

__all__ = ["look_around"]

BESIDE: Final = ("starlette", "pydantic-core", "protobuf", "dapr-ext-fastapi")
"""What its dependencies bring, or stands beside it, and a report often turns on."""
RUN_FILE: Final = "dapr.yaml"
USUAL: Final = ("components", "resources", ".dapr/components", ".dapr/resources")
SUFFIXES: Final = frozenset({".yaml", ".yml"})
GROUP: Final = "dapr.io/"
PATIENCE: Final = 10.0
"""Seconds in which a program has to tell its version."""
VERSION: Final = re.compile(r"v?(\d+\.\d+(?:\.\d+)*\S*)")


def look_around(folder: Path, environment: Mapping[str, str], home: Path) -> Report:
    """What is installed, what is found on this machine, and what `folder` has; nothing of it is a secret."""
    packages = requirements(requires("outboard") or ())
    extras = sorted({each.extra for each in packages if each.extra})
    apps, problems = _apps(folder)
    resources, more = _resources(folder, apps)
    return Report(
        outboard=version("outboard"),
        python=platform.python_version(),
        platform=_platform(home),
        dependencies=(
            *(_package(each.name, each.asked) for each in packages if not each.extra),
            *(each for each in map(_package, BESIDE) if each.version),
        ),
        extras=tuple(
            Extra(name, tuple(_package(each.name, each.asked) for each in packages if each.extra == name))
            for name in extras
        ),
        engines=tuple(_engines(environment, home)),
        apps=tuple(app.app_id for app in apps),
        resources=resources,
        problems=tuple(each.replace(str(home), "~") for each in (*problems, *more)),
        variables=without_secrets(environment),
    )


def _package(name: str, asked: str = "") -> Package:
    try:
        return Package(name, version(name), asked)
    except PackageNotFoundError:
        return Package(name, "", asked)


def _platform(home: Path) -> dict[str, str]:
    return {
        "system": platform.platform(),
        "machine": platform.machine(),
        "implementation": platform.python_implementation(),
        "executable": without_home(Path(sys.executable), home),
        "package": without_home(Path(__file__).parents[1], home),
    }


# Engines


def _engines(environment: Mapping[str, str], home: Path) -> Iterator[Tool]:
    def daprd() -> tuple[str, str]:
        place = find_daprd(None, environment, home)
        return str(place), _told_version(place, "--version")

    def java() -> tuple[str, str]:
        place = find_java(environment)
        return str(place), str(installed_version(str(place)) or "")

    def kafka() -> tuple[str, str]:
        found = find_distribution(environment)
        if found is None:
            raise EngineUnavailable(
                "kafka", "none on this machine", "`outboard engines up kafka` downloads it."
            )
        return str(found.jars), ".".join(map(str, found.version))

    def redis() -> tuple[str, str]:
        place = find_redis(environment)
        return str(place), _told_version(place, "--version")

    def kubectl() -> tuple[str, str]:
        place = which("kubectl", path=environment.get("PATH"))
        if place is None:
            raise CommandError("there is no kubectl on PATH", "Only clusters need it.")
        return place, _told_version(Path(place), "version", "--client")

    for find in (daprd, java, kafka, redis, kubectl):
        yield _found(find, home)


def _found(find: Callable[[], tuple[str, str]], home: Path) -> Tool:
    try:
        place, told = find()
    except CommandError as error:
        return Tool(find.__name__, problem=error.problem)
    except EngineUnavailable as error:
        return Tool(find.__name__, problem=error.problem)
    return Tool(find.__name__, without_home(Path(place), home), told)


def _told_version(program: Path, *arguments: str) -> str:
    """The first version in what the program says; empty where it does not run, or tells none in time."""
    try:
        said = subprocess.run(
            [program, *arguments], capture_output=True, encoding="utf-8", errors="replace", timeout=PATIENCE
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = VERSION.search(said.stdout)
    return found[1] if found else ""


# The folder


def _apps(folder: Path) -> tuple[tuple[AppSpec, ...], tuple[str, ...]]:
    file = folder / RUN_FILE
    if not file.is_file():
        return (), ()
    try:
        return tuple(read_template(file).apps), ()
    except OutboardError as error:
        return (), (str(error),)


def _resources(folder: Path, apps: Iterable[AppSpec]) -> tuple[tuple[SeenResource, ...], tuple[str, ...]]:
    found: list[SeenResource] = []
    problems: list[str] = []
    for file in _files(folder, apps):
        try:
            found += [
                _seen(node, file, folder)
                for node in document.read(file)
                if isinstance(node.value, Mapping) and node.string("apiVersion").startswith(GROUP)
            ]
        except ResourceError as error:
            problems.append(str(error))
    return tuple(found), tuple(problems)


def _files(folder: Path, apps: Iterable[AppSpec]) -> list[Path]:
    """The resource files of the apps, or of the usual folders where there is no app; each once."""
    places: dict[Path, None] = {}
    for app in apps:
        named = app.settings.get(RESOURCES_PATH)
        places.update(dict.fromkeys(map(Path, named if isinstance(named, tuple) else ())))
        config = app.settings.get(CONFIG)
        if isinstance(config, str):
            places[Path(config)] = None
    files: dict[Path, None] = {}
    for place in places or [folder / each for each in USUAL]:
        inside = sorted(place.iterdir()) if place.is_dir() else [place]
        files.update({each.resolve(): None for each in inside if each.suffix in SUFFIXES and each.is_file()})
    return list(files)


def _seen(node: Node, file: Path, folder: Path) -> SeenResource:
    metadata, spec = node.mapping("metadata"), node.mapping("spec")
    name = metadata.string("name") if metadata is not None else ""
    kind, place = node.string("kind"), _below(file, folder)
    if kind != "Component" or spec is None:
        return SeenResource(kind, name, "", place)
    fields = tuple(item.string("name") for item in spec.sequence("metadata"))
    return SeenResource(kind, name, f"{spec.string('type')}/{spec.string('version')}", place, fields)


def _below(file: Path, folder: Path) -> str:
    root = folder.resolve()
    return file.relative_to(root).as_posix() if file.is_relative_to(root) else file.name
