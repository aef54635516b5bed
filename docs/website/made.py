"""The pages that only the site has, since the program says all that is in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Final

import typer.main
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from outboard.cli.application import COMMANDS, build
from outboard.facts.reading import catalogue
from outboard.sidecar.components.registry import FACTORIES

__all__ = ["PUBLIC", "made_pages"]

PUBLIC: Final = ("outboard", "outboard.inbox", "outboard.testing")
"""The modules whose names are for authors of services."""
OF_ALL: Final = {"--help", "-h"}


@cache
def made_pages(root: Path) -> Mapping[str, str]:
    """Path in the site → Markdown."""
    return {
        "reference/api.md": _api(),
        "reference/commands.md": "\n".join(_commands()),
        "reference/components.md": "\n".join(_components()),
        "changelog.md": _changelog((root / "CHANGELOG.md").read_text(encoding="utf-8")),
    }


def _api() -> str:
    parts = ["# API, from its docstrings", "Every name that an author of services imports."]
    for module in PUBLIC:
        parts.append(f"## `{module}`")
        parts += [f"::: {_home(module, name)}" for name in sorted(import_module(module).__all__)]
    return "\n\n".join(parts) + "\n"


def _home(module: str, name: str) -> str:
    """Where it is written: the modules in which it is imported from have it by an alias alone."""
    found = getattr(import_module(module), name)
    home = getattr(found, "__module__", module)
    return f"{home if home.startswith('outboard.') else module}.{name}"


def _changelog(text: str) -> str:
    """Its links count from the repository, of which the site has only docs/."""
    here = re.sub(r"\[([^\]]*)\]\((?!docs/|[a-z]+:)[^)]*\)", r"\1", text)
    return re.sub(r"\]\(docs/", "](", here)


# Commands


def _commands() -> Iterator[str]:
    yield "# All commands and their options"
    yield "\nWritten by the program itself, as its `--help`.\n"
    for name in COMMANDS:
        whole = typer.main.get_command(build([name], {}, terminal=False))
        assert isinstance(whole, TyperGroup)
        command = whole.commands[name]
        if isinstance(command, TyperGroup):
            yield f"## `outboard {name}`\n\n{COMMANDS[name].summary}\n"
            for sub, each in command.commands.items():
                assert isinstance(each, TyperCommand)
                yield from _command(f"outboard {name} {sub}", each, 3)
        else:
            assert isinstance(command, TyperCommand)
            yield from _command(f"outboard {name}", command, 2)


def _command(called: str, command: TyperCommand, level: int) -> Iterator[str]:
    text, _, examples = (command.help or "").partition("\b\n")
    yield f"{'#' * level} `{called}`\n\n{_escaped(text.strip())}\n"
    if examples:
        yield f"```text\n{examples.rstrip()}\n```\n"
    rows = [row for each in command.params if (row := _row(each))]
    if rows:
        yield "| | meaning | unless given |\n|---|---|---|"
        yield from rows
        yield ""


def _row(parameter: object) -> str:
    """A row of the table; empty for what is hidden, or told elsewhere."""
    if isinstance(parameter, TyperArgument):
        return (
            f"| `{parameter.metavar or (parameter.name or '').upper()}` | {_cell(parameter.help or '')} | |"
        )
    if not isinstance(parameter, TyperOption) or parameter.hidden or OF_ALL & set(parameter.opts):
        return ""
    names = ", ".join(f"`{each}`" for each in (*parameter.opts, *parameter.secondary_opts))
    shown = parameter.show_default and parameter.default not in (None, "", False)
    default = f"`{parameter.default}`" if shown and not callable(parameter.default) else ""
    return f"| {names} | {_cell(parameter.help or '')} | {_cell(default)} |"


def _cell(text: str) -> str:
    return _escaped(" ".join(text.split())).replace("|", "\\|")


def _escaped(text: str) -> str:
    """What Markdown would take for HTML."""
    return text.replace("<", "&lt;")


# Components


def _components() -> Iterator[str]:
    yield "# Which components there are"
    yield (
        "\nEach type that Dapr documents, as `outboard check` knows it, with its status there, and whether "
        "[Outboard's own sidecar](sidecar.md#components) serves it. Every other one needs the real daprd: "
        "[the same services run beside it](../how-to/use-daprd.md).\n"
    )
    yield "| type | Dapr's versions | status | metadata fields | Outboard's sidecar |\n|---|---|---|---|---|"
    facts = catalogue()
    for type_ in sorted({*facts.types, *FACTORIES}):
        versions = facts.versions(type_)
        latest = facts.find(type_, versions[-1]) if versions else None
        told = f"{latest.status} | {len(latest.fields)}" if latest else " | "
        yield f"| `{type_}` | {', '.join(versions)} | {told} | {'yes' if type_ in FACTORIES else ''} |"
