"""Dapr's Component resource (`dapr.io/v1alpha1`) as a frozen value."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from outboard.gojson import encoding
from outboard.resources import duration
from outboard.resources.finding import Errors, refuse_errors
from outboard.resources.node import Node

__all__ = ["Component", "MetadataItem", "SecretKeyRef", "item_of", "parse"]

DEFAULT_INIT_TIMEOUT: Final = 5.0


@dataclass(frozen=True, slots=True)
class SecretKeyRef:
    """One key of a secret. An empty `key` in the file is the secret's own name."""

    name: str
    key: str


@dataclass(frozen=True, slots=True)
class MetadataItem:
    """One setting of a component: a value, or where it comes from. A value wins over an `envRef`."""

    name: str
    value: str | None = field(default=None, repr=False)  # may be a password
    secret: SecretKeyRef | None = None
    env: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Component:
    """A component, as it is written. `init_timeout` is in seconds; empty `scopes` are all apps."""

    name: str
    type: str
    version: str = "v1"
    namespace: str = ""
    metadata: tuple[MetadataItem, ...] = ()
    secret_store: str = ""
    scopes: tuple[str, ...] = ()
    init_timeout: float = DEFAULT_INIT_TIMEOUT
    ignore_errors: bool = False
    path: Path = Path("(built in)")
    line: int = 0

    @property
    def category(self) -> str:
        """`pubsub`, `state`, `secretstores`, …"""
        return self.type.partition(".")[0].lower()

    def is_same_as(self, other: Component) -> bool:
        """Whether both are the same component to a sidecar that gets them, wherever they are written."""
        return _unplaced(self) == _unplaced(other)

    def __str__(self) -> str:
        return f"{self.name} ({self.type}/{self.version})"


def _unplaced(component: Component) -> Component:
    items = tuple(replace(item, line=0) for item in component.metadata)
    return replace(component, path=Path(), line=0, metadata=items, scopes=(), namespace="")


def parse(document: Node) -> Component:
    """The component in `document`, of which apiVersion and kind are known to be right.

    Raises ResourceError for what is missing or of the wrong type, ResourcesInvalid for several such errors.
    """
    errors = Errors()
    read = Component("", "", path=document.path, line=document.line)
    with errors.gathered():
        metadata = document.require("metadata", "Add `metadata:` with the component's `name:`.")
        name = _name(metadata.require("name", "Add `name:`: the app calls the component by it."))
        read = replace(read, name=name, namespace=metadata.string("namespace"))
    with errors.gathered():
        spec = document.require(
            "spec", "Add `spec:` with the component's `type:`, `version:` and `metadata:`."
        )
        read = replace(read, metadata=_items(spec, errors))
        read = replace(
            read,
            type=_type(spec),
            version=spec.string("version"),
            init_timeout=_init_timeout(spec),
            ignore_errors=spec.boolean("ignoreErrors"),
        )
    with errors.gathered():
        auth = document.mapping("auth")
        store = "" if auth is None else auth.string("secretStore")
        read = replace(read, secret_store=store, scopes=document.strings("scopes"))
    refuse_errors(errors.findings)
    return read


def _items(spec: Node, errors: Errors) -> tuple[MetadataItem, ...]:
    items: list[MetadataItem] = []
    for node in spec.sequence("metadata"):
        with errors.gathered():
            items.append(item_of(node))
    return tuple(items)


def _name(node: Node) -> str:
    name = node.as_string()
    if isinstance(node.value, bool):
        raise node.error(f"unquoted, `{name}` is the name `{str(node.value).lower()}` to daprd", "Quote it.")
    if name in (".", "..") or "/" in name or "%" in name:
        raise node.error(f"component name {name!r} cannot stand in a URL", "Leave `/` and `%` out.")
    return name


def _type(spec: Node) -> str:
    node = spec.require("type", "Add `type:`, for instance `pubsub.in-memory`.")
    name = node.as_string().strip()
    if "." not in name:
        raise node.error(
            f"`type: {name}` is not of the form category.name", "Write for instance `pubsub.in-memory`."
        )
    return name


def item_of(node: Node, name: str = "") -> MetadataItem:
    """A value, or where it is, called `name`, or as it says itself. Raises ResourceError."""
    if not name:
        name = node.require("name", "Each item of `spec.metadata` needs `name:` and `value:`.").as_string()
    value = node.get("value")
    return MetadataItem(
        name=name,
        value=None if value is None else _dynamic_value(value),
        secret=_secret(node.mapping("secretKeyRef")),
        env=node.string("envRef"),
        line=node.line,
    )


def _secret(node: Node | None) -> SecretKeyRef | None:
    if node is None or not node.string("name"):
        return None
    return SecretKeyRef(node.string("name"), node.string("key") or node.string("name"))


def _dynamic_value(node: Node) -> str:
    """Anything but a string becomes its JSON, as daprd's `DynamicValue` does."""
    plain = node.plain()
    return plain if isinstance(plain, str) else encoding.encode(plain).decode()


def _init_timeout(spec: Node) -> float:
    """As daprd: what is absent, no duration, or not positive is the default."""
    try:
        seconds = duration.parse(spec.string("initTimeout"))
    except ValueError:
        return DEFAULT_INIT_TIMEOUT
    return seconds if seconds > 0 else DEFAULT_INIT_TIMEOUT
