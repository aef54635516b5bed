"""Which modules a command imports: its own, and nothing that only another one needs."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Iterable
from importlib import import_module

import pytest

from outboard.cli.application import COMMANDS

HEAVY = {"fastapi", "aiohttp", "rich", "uvicorn", "pydantic", "psutil", "yaml", "watchfiles", "asyncio"}
WITHOUT = {
    "aiohttp",
    "aiokafka",
    "cel_expr_python",
    "cryptography",
    "dapr",
    "fastapi",
    "grpc",
    "h2",
    "importlib.metadata",
    "prometheus_client",
    "pydantic",
    "redis",
    "rich",
    "sqlite3",
    "typer",
}
"""What a sidecar loads when something of it is asked for, if it does at all."""
FAMILIES = ("kafka.", "memory.", "redis.", "secretstores.", "sqlite.")
PROGRAM = """
import sys
sys.argv = ["outboard", *{arguments}]
from outboard.cli import main
try:
    main()
except SystemExit:
    pass
print("IMPORTED", *sorted(sys.modules))
"""


def imported(arguments: Iterable[str]) -> set[str]:
    """The modules that a process has after the command `arguments`."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(arguments=list(arguments))],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return set(done.stdout.rpartition("IMPORTED ")[2].split())


def parts(modules: Iterable[str]) -> set[str]:
    """The folders of the package that `modules` are of, and the modules of its command."""
    names = [name.split(".") for name in modules if name.startswith("outboard.")]
    return {".".join(name[1:3] if name[1] == "cli" else name[1:2]) for name in names} - {"cli"}


def test_the_list_of_commands_imports_none_of_them() -> None:
    modules = imported(["--help"])
    assert not HEAVY & modules
    assert parts(modules) == {"cli.application", "cli.console", "errors", "host"}


@pytest.mark.parametrize(
    ("command", "foreign"),
    [
        ("new", {"scaffold", "manifests", "check", "run", "sidecar", "hops", "kit", "testing", "cli.run"}),
        ("info", {"inventory", "engines", "check", "doctor", "run", "sidecar", "hops", "kit", "cli.run"}),
        ("run", {"engines", "trace", "kit", "testing", "cli.engines", "cli.sidecar", "cli.sidecar_options"}),
        ("sidecar", {"engines", "run", "trace", "kit", "testing", "cli.engines", "cli.run"}),
        ("engines", {"run", "sidecar", "trace", "kit", "testing", "cli.run", "cli.sidecar"}),
        ("publish", {"engines", "live", "run", "sidecar", "trace", "hops", "kit", "testing", "cli.run"}),
        ("subscribe", {"engines", "live", "run", "sidecar", "trace", "hops", "kit", "testing", "cli.run"}),
        ("state", {"engines", "live", "run", "sidecar", "trace", "hops", "kit", "testing", "cli.run"}),
        ("check", {"engines", "live", "run", "sidecar", "trace", "hops", "kit", "testing", "cli.run"}),
        ("asyncapi", {"asyncapi", "check", "run", "sidecar", "hops", "kit", "testing", "cli.run", "schema"}),
        ("migrate", {"migrate", "check", "run", "sidecar", "hops", "kit", "testing", "cli.run", "schema"}),
        ("manifests", {"engines", "check", "live", "sidecar", "hops", "kit", "testing", "cli.run", "schema"}),
        ("schema", {"engines", "check", "live", "run", "sidecar", "hops", "kit", "testing", "cli.run"}),
        ("explain", {"engines", "live", "run", "sidecar", "trace", "hops", "kit", "testing", "cli.run"}),
        ("routes", {"engines", "live", "run", "sidecar", "trace", "hops", "kit", "testing", "cli.run"}),
        ("trace", {"engines", "run", "sidecar", "hops", "kit", "testing", "cli.engines", "cli.run"}),
        ("dashboard", {"engines", "live", "run", "sidecar", "trace", "hops", "kit", "testing", "cli.run"}),
        ("dead-letters", {"engines", "live", "run", "sidecar", "trace", "hops", "kit", "testing", "cli.run"}),
        ("outbox", {"engines", "live", "run", "sidecar", "trace", "hops", "kit", "testing", "cli.run"}),
        ("relay", {"engines", "live", "run", "sidecar", "trace", "hops", "kit", "testing", "cli.run"}),
        ("topics", {"engines", "trace", "testing", "cli.engines", "cli.run", "cli.sidecar"}),
        (
            "doctor",
            {"engines", "run", "trace", "sidecar", "kit", "testing", "cli.engines", "cli.run", "cli.sidecar"},
        ),
    ],
)
def test_a_command_imports_only_its_own(command: str, foreign: set[str]) -> None:
    modules = imported([command, "--help"])
    assert f"cli.{command.replace('-', '_')}" in parts(modules)
    assert not foreign & parts(modules)
    assert not (HEAVY - {"pydantic"}) & modules  # typer looks at it, once there are options


def test_a_sidecar_starts_without_what_only_some_need() -> None:
    modules = imported(["sidecar", "--version"])
    assert "outboard.sidecar.runtime.sidecar" in modules
    assert not WITHOUT & modules
    families = "outboard.sidecar.components."
    assert not {each for each in modules if each.startswith(tuple(families + name for name in FAMILIES))}


def test_every_command_of_the_table_was_looked_at() -> None:
    known = {
        "new",
        "info",
        "check",
        "schema",
        "asyncapi",
        "migrate",
        "manifests",
        "explain",
        "run",
        "sidecar",
        "engines",
        "trace",
        "topics",
        "dead-letters",
        "outbox",
        "relay",
        "dashboard",
        "doctor",
        "publish",
        "routes",
        "state",
        "subscribe",
    }
    assert set(COMMANDS) == known


@pytest.mark.parametrize(
    "name",
    [
        "new",
        "info",
        "check",
        "explain",
        "run",
        "sidecar",
        "trace",
        "doctor",
        "publish",
        "routes",
        "subscribe",
    ],
)
def test_the_list_shows_the_first_line_of_a_commands_own_help(name: str) -> None:
    command = getattr(import_module(f"outboard.cli.{name}"), name)
    assert inspect.cleandoc(command.__doc__).splitlines()[0] == COMMANDS[name].summary
