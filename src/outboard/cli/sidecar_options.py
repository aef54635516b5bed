"""The options of `outboard sidecar` as its help lists them: the flags of daprd."""

from __future__ import annotations

import inspect

import typer

from outboard.cli.parameters import parameter
from outboard.sidecar.process.flags import FLAGS, Flag

__all__ = ["sidecar_parameters"]


def sidecar_parameters() -> list[inspect.Parameter]:
    """daprd's flags. Those without effect here are taken, but help does not list them."""
    return [_of_flag(flag) for flag in FLAGS]


def _of_flag(flag: Flag) -> inspect.Parameter:
    shown = flag.default and not isinstance(flag.default, bool | tuple)
    text = f"{flag.help} (default {flag.default})" if shown else flag.help
    option = typer.Option(f"--{flag.name}", help=text, metavar=_metavar(flag), hidden=flag.inert)
    return parameter(flag.name, _type_of(flag), option, default=None)


def _metavar(flag: Flag) -> str | None:
    if isinstance(flag.default, bool):
        return None
    return "NUMBER" if isinstance(flag.default, int) else "TEXT"


def _type_of(flag: Flag) -> object:
    if isinstance(flag.default, bool):
        return bool | None
    if isinstance(flag.default, int):
        return int | None
    return list[str] | None if isinstance(flag.default, tuple) else str | None
