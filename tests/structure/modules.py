"""The modules of outboard as they are written: their names, docstrings and syntax."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import dev

__all__ = ["docstring", "folders", "modules", "syntax"]

SOURCE = dev.ROOT / "src"


@cache
def modules() -> dict[str, Path]:
    """Every module and package: dotted name → file."""
    return {_name(path): path for path in sorted(SOURCE.rglob("*.py"))}


def folders() -> Iterator[str]:
    """The dotted names of the packages."""
    return (name for name, path in modules().items() if path.name == "__init__.py")


@cache
def syntax(module: str) -> ast.Module:
    """What stands in `module`."""
    return ast.parse(modules()[module].read_text(encoding="utf-8"))


def docstring(module: str) -> str:
    """The docstring of `module`; empty where it has none."""
    return ast.get_docstring(syntax(module)) or ""


def _name(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
