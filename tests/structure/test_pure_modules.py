"""Decisions do no I/O: a module that calls itself pure imports nothing that could do any, however indirectly.

It does so by a sentence of its docstring that is the word or begins with it ("Pure.", "Pure: time is
given."). A folder whose `__init__` has such a sentence is pure as a whole.
"""

from __future__ import annotations

import ast
import re
from functools import cache

import grimp
import pytest

from structure.modules import docstring, modules, syntax

MARK = re.compile(r"(?:^|[.)]\s+)Pure[.:]")
IMPURE_IMPORTS = (
    *("aiohttp", "aiokafka", "asyncio", "concurrent", "fastapi", "fcntl", "http", "httptools", "httpx"),
    *("logging", "msvcrt", "os", "psutil", "psycopg", "random", "redis", "secrets", "select", "shutil"),
    *("signal", "socket", "sqlalchemy", "sqlite3", "ssl", "starlette", "subprocess", "sys", "tempfile"),
    *("threading", "time", "typer", "uuid", "uvicorn", "uvloop", "watchfiles"),
)
IMPURE_CALLS = re.compile(
    r"(open|print|input|(datetime|date)\.(now|utcnow|today)|.*\.(read|write)_(text|bytes)|.*\.(stat|exists))"
)
EXCEPTIONS = {
    ("outboard.wire.identity", "os"): "an event without an id gets one, and a random one is all it may be",
    ("outboard.kit.names", "uuid"): "a key may be of its type; none is made",
}
"""Imports that are not followed: (importer, imported) → why."""


@cache
def imports() -> grimp.ImportGraph:
    """Who imports whom at run time, inside functions too, but for EXCEPTIONS."""
    graph = grimp.build_graph("outboard", include_external_packages=True, exclude_type_checking_imports=True)
    for importer, imported in EXCEPTIONS:
        assert graph.direct_import_exists(importer=importer, imported=imported), "it needs no exception"
        graph.remove_import(importer=importer, imported=imported)
    return graph


def is_pure(module: str) -> bool:
    """Whether `module` calls itself pure, or a folder that it is in does."""
    parts = module.split(".")
    return any(MARK.search(docstring(".".join(parts[:depth]))) for depth in range(1, len(parts) + 1))


def ways_to_impure_imports(module: str) -> list[str]:
    """The shortest way from `module` to each impure import that it reaches."""
    known = [each for each in IMPURE_IMPORTS if each in imports().modules]
    chains = [imports().find_shortest_chain(module, each) for each in known]
    return [" → ".join(chain) for chain in chains if chain]


def impure_calls(tree: ast.Module) -> list[str]:
    """What `tree` calls that reads or writes, with its line."""
    calls = [(node.lineno, ast.unparse(node.func)) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [f"{line}: {called}()" for line, called in calls if IMPURE_CALLS.fullmatch(called)]


PURE = [module for module in modules() if is_pure(module)]


@pytest.mark.parametrize("module", PURE)
def test_what_calls_itself_pure_does_no_io(module: str) -> None:
    assert ways_to_impure_imports(module) == []
    assert impure_calls(syntax(module)) == []


@pytest.mark.parametrize("module", ["outboard.errors", "outboard.wire.events", "outboard.sidecar.events"])
def test_what_all_decisions_rest_on_is_pure(module: str) -> None:
    assert module in PURE


def test_an_impure_module_would_be_found() -> None:
    assert "outboard.clock → asyncio" in ways_to_impure_imports("outboard.clock")
    assert impure_calls(ast.parse("def f(path):\n    return path.read_text(), open(path)")) == [
        "2: path.read_text()",
        "2: open()",
    ]


@pytest.mark.parametrize(
    ("text", "pure"),
    [
        ("What to do next. Pure.", True),
        ("What to do next.\n\nPure: time is given.", True),
        ("What to do (and why). Pure. Source: Dapr.", True),
        ("A state machine (pure), and the loop that probes.", False),
        ("Purely a guess.", False),
    ],
)
def test_a_sentence_of_its_own_marks_a_module(text: str, pure: bool) -> None:
    assert bool(MARK.search(text)) is pure
