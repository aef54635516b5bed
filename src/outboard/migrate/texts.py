"""Texts in source, as far as they can be seen without running it. Pure."""

from __future__ import annotations

import ast
from collections.abc import Mapping

__all__ = ["HOLE", "Scope", "assigned", "attributes", "base_of", "event_routes", "imported_as", "text_of"]

HOLE = "{}"
"""Stands for what only a run can tell."""

Scope = Mapping[str, ast.expr]


def assigned(body: list[ast.stmt]) -> dict[str, ast.expr]:
    """The values of names that are assigned once in `body`, blocks in it included, functions not.

    The value of a name behind `with` is what stands before it.
    """
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
        for item in node.items if isinstance(node, ast.With | ast.AsyncWith) else ():
            if isinstance(item.optional_vars, ast.Name):
                name = item.optional_vars.id
                found[name] = None if name in found else item.context_expr
        waiting.extend(ast.iter_child_nodes(node))
    return {name: value for name, value in found.items() if value is not None}


def attributes(node: ast.ClassDef) -> dict[str, ast.expr]:
    """The values of what is assigned once to a class, or in its methods to `self`, as `self.NAME`."""
    found: dict[str, ast.expr | None] = {f"self.{name}": value for name, value in assigned(node.body).items()}
    for each in ast.walk(node):
        targets = each.targets if isinstance(each, ast.Assign) else ()
        targets = [each.target] if isinstance(each, ast.AnnAssign) else targets
        for target in targets:
            match target:
                case ast.Attribute(value=ast.Name(id="self"), attr=name):
                    value = each.value if isinstance(each, ast.Assign | ast.AnnAssign) else None
                    found[f"self.{name}"] = None if f"self.{name}" in found else value
    return {name: value for name, value in found.items() if value is not None}


def imported_as(tree: ast.AST) -> dict[str, str]:
    """What names stand for that are imported as others: `from httpx import post as send`."""
    froms = [each for each in ast.walk(tree) if isinstance(each, ast.ImportFrom)]
    return {name.asname: name.name for each in froms for name in each.names if name.asname}


def event_routes(tree: ast.AST) -> frozenset[str]:
    """The paths that stand behind a key "route", as in an answer to `/dapr/subscribe`, with their `/`."""
    pairs = [
        pair
        for each in ast.walk(tree)
        if isinstance(each, ast.Dict)
        for pair in zip(each.keys, each.values, strict=True)
    ]
    named = {text_of(value, {}) for key, value in pairs if key is not None and text_of(key, {}) == "route"}
    return frozenset(f"/{each.lstrip('/')}" for each in named if each)


def base_of(function: ast.expr, scope: Scope) -> str:
    """The `base_url` of the client whose method is called, with a `/` at its end; empty without one."""
    if not isinstance(function, ast.Attribute):
        return ""
    client = scope.get(_place(function.value), function.value)
    given = (
        [each.value for each in client.keywords if each.arg == "base_url"]
        if isinstance(client, ast.Call)
        else []
    )
    text = text_of(given[0], scope) if given else ""
    return f"{text.rstrip('/')}/" if text else ""


def _place(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=ast.Name(id="self"), attr=name):
            return f"self.{name}"
    return ""


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
        case ast.Attribute() if (place := _place(node)) in scope:
            return text_of(scope[place], scope, depth + 1) or HOLE
        case ast.Name() | ast.Attribute() | ast.Subscript() | ast.Call():
            return HOLE
    return ""
