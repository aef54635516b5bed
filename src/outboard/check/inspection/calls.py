"""Where the source of an app publishes, and to which topics: read from modules that have been imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final

from outboard.kit.board import Outboard
from outboard.kit.topic import SyncTopic, Topic

__all__ = ["PublishCall", "publish_calls"]

METHODS: Final = frozenset({"publish", "publish_event", "stage", "stage_event"})
MISSING: Final = object()


@dataclass(frozen=True, slots=True)
class PublishCall:
    """A call that publishes; `topic` is empty where it cannot be seen to which."""

    line: int
    pubsub: str = ""
    topic: str = ""


def publish_calls(module: ModuleType, source: Path) -> Iterator[PublishCall]:
    """The calls in the source of `module` that publish. Raises OSError, SyntaxError, ValueError."""
    tree = ast.parse(source.read_bytes(), str(source))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
            found = _call(node, node.func, module)
            if found is not None:
                yield found


def _call(node: ast.Call, function: ast.Attribute, module: ModuleType) -> PublishCall | None:
    """None for a method of that name that is another's."""
    base = _value(function.value, module)
    if isinstance(base, SyncTopic):
        base = base.topic
    if isinstance(base, Topic):
        return PublishCall(node.lineno, base.pubsub, base.name)
    if isinstance(base, Outboard):
        topic, pubsub = _argument(node, 0, "topic", module), _argument(node, None, "pubsub", module)
        own = base.settings.pubsub if pubsub is None else pubsub
        return PublishCall(node.lineno, own, topic) if topic and own else PublishCall(node.lineno)
    if base is not MISSING:
        return None
    if _is_of_sdk(node):
        component = _argument(node, 0, "pubsub_name", module)
        topic = _argument(node, 1, "topic_name", module)
        return PublishCall(node.lineno, component, topic) if component and topic else PublishCall(node.lineno)
    return PublishCall(node.lineno)


def _value(expression: ast.expr, module: ModuleType) -> object:
    """What an expression is after the import: a name of the module, or an attribute of what one is."""
    match expression:
        case ast.Name(id=name):
            return vars(module).get(name, MISSING)
        case ast.Attribute(value=inner, attr=name):
            base = _value(inner, module)
            return MISSING if base is MISSING else _attribute(base, name)
        case ast.Call(func=ast.Attribute(value=inner, attr="topic")):
            board, topic = _value(inner, module), _argument(expression, 0, "name", module)
            return board.topic(topic) if isinstance(board, Outboard) and topic else MISSING
    return MISSING


def _attribute(base: object, name: str) -> object:
    """Only of modules, classes and topics: the properties of others may do anything."""
    if isinstance(base, ModuleType | type):
        return vars(base).get(name, MISSING)
    return base if isinstance(base, Topic) and name == "sync" else MISSING


def _is_of_sdk(node: ast.Call) -> bool:
    named = {each.arg for each in node.keywords}
    return bool(named & {"pubsub_name", "topic_name"})


def _argument(node: ast.Call, index: int | None, name: str, module: ModuleType) -> str | None:
    """The text that is passed; None where none is, and empty where it cannot be seen which."""
    given = next((each.value for each in node.keywords if each.arg == name), None)
    if given is None and index is not None and index < len(node.args):
        given = node.args[index]
    if given is None:
        return None
    value = given.value if isinstance(given, ast.Constant) else _value(given, module)
    return value if isinstance(value, str) else ""
