"""From a command line to what a plan is made of: the apps, folders of components, daprd."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from outboard.errors import CommandError
from outboard.run.plan.daprd_executable import find_daprd
from outboard.run.plan.settings import RESOURCES_PATH, Value
from outboard.run.plan.template import AppSpec, read_template

__all__ = ["chosen_apps", "chosen_daprd", "component_folders"]

COMMAND_LINE: Final = "--app-id"
"""The origin of an app that no file describes."""


def chosen_apps(
    run_file: Path | None,
    app_id: str,
    command: Sequence[str],
    settings: Mapping[str, Value],
    folder: Path,
) -> Sequence[AppSpec]:
    """Those of the run file (`folder`'s dapr.yaml where none is named), or the one of the command line.

    `settings` are by flag. Raises CommandError for what excludes each other, ResourceError for the file.
    """
    if not (app_id or command):
        _refuse_settings_of_one_app(settings)
        return read_template(run_file or folder).apps
    if run_file is not None:
        raise CommandError("-f and an app on the command line exclude each other", "Leave one of them out.")
    if not app_id:
        raise CommandError("the app has no name", "Name it: `outboard run --app-id NAME -- COMMAND`.")
    return [AppSpec(app_id, folder, tuple(command), COMMAND_LINE, settings=settings)]


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
