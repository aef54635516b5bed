"""The attributes of an event as JSON, where all of them are plain text, as those of most events are. Pure.

Plain is what JSON writes as it is, and in which `cloudevents.check` would find nothing: one look at the
characters does for both.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, TypeAlias

from outboard.wire.cloudevents import NAME, NOT_IN_URIS, PARTITION_KEY_ATTRIBUTE

__all__ = ["Origin", "plain_head"]

Origin: TypeAlias = tuple[str, str, str]
"""The source, the type and the content type, which the events of a topic have in common."""

PLAIN: Final = bytes(code for code in range(0x20, 0x7F) if code not in b'"\\')
CONTENT_TYPES: Final = frozenset({"application/json", "application/octet-stream"})
NAMES: Final = frozenset({"subject", "time", PARTITION_KEY_ATTRIBUTE, "traceparent", "tracestate"})
ONLY_TEXT: Final = {str}


def plain_head(origin: Origin, id: str, own: Mapping[str, object]) -> bytes | None:
    """The JSON object of an event, begun with its attributes: its data and the last brace are missing.

    `own` are its other attributes by name, the time as it is written. None where something is not plain;
    whether it is valid remains to be seen.
    """
    values: tuple[Any, ...] = (id, *own.values())
    if set(map(type, origin + values)) != ONLY_TEXT or "" in values:
        return None
    form = _form(origin, tuple(own))
    if form is None or not _is_plain("".join(values)):
        return None
    return (form % values).encode("ascii")


@lru_cache(maxsize=256)
def _form(origin: Origin, names: tuple[str, ...]) -> str | None:
    """The head with a `%s` for the id, and for each attribute of these names."""
    source, type, content_type = origin
    if not (source and type and _is_plain(source + type)) or NOT_IN_URIS.search(source):
        return None
    if content_type not in CONTENT_TYPES:
        return None
    if not NAMES.issuperset(names) and ("data" in names or not all(map(NAME.match, names))):
        return None
    shared = f'"source":"{source}","type":"{type}","datacontenttype":"{content_type}"'.replace("%", "%%")
    others = "".join([f',"{name}":"%s"' for name in names])
    return f'{{"specversion":"1.0","id":"%s",{shared}{others}'


def _is_plain(text: str) -> bool:
    """Whether these are characters of ASCII that can be printed, and no JSON string has to escape one."""
    return text.isascii() and not text.encode("ascii").translate(None, PLAIN)
