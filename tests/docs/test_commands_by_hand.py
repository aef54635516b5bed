"""The page of the commands by hand knows each of their options, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

import dev
from outboard.cli.application import build

PAGE = dev.ROOT / "docs" / "reference" / "by-hand.md"
HELP = {"-h", "--help"}


def options(name: str) -> Iterator[str]:
    """The options of a command, and of those below it."""
    group: Any = typer.main.get_command(build([name], {}, terminal=False))
    commands = [group.commands[name]]
    for command in commands:
        commands += getattr(command, "commands", {}).values()
        for parameter in command.params:
            if parameter.param_type_name == "option":
                yield from parameter.opts


def section(name: str) -> str:
    """What the page says of a command, and of all of them."""
    parts = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.M)
    (own,) = [part for part in parts if part.startswith(f"`outboard {name}`")]
    return parts[0] + own


COMMANDS = ["publish", "subscribe", "state", "routes"]
OF_TRACE = {"--topic", "--follow"}


@pytest.mark.parametrize("name", COMMANDS)
def test_each_option_is_told_of_and_no_other(name: str) -> None:
    there = set(options(name)) - HELP
    said = set(re.findall(r"(?<![\w-])(--?[a-z][a-z-]*)", section(name)))
    assert not {option for option in there if option not in said}
    known = OF_TRACE.union(*map(options, COMMANDS))
    assert not {option for option in said if option.startswith("--") and option not in known}
