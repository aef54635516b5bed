"""Texts in source, as far as they can be seen without running it. Pure."""

from __future__ import annotations

import ast
from collections.abc import Mapping

__all__ = ["HOLE", "Scope", "assigned", "text_of"]

HOLE = "{}"
"""Stands for what only a run can tell."""

Scope = Mapping[str, ast.expr]


def assigned(body: list[ast.stmt]) -> dict[str, ast.expr]:
    """The values of names that are assigned once in `body`, blocks in it included, functions not."""
    found: dict[str, ast.expr | None] = {}
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            continue
        targets = node.targets if isinstance(node, ast.Assign) else ()
        targets = [node.target] if isinstance(node, ast.AnnAssign) and node.value else targets
        for target in targets:
            if isinstance(target, ast.Name):
                value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
                found[target.id] = None if target.id in found else value
        waiting.extend(ast.iter_child_nodes(node))
    return {name: value for name, value in found.items() if value is not None}


def text_of(node: ast.expr | None, scope: Scope, depth: int = 0) -> str:
    """The text that an expression is, with `{}` for each part that cannot be seen; empty where it is none."""
    if depth > 8:
        return HOLE
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.Constant(value=int(number)):
            return str(number)
        case ast.JoinedStr(values=values):
            return "".join(text_of(each, scope, depth + 1) for each in values)
        case ast.FormattedValue(value=value):
            return text_of(value, scope, depth + 1) or HOLE
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return (text_of(left, scope, depth + 1) or HOLE) + (text_of(right, scope, depth + 1) or HOLE)
        case ast.BinOp(left=left, op=ast.Mod()):
            return text_of(left, scope, depth + 1).replace("%s", HOLE).replace("%d", HOLE)
        case ast.Call(func=ast.Attribute(value=value, attr="format")):
            return text_of(value, scope, depth + 1)
        case ast.Call(func=ast.Attribute(attr="getenv" | "get"), args=[_, fallback]):
            return text_of(fallback, scope, depth + 1) or HOLE
        case ast.Call(func=ast.Name(id="int" | "str"), args=[inner]):
            return text_of(inner, scope, depth + 1)
        case ast.Name(id=name) if name in scope:
            return text_of(scope[name], scope, depth + 1) or HOLE
        case ast.Name() | ast.Attribute() | ast.Subscript() | ast.Call():
            return HOLE
    return ""
