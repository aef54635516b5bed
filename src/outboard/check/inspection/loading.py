"""Apps loaded where a person asks for it: each in a process of its own, in its folder and environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from outboard.check.apps import RunApp
from outboard.check.corpus import SourceFile
from outboard.check.inspected import InspectedApp, app_from_json
from outboard.check.inspection.target import AppTarget, named_target, target_of_command
from outboard.errors import CommandError
from outboard.gojson.values import Json

__all__ = ["Inspection", "inspect_all", "inspect_named", "sources_of"]

PROGRAM: Final = "outboard.check.inspection.program"
PATIENCE: Final = 60.0
"""Seconds that an import may take."""
OF_A_RUN: Final = frozenset(
    {"APP_API_TOKEN", "DAPR_API_TOKEN", "OUTBOARD_HOPS", "DAPR_HTTP_PORT", "DAPR_GRPC_PORT"}
)
"""Variables that an app has of its sidecar: here it has none."""
FORM: Final = "Write `--app MODULE:APP`, as `--app backend.main:app`, or `--app APP_ID=MODULE:APP`."


@dataclass(frozen=True, slots=True)
class Inspection:
    """The apps that could be loaded. `remarks` say which could not, and what is not known: sentences."""

    apps: tuple[InspectedApp, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Wanted:
    target: AppTarget
    app_id: str
    folder: Path
    run_app: RunApp | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    with_schemas: bool = False


def inspect_named(
    named: Sequence[str], run_apps: Sequence[RunApp], *, with_schemas: bool = False
) -> Inspection:
    """The apps that are `named`, `with_schemas` of their events if that is wanted.

    Raises CommandError for one that cannot be loaded.
    """
    wanted = [replace(_named(each, run_apps), with_schemas=with_schemas) for each in named]
    found = [_inspected(each) for each in wanted]
    for each, app in zip(wanted, found, strict=True):
        if isinstance(app, str):
            advice = f"Correct it, or the name. It is looked for in {each.folder}."
            raise CommandError(f"--app {each.target}: {app}", advice)
    apps = tuple(app for app in found if isinstance(app, InspectedApp))
    return Inspection(apps, tuple(_remarks(apps)))


def inspect_all(run_apps: Sequence[RunApp], *, with_schemas: bool = False) -> Inspection:
    """All apps of run files. One that cannot be loaded is a remark."""
    apps: list[InspectedApp] = []
    remarks: list[str] = []
    for each in run_apps:
        target = target_of_command(each.command)
        if target is None:
            told = "its command starts no Python module" if each.command else "it has no command"
            remarks.append(f"{each.app_id} was not loaded: {told}. What it takes and publishes is not known.")
            continue
        folder = Path(each.folder)
        found = _inspected(
            _Wanted(target, each.app_id, folder, each, each.environment, with_schemas=with_schemas)
        )
        if isinstance(found, InspectedApp):
            apps.append(found)
        else:
            remarks.append(
                f"{each.app_id} could not be loaded: {found}. Name its app: `--app {each.app_id}=…`."
            )
    return Inspection(tuple(apps), (*remarks, *_remarks(apps)))


def sources_of(apps: Iterable[InspectedApp]) -> Iterator[SourceFile]:
    """The modules in which they take and publish, to be shown, and for ignores in them."""
    for name in sorted({topic.file for app in apps for topic in app.topics if topic.file}):
        try:
            yield SourceFile(name, Path(name).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError):
            continue  # its lines are named without being shown


def _named(written: str, run_apps: Sequence[RunApp]) -> _Wanted:
    target = named_target(written)
    if target is None:
        raise CommandError(f"--app {written}: this names no app", FORM)
    app = _run_app(target, run_apps)
    here = Path.cwd()
    folder = here if app is None or _is_in(target, here) else Path(app.folder)
    app_id = target.app_id or (app.app_id if app else "")
    return _Wanted(target, app_id, folder, app, app.environment if app else {})


def _run_app(target: AppTarget, run_apps: Sequence[RunApp]) -> RunApp | None:
    """The app of a run file that is meant: by its id, or since its command alone names the package."""
    if target.app_id:
        return next((each for each in run_apps if each.app_id == target.app_id), None)
    package = target.module.partition(".")[0]
    naming = [
        each
        for each in run_apps
        if (known := target_of_command(each.command)) and known.module.partition(".")[0] == package
    ]
    return naming[0] if len(naming) == 1 else None


def _is_in(target: AppTarget, folder: Path) -> bool:
    package = folder / target.module.partition(".")[0]
    return package.is_dir() or package.with_suffix(".py").is_file()


def _inspected(wanted: _Wanted) -> InspectedApp | str:
    """The app; or why it cannot be loaded, in words."""
    with tempfile.TemporaryDirectory(prefix="outboard-check-") as scratch:
        out = Path(scratch, "app.json")
        failure = _run(wanted, out)
        if failure:
            return failure
        try:
            found: Json = json.loads(out.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return "its process ended without a word"
    if not isinstance(found, dict):
        return "its process told nothing"
    if isinstance(error := found.get("error"), dict):
        place = f" ({_shown(str(error['file']))}:{error.get('line')})" if error.get("file") else ""
        return f"{error.get('problem')}{place}"
    app = app_from_json(found, wanted.app_id, str(wanted.target), _shown)
    if wanted.run_app is None:
        return app
    return replace(app, node=wanted.run_app.node, resources=wanted.run_app.resources)


def _shown(file: str) -> str:
    """As one would name it from where one stands."""
    path, here = Path(file), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else file


def _run(wanted: _Wanted, out: Path) -> str:
    """Run the program for an app; returns what went wrong with that, empty where nothing did."""
    folder = wanted.folder.absolute()
    command = [
        sys.executable,
        "-P",
        "-m",
        PROGRAM,
        str(out),
        str(folder),
        wanted.target.module,
        wanted.target.attribute,
        *(["schemas"] if wanted.with_schemas else []),
    ]
    try:
        subprocess.run(
            command,
            cwd=folder,
            env=_environment(wanted),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"its import does not end within {PATIENCE:.0f} s"
    except OSError as error:
        return f"it cannot be started: {error.strerror}"
    return ""


def _environment(wanted: _Wanted) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name not in OF_A_RUN}
    own = {"APP_ID": wanted.app_id} if wanted.app_id else {}
    return {**inherited, **own, **wanted.environment}


def _remarks(apps: Iterable[InspectedApp]) -> Iterator[str]:
    for each in apps:
        if not each.app_id:
            yield (
                f"The app id of {each.target} is not known, so neither are the scopes that count for it: "
                f"`--app APP_ID={each.target}`."
            )
        if each.unseen:
            places = "place" if each.unseen == 1 else "places"
            yield f"{each.name} publishes in {each.unseen} {places} to a topic that only a run can tell."
