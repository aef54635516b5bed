"""The options of `outboard run` that are settings of one app, as `dapr run` takes them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import typer

from outboard.cli.parameters import parameter
from outboard.run.plan.settings import SETTINGS, Kind, Setting
from outboard.sidecar.process.flags import FLAGS

__all__ = ["ONE_APP", "run_parameters"]

ONE_APP: Final = "One app, as with `dapr run`"
LARGEST_PORT: Final = 65535
NOT_CHOSEN: Final = -1
"""As a port it is what `dapr run` shows as its default, and stands for none, as does 0."""
INERT: Final = frozenset(flag.name for flag in FLAGS if flag.inert)
TYPES: Final[Mapping[Kind, object]] = {
    Kind.TEXT: str | None,
    Kind.INTEGER: int | None,
    Kind.PORT: int | None,
    Kind.BOOLEAN: bool,
    Kind.PATH: Path | None,
    Kind.PATHS: list[str] | None,
}
METAVARS: Final[Mapping[Kind, str]] = {
    Kind.TEXT: "TEXT",
    Kind.INTEGER: "NUMBER",
    Kind.PORT: "PORT",
    Kind.PATH: "PATH",
    Kind.PATHS: "PATH",
}


def run_parameters() -> list[inspect.Parameter]:
    """The settings of one app, as `dapr run` takes them."""
    return [_of_setting(setting) for setting in SETTINGS]


def _of_setting(setting: Setting) -> inspect.Parameter:
    is_port, is_switch = setting.kind is Kind.PORT, setting.kind is Kind.BOOLEAN
    option = typer.Option(
        *_names(setting),
        help=setting.help,
        metavar=METAVARS.get(setting.kind),
        show_default=False,
        rich_help_panel=ONE_APP,
        min=NOT_CHOSEN if is_port else None,
        max=LARGEST_PORT if is_port else None,
        hidden=setting.flag in INERT,
    )
    return parameter(setting.flag, TYPES[setting.kind], option, default=False if is_switch else None)


def _names(setting: Setting) -> list[str]:
    long = [f"--{flag}" for flag in (setting.flag, setting.old_flag) if flag]
    return long + ([f"-{setting.short}"] if setting.short else [])
