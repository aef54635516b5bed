"""From a command line to what a plan is made of: the apps, folders of components, daprd."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from outboard.errors import CommandError
from outboard.run.plan.daprd_executable import find_daprd
from outboard.run.plan.plan import ChosenApps
from outboard.run.plan.settings import RESOURCES_PATH, Value
from outboard.run.plan.template import FILE_NAME, AppSpec, read_template

__all__ = ["chosen_apps", "chosen_daprd", "component_folders"]

COMMAND_LINE: Final = "--app-id"
"""The origin of an app that no file describes."""


YAML: Final = frozenset({".yaml", ".yml"})
NAMELESS: Final = "app"


def chosen_apps(
    run_file: Path | None,
    app_id: str,
    command: Sequence[str],
    settings: Mapping[str, Value],
    folder: Path,
) -> ChosenApps:
    """Those of the run file (`folder`'s dapr.yaml where none is named), or the one of the command line.

    `settings` are by flag. Raises CommandError for what excludes each other, ResourceError for the file.
    """
    one_app = bool(app_id or command or (settings and not (folder / FILE_NAME).is_file()))
    if run_file is not None or not one_app:
        if app_id or command:
            raise CommandError(
                "-f and an app on the command line exclude each other", "Leave one of them out."
            )
        _refuse_settings_of_one_app(settings)
        template = read_template(run_file or folder)
        return ChosenApps(template.apps, findings=template.findings, run_file=template.path.absolute())
    _refuse_run_file_as_command(command, folder)
    name = app_id or _app_id_of(folder)
    spec = AppSpec(name, folder, tuple(command), COMMAND_LINE, settings=settings)
    return ChosenApps(
        [spec], () if app_id else (f"no --app-id: the app is called '{name}', as its folder is",)
    )


def _refuse_run_file_as_command(command: Sequence[str], folder: Path) -> None:
    if command and Path(command[0]).suffix in YAML and (folder / command[0]).is_file():
        problem = f"{command[0]} is a file to read, no command to start"
        raise CommandError(problem, f"Name a run file with -f: `outboard run -f {command[0]}`.")


def _app_id_of(folder: Path) -> str:
    """The folder's name with what an app id cannot have made hyphens: the same one at every start."""
    return "-".join(re.findall(r"[\w-]+", folder.name)) or NAMELESS


def _refuse_settings_of_one_app(settings: Mapping[str, Value]) -> None:
    if not settings:
        return
    flag = next(iter(settings))
    advice = "Set it in dapr.yaml, or name one app with --app-id."
    if flag == RESOURCES_PATH:
        advice = "For the components of all apps use `--resources FOLDER`."
    raise CommandError(f"--{flag} is for one app, and dapr.yaml may have several", advice)


def component_folders(paths: Sequence[Path]) -> tuple[str, ...]:
    """The folders of `--resources`, absolute: each sidecar runs in the folder of its app.

    Raises CommandError for one that is not there.
    """
    for path in paths:
        if not path.is_dir():
            raise CommandError(f"--resources {path}: there is no such folder", "Correct it, or create it.")
    return tuple(str(path.absolute()) for path in paths)


def chosen_daprd(wanted: bool, named: Path | None, environment: Mapping[str, str], home: Path) -> Path | None:
    """The daprd of `--engine daprd`, where that is `wanted`; None is Outboard's own. Raises CommandError."""
    if wanted:
        return find_daprd(named, environment, home)
    if named is not None:
        raise CommandError("--daprd-path is for `--engine daprd`", "Add that, or leave the path out.")
    return None
