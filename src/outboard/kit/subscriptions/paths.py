"""The path that a sidecar calls for a route that it was told of. Pure.

Source: daprd 1.18 (`path.Clean`, Go's `net/url`), asked by tests/conformance; Outboard's sidecar is alike.
"""

from __future__ import annotations

import posixpath
import re
from typing import Final
from urllib.parse import unquote

__all__ = ["PATH_ADVICE", "called_path", "path_problem"]

PATH_ADVICE: Final = (
    "Declare the path that is called: without '/' at its end (on a router with a prefix, `subscribe(\"\")`), "
    "without '//', '/./' and '/../', and with each character as itself ('/a b', not '/a%20b')"
)
NOT_CALLABLE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})|[\x00-\x1f\x7f]")
"""A "%" that escapes nothing, and control characters: no URL, so that daprd makes no request at all."""


def called_path(route: str) -> str | None:
    """The path that an app sees when the sidecar calls `route`; None where it cannot call it."""
    if NOT_CALLABLE.search(route):
        return None
    return unquote("/" + posixpath.normpath(f"/{route}").lstrip("/"))


def path_problem(path: str) -> str | None:
    """What is wrong with `path`, which an app serves, for a sidecar to call it; None if nothing is."""
    if any(character in path for character in "{}?#"):
        return f"has the path {path!r}; the path of a handler has no parameters, no '?' and no '#'"
    called = called_path(path)
    if called is None:
        return f"has the path {path!r}, which the sidecar cannot call: its events would be lost"
    if called != path:
        return f"has the path {path!r}, but the sidecar calls {called!r}: its events would be lost"
    return None
