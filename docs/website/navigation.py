"""The navigation: its folders, filled with their pages. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

__all__ = ["with_folders"]


def with_folders(nav: Sequence[Any], index: str, made: Sequence[str]) -> list[Any]:
    """`nav` with each folder as its pages, in the order in which `index` links them; then those `made`.

    A page that `index` does not link is left out, of which MkDocs then warns.
    """
    linked = re.findall(r"\]\(([\w/-]+\.md)\)", index)
    return [_filled(each, list(dict.fromkeys((*linked, *made)))) for each in nav]


def _filled(entry: Any, pages: Sequence[str]) -> Any:
    if isinstance(entry, dict):
        [(title, value)] = entry.items()
        if isinstance(value, str) and not value.endswith(".md"):
            return {title: [each for each in pages if each.rpartition("/")[0] == value]}
    return entry
