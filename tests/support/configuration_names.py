"""The names by which src is configured, found in its code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

__all__ = ["environment_variables"]

NAME = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*\Z")
OF_OURS = re.compile(r"(?:DAPR|OUTBOARD|APP|OTEL)(?:_[A-Z0-9]+)+\Z")
REASONS = re.compile(r"DAPR_(?:PUBSUB|STATE)_(?!NAME\Z|STORE_NAME\Z)")
"""What Dapr's gRPC API names its errors by."""


def modules(src: Path) -> Iterator[tuple[Path, ast.Module]]:
    for file in sorted(src.rglob("*.py")):
        yield file, ast.parse(file.read_text(encoding="utf-8"))


def environment_variables(src: Path) -> dict[str, set[str]]:
    """Each variable that a module reads or writes, and the modules."""
    parsed = list(modules(src))
    constants = {name: value for _, tree in parsed for name, value in _constants(tree)}
    found: dict[str, set[str]] = {}
    for file, tree in parsed:
        exported = set(_exported(tree))
        for name in {*_named(tree, exported), *_looked_up(tree, constants)}:
            found.setdefault(name, set()).add(file.relative_to(src).as_posix())
    return found


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        target = node.target if isinstance(node, ast.AnnAssign) else None
        value = node.value if isinstance(node, ast.AnnAssign) else None
        if isinstance(target, ast.Name) and isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield target.id, value.value


def _exported(tree: ast.Module) -> Iterator[str]:
    """The names in `__all__`, which are strings, too."""
    for node in tree.body:
        names = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.Assign) and any(isinstance(n, ast.Name) and n.id == "__all__" for n in names):
            yield from (str(each.value) for each in ast.walk(node.value) if isinstance(each, ast.Constant))


def _named(tree: ast.Module, exported: set[str]) -> Iterator[str]:
    for node in ast.walk(tree):
        value = node.value if isinstance(node, ast.Constant) else None
        if not isinstance(value, str) or value in exported:
            continue
        if OF_OURS.match(value) and not REASONS.match(value):
            yield value


def _looked_up(tree: ast.Module, constants: dict[str, str]) -> Iterator[str]:
    """What is looked up in a mapping that is called an environment."""
    for node in ast.walk(tree):
        key: ast.expr | None = None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            if node.func.attr in ("get", "pop", "setdefault") and _is_environment(node.func.value):
                key = node.args[0]
        elif isinstance(node, ast.Subscript) and _is_environment(node.value):
            key = node.slice
        elif isinstance(node, ast.Compare) and any(map(_is_environment, node.comparators)):
            key = node.left
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            yield key.value
        elif isinstance(key, ast.Name) and key.id in constants and NAME.match(constants[key.id]):
            yield constants[key.id]


def _is_environment(node: ast.expr) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name in ("environ", "environment", "full_environment", "variables", "inherited")
