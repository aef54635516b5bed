"""Each public name says what it is, in which unit its numbers are, and which errors it raises."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from types import FunctionType

import pytest

MODULES = ("outboard", "outboard.inbox", "outboard.testing")
MEASURED = re.compile(r"(?:^|_)(?:timeout|seconds|ttl|delay|interval|after|age|duration|bytes|size)(?:_|\Z)")
UNIT = re.compile(r"\b(?:seconds?|ms|milliseconds?|timedelta|bytes|MiB|KiB)\b")
NUMBERS = re.compile(r"\b(?:float|int|timedelta)\b")
OF_EACH = {"TypeError", "ValueError", "AssertionError", "NotImplementedError", "AttributeError"}
"""Mistakes of whoever calls, as any Python function has them."""


@dataclass(frozen=True)
class Public:
    """A name of the interface. `told` is what a reader of it sees: its docstring and that of its class."""

    name: str
    function: Callable[..., object] | None
    docstring: str
    told: str


def public_names() -> Iterator[Public]:
    for module in MODULES:
        for name in import_module(module).__all__:
            found = getattr(import_module(module), name)
            if inspect.isclass(found):
                yield from of_class(name, found)
            elif isinstance(found, FunctionType):
                yield Public(name, found, inspect.getdoc(found) or "", inspect.getdoc(found) or "")


def of_class(name: str, found: type) -> Iterator[Public]:
    own = inspect.getdoc(found) or ""
    made = vars(found).get("__init__")
    made = made if isinstance(made, FunctionType) and made.__doc__ else None
    yield Public(name, made, own, f"{own}\n{(inspect.getdoc(made) or '') if made else ''}")
    for member, value in vars(found).items():
        value = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
        if isinstance(value, FunctionType) and not member.startswith("_"):
            told = inspect.getdoc(value) or ""
            yield Public(f"{name}.{member}", value, told, told)


def without_docstring(names: Iterator[Public]) -> list[str]:
    return [each.name for each in names if not each.docstring.strip()]


def without_unit(names: Iterator[Public]) -> list[str]:
    """Those with a number that is measured in something, of which they do not say in what."""
    return [
        f"{each.name}({parameter.name})"
        for each in names
        if each.function
        for parameter in inspect.signature(each.function).parameters.values()
        if MEASURED.search(parameter.name)
        and NUMBERS.search(str(parameter.annotation))
        and not UNIT.search(each.told)
    ]


def without_errors(names: Iterator[Public]) -> list[str]:
    """Those that raise something themselves that they do not name."""
    return [
        f"{each.name}: {error}"
        for each in names
        if each.function
        for error in sorted(raised(each.function) - OF_EACH)
        if not re.search(rf"\b{error}\b", each.told)
    ]


def raised(function: Callable[..., object]) -> set[str]:
    """The names of what stands behind `raise` in its own lines."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    raises = (node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise))
    made = (each.func if isinstance(each, ast.Call) else each for each in raises)
    return {each.id for each in made if isinstance(each, ast.Name) and each.id[0].isupper()}


@pytest.mark.parametrize(
    "missing", [without_docstring, without_unit, without_errors], ids=lambda f: f.__name__
)
def test_nothing_is_missing(missing: Callable[[Iterator[Public]], list[str]]) -> None:
    assert missing(public_names()) == []


def test_what_is_missing_is_found() -> None:
    class Sample:
        """A sample."""

        def silent(self) -> None: ...

        def waits(self, timeout: float) -> None:
            """Waits."""
            raise LookupError

    assert without_docstring(of_class("S", Sample)) == ["S.silent"]
    assert without_unit(of_class("S", Sample)) == ["S.waits(timeout)"]
    assert without_errors(of_class("S", Sample)) == ["S.waits: LookupError"]
