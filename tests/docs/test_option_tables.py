"""The tables of options in the reference have those that the commands have: each of them, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import typer.main
from typer.core import TyperCommand, TyperGroup, TyperOption

import dev
from outboard.cli.application import COMMANDS, build

REFERENCE = dev.ROOT / "docs" / "reference"
OPTION = re.compile(r"`(-{1,2}[a-z][a-z-]*)")
OF_ALL = {"--help", "-h", "--install-completion", "--show-completion"}


def commands(name: str) -> Iterator[TyperCommand]:
    """That of the name, or those that it has."""
    whole = typer.main.get_command(build([name], {}, terminal=False))
    assert isinstance(whole, TyperGroup)
    found = whole.commands[name]
    for each in found.commands.values() if isinstance(found, TyperGroup) else [found]:
        assert isinstance(each, TyperCommand)
        yield each


def options(name: str) -> set[str]:
    """With their short names."""
    return {
        option
        for command in commands(name)
        for each in command.params
        if isinstance(each, TyperOption) and not each.hidden
        for option in (*each.opts, *each.secondary_opts)
    } - OF_ALL


def told(command: str, page: str, *sections: str) -> set[str]:
    """The options in the first column of the tables of these sections, of all where none is named; without
    those that the table itself says the command has not.
    """
    text = (REFERENCE / page).read_text(encoding="utf-8")
    parts = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    wanted = [each for each in parts if not sections or each.startswith(sections)]
    rows = [line for each in wanted for line in each.splitlines() if line.startswith("| `-")]
    rows = [row for row in rows if f"not of `{command}`" not in row]
    return {option for row in rows for option in OPTION.findall(row.split(" | ")[0])}


@pytest.mark.parametrize(
    ("command", "page", "sections"),
    [
        ("new", "new.md", ()),
        ("info", "info.md", ()),
        ("publish", "by-hand.md", ("# ", "## `outboard publish`")),
        ("subscribe", "by-hand.md", ("# ", "## `outboard subscribe`")),
        ("state", "by-hand.md", ("# ", "## `outboard state`")),
        ("routes", "by-hand.md", ("# ", "## `outboard routes`")),
        ("doctor", "doctor.md", ("## Options",)),
        ("asyncapi", "asyncapi.md", ()),
        ("migrate", "migrate.md", ()),
        ("check", "check.md", ()),
        ("trace", "trace.md", ()),
        ("dashboard", "dashboard.md", ()),
        ("topics", "topics.md", ()),
        ("dead-letters", "dead-letters.md", ()),
        ("outbox", "outbox.md", ("# ",)),
        ("relay", "outbox.md", ("## `outboard relay`",)),
    ],
)
def test_the_table_has_the_options_of_the_command(command: str, page: str, sections: tuple[str, ...]) -> None:
    assert command in COMMANDS
    assert told(command, page, *sections) == options(command)


def test_the_table_of_run_has_only_options_that_it_has() -> None:
    """Those that are daprd's, for one app, stand on the page of the sidecar."""
    assert told("run", "run.md", "## Options") <= options("run")
