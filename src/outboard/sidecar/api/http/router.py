"""Which handler a request goes to, by daprd's rules for paths. Pure.

The path is cleaned while it is still escaped; only then are the parts of it unescaped, as in a query: `%2F`
inside a topic stays part of the topic, and `+` is a space.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Generic, TypeVar
from urllib.parse import unquote_plus

__all__ = ["BadEscape", "Route", "Router"]

T = TypeVar("T")

BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
TAIL: Final = "*"
PATHS_KEPT: Final = 256
"""Most requests are for a few topics: where they go is remembered."""


class BadEscape(ValueError):
    """A `%` in the path that is not followed by two hex digits."""


@dataclass(frozen=True, slots=True)
class Route(Generic[T]):
    """`path` has literal parts, `{names}`, and may end in `{name*}`, which takes one part or more."""

    methods: frozenset[str]
    path: str
    target: T

    @property
    def parts(self) -> list[str]:
        return self.path.strip("/").split("/")


class Router(Generic[T]):
    """The first route that fits wins, so list the more special ones first."""

    def __init__(self, routes: Iterable[Route[T]]) -> None:
        self._routes = [(route, route.parts) for route in routes]
        self._found = lru_cache(PATHS_KEPT)(self._search)

    def find(self, method: str, raw_path: str) -> tuple[T, Mapping[str, str]] | None:
        """The target and its parameters, unescaped; None where no route has this path and method.

        Raises BadEscape.
        """
        return self._found(method, raw_path)

    def _search(self, method: str, raw_path: str) -> tuple[T, Mapping[str, str]] | None:
        if BAD_ESCAPE.search(raw_path):
            raise BadEscape(raw_path)
        segments = _segments(raw_path)
        for route, parts in self._routes:
            if method in route.methods:
                found = _match(parts, segments)
                if found is not None:
                    return route.target, found
        return None

    def methods(self, raw_path: str) -> frozenset[str]:
        """The methods of all routes with this path."""
        segments = _segments(raw_path)
        fitting = (route.methods for route, parts in self._routes if _match(parts, segments) is not None)
        return frozenset().union(*fitting)


def _segments(raw_path: str) -> list[str]:
    return posixpath.normpath(f"/{raw_path}").strip("/").split("/")


def _match(parts: list[str], segments: list[str]) -> dict[str, str] | None:
    tail = parts[-1].endswith(f"{TAIL}}}")
    if len(segments) < len(parts) or (len(segments) > len(parts) and not tail):
        return None
    found: dict[str, str] = {}
    for index, part in enumerate(parts):
        if not part.startswith("{"):
            if part != segments[index]:
                return None
            continue
        is_tail = tail and index == len(parts) - 1
        value = "/".join(segments[index:]) if is_tail else segments[index]
        found[part.strip("{}*")] = unquote_plus(value, errors="replace")
    return found
