"""The attributes of an event as JSON, where all of them are plain text, as those of most events are. Pure.

Plain is what JSON writes as it is, and in which `cloudevents.check` would find nothing: one look at the
characters does for both.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, TypeAlias

from outboard.wire.cloudevents import NAME, NOT_IN_URIS, PARTITION_KEY_ATTRIBUTE

__all__ = ["Origin", "plain_head"]

Origin: TypeAlias = tuple[str, str, str]
"""The source, the type and the content type, which the events of a topic have in common."""

CONTENT_TYPES: Final = frozenset({"application/json", "application/octet-stream"})
NAMES: Final = frozenset({"subject", "time", PARTITION_KEY_ATTRIBUTE, "traceparent", "tracestate"})
ONLY_TEXT: Final = {str}


def plain_head(origin: Origin, id: str, own: Mapping[str, object]) -> bytes | None:
    """The JSON object of an event, begun with its attributes: its data and the last brace are missing.

    `own` are its other attributes by name, the time as it is written. None where something is not plain;
    whether it is valid remains to be seen.
    """
    values = (*origin, id, *own.values())
    if set(map(type, values)) != ONLY_TEXT or "" in values:
        return None
    shared = _written(origin)
    if shared is None or not _is_plain(id + "".join(map(str, own.values()))):
        return None
    if not NAMES.issuperset(own) and ("data" in own or not all(map(NAME.match, own))):
        return None
    others = "".join([f',"{name}":"{value}"' for name, value in own.items()])
    return f'{{"specversion":"1.0","id":"{id}",{shared}{others}'.encode("ascii")


@lru_cache(maxsize=256)
def _written(origin: Origin) -> str | None:
    source, type, content_type = origin
    if not _is_plain(source + type) or NOT_IN_URIS.search(source) or content_type not in CONTENT_TYPES:
        return None
    return f'"source":"{source}","type":"{type}","datacontenttype":"{content_type}"'


def _is_plain(text: str) -> bool:
    """Whether these are characters of ASCII that can be printed, and no JSON string has to escape one."""
    return text.isascii() and text.isprintable() and '"' not in text and "\\" not in text
