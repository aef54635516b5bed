"""The options of `outboard sidecar`: the flags of daprd, written as daprd takes them."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Final

import typer

from outboard.cli.parameters import parameter
from outboard.sidecar.process.flags import FLAGS, Flag

__all__ = ["sidecar_arguments", "sidecar_parameters"]

TRUE: Final = frozenset({"1", "t", "true"})
FALSE: Final = frozenset({"0", "f", "false"})


def sidecar_parameters() -> list[inspect.Parameter]:
    """daprd's flags. Those without effect here are taken, but help does not list them."""
    return [_of_flag(flag) for flag in FLAGS]


def sidecar_arguments(arguments: Sequence[str]) -> list[str]:
    """daprd's command line in the form that typer reads.

    As with daprd one dash is as good as two, and `--flag=true` and `--flag=false` are possible.
    """
    switches = {flag.name for flag in FLAGS if isinstance(flag.default, bool)}
    taken: list[str] = []
    for argument in arguments:
        written = f"-{argument}" if _has_one_dash(argument) else argument
        name, _, value = written.removeprefix("--").partition("=")
        if name not in switches or value.lower() not in TRUE | FALSE:
            taken.append(written)
            continue
        taken = [other for other in taken if other != f"--{name}"]  # the last one counts
        if value.lower() in TRUE:
            taken.append(f"--{name}")
    return taken


def _has_one_dash(argument: str) -> bool:
    return len(argument) > 2 and argument[0] == "-" and argument[1].isalpha()


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
