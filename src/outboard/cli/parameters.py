"""Command line options made from a table, so that help and completion know each of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from outboard.run.plan.settings import SETTINGS, Kind, Setting
from outboard.sidecar.flags import FLAGS, Flag

__all__ = [
    "ONE_APP",
    "Given",
    "flowing",
    "run_parameters",
    "sidecar_arguments",
    "sidecar_parameters",
    "with_parameters",
]

Given: TypeAlias = "int | bool | str | Path | Sequence[str] | None"
"""What typer gives for one of these options; None or empty where it was not given."""

ONE_APP: Final = "One app, as with `dapr run`"
LARGEST_PORT: Final = 65535
INERT: Final = frozenset(flag.name for flag in FLAGS if flag.inert)
TRUE: Final = frozenset({"1", "t", "true"})
FALSE: Final = frozenset({"0", "f", "false"})
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


def with_parameters(
    command: Callable[..., None], parameters: Iterable[inspect.Parameter]
) -> Callable[..., None]:
    """`command` with its `**keywords` written out as `parameters`, for typer to read."""
    signature = inspect.signature(command, eval_str=True)
    own = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]

    def written_out(**given: Given) -> None:
        command(**given)

    together = [*own, *parameters]
    written_out.__name__, written_out.__doc__ = command.__name__, flowing(command.__doc__ or "")
    written_out.__signature__ = inspect.Signature(together)  # type: ignore[attr-defined]
    written_out.__annotations__ = {parameter.name: parameter.annotation for parameter in together}
    return written_out


def flowing(text: str) -> str:
    """`text` with each paragraph on one line, to be broken where the terminal ends.

    Paragraphs that begin with a line of `\\b` stay as they are, as click has it.
    """
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(each if each.startswith("\b") else " ".join(each.split()) for each in paragraphs)


def run_parameters() -> list[inspect.Parameter]:
    """The settings of one app, as `dapr run` takes them."""
    return [_of_setting(setting) for setting in SETTINGS]


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


def _of_setting(setting: Setting) -> inspect.Parameter:
    is_port, is_switch = setting.kind is Kind.PORT, setting.kind is Kind.BOOLEAN
    option = typer.Option(
        *(f"--{setting.flag}", *([f"-{setting.short}"] if setting.short else [])),
        help=setting.help,
        metavar=METAVARS.get(setting.kind),
        show_default=False,
        rich_help_panel=ONE_APP,
        min=1 if is_port else None,
        max=LARGEST_PORT if is_port else None,
        hidden=setting.flag in INERT,
    )
    return _parameter(setting.flag, TYPES[setting.kind], option, default=False if is_switch else None)


def _of_flag(flag: Flag) -> inspect.Parameter:
    shown = flag.default and not isinstance(flag.default, bool | tuple)
    text = f"{flag.help} (default {flag.default})" if shown else flag.help
    option = typer.Option(f"--{flag.name}", help=text, metavar=_metavar(flag), hidden=flag.inert)
    return _parameter(flag.name, _type_of(flag), option, default=None)


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


def _parameter(flag: str, type_: object, option: object, default: object) -> inspect.Parameter:
    return inspect.Parameter(
        flag.replace("-", "_"),
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[type_, option],
    )
