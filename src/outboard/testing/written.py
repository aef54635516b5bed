"""Values as the Python that makes them again, with the imports that it needs. Pure.

`repr` is not always that: of an Enum it is none, and it names no module.
"""

from __future__ import annotations

import ast
import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum

from pydantic import BaseModel

__all__ = ["WrittenValue", "imported", "written"]


@dataclasses.dataclass(frozen=True, slots=True)
class WrittenValue:
    """The `text`, and the lines by which its names are imported."""

    text: str
    imports: frozenset[str] = frozenset()


def written(value: object) -> WrittenValue:
    """`value` as text; what is neither plain, a model, a dataclass nor an Enum is as its `repr` has it."""
    kind = type(value)
    match value:
        case Enum():
            return _called(kind, [("", written(value.value))])
        case BaseModel():
            return _called(kind, [(name, written(each)) for name, each in _fields(value)])
        case float() if not math.isfinite(value):
            return WrittenValue(f"float({str(value)!r})")
    if dataclasses.is_dataclass(value):
        named = [each.name for each in dataclasses.fields(value) if each.init]
        return _called(kind, [(name, written(getattr(value, name))) for name in named])
    if kind is dict and isinstance(value, dict):
        pairs = [(written(name), written(each)) for name, each in value.items()]
        text = ", ".join(f"{name.text}: {each.text}" for name, each in pairs)
        return _joined(f"{{{text}}}", (each for pair in pairs for each in pair))
    if kind in (list, tuple, set, frozenset) and isinstance(value, list | tuple | set | frozenset):
        return _collection(kind, [written(each) for each in value])
    return WrittenValue(repr(value), frozenset(_imports_of_repr(value)))


def imported(kind: type) -> str:
    """The line that imports a class; empty for a builtin, and for one that a function has made."""
    name = kind.__qualname__.partition(".")[0]
    is_local = "<locals>" in kind.__qualname__
    return "" if kind.__module__ == "builtins" or is_local else f"from {kind.__module__} import {name}"


def _called(kind: type, arguments: list[tuple[str, WrittenValue]]) -> WrittenValue:
    """A call of a class. An argument whose name is no name of Python is given by `**`."""
    name = kind.__qualname__.rpartition("<locals>.")[2]
    plain = [f"{each}={value.text}" if each else value.text for each, value in arguments if _is_name(each)]
    odd = ", ".join(f"{each!r}: {value.text}" for each, value in arguments if not _is_name(each))
    text = ", ".join([*plain, f"**{{{odd}}}"] if odd else plain)
    return _joined(f"{name}({text})", (value for _, value in arguments), imported(kind))


def _is_name(name: str) -> bool:
    return not name or name.isidentifier()


def _fields(model: BaseModel) -> Iterator[tuple[str, object]]:
    """Under the names by which the model reads them."""
    for name, field in type(model).model_fields.items():
        alias = field.validation_alias
        yield alias if isinstance(alias, str) else name, getattr(model, name)
    extra: Mapping[str, object] = model.model_extra or {}
    yield from extra.items()


def _collection(kind: type, members: list[WrittenValue]) -> WrittenValue:
    inside = ", ".join(each.text for each in members)
    if kind is list:
        text = f"[{inside}]"
    elif kind is tuple:
        text = f"({inside},)" if len(members) == 1 else f"({inside})"
    else:
        text = f"{{{inside}}}" if kind is set and members else f"{kind.__name__}([{inside}])"
    return _joined(text, members)


def _joined(text: str, parts: Iterable[WrittenValue], *lines: str) -> WrittenValue:
    found = {line for each in parts for line in each.imports} | {line for line in lines if line}
    return WrittenValue(text, frozenset(found))


def _imports_of_repr(value: object) -> list[str]:
    """Of a repr such as `UUID('...')` the class, of one such as `datetime.date(2026, 1, 1)` the modules."""
    try:
        names = {node.id for node in ast.walk(ast.parse(repr(value))) if isinstance(node, ast.Name)}
    except (SyntaxError, ValueError, RecursionError):
        return []  # no Python: it is shown as it is
    modules = {type(value).__module__, type(getattr(value, "tzinfo", None)).__module__}
    if named := sorted(names & modules - {"builtins"}):
        return [f"import {name}" for name in named]
    line = imported(type(value)) if type(value).__name__ in names else ""
    return [line] if line else []
