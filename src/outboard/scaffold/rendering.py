"""The files of a new service, made of templates. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

__all__ = ["SUFFIX", "rendered"]

SUFFIX: Final = ".txt"
"""Behind the name of each template."""
WORD: Final = re.compile(r"\{\{(\w+)\}\}")
FOLDERS: Final[Mapping[str, str]] = {
    "devcontainer": ".devcontainer",
    "vscode": ".vscode",
    "package": "{{package}}",
}
"""Template's folder, where it has another name → that of the service."""
DOTTED: Final = frozenset({"dockerignore", "gitignore"})
"""Names without the dot that a package should not have in it."""


def rendered(templates: Mapping[str, str], words: Mapping[str, str]) -> dict[str, str]:
    """Path in the new folder → text, of path below `templates` → text.

    `words` stand in the place of `{{word}}`, in paths and texts. Raises KeyError for one that is not there.
    """
    return {_filled(_path(name), words): _filled(text, words) for name, text in templates.items()}


def _path(template: str) -> str:
    first, *rest = template.removesuffix(SUFFIX).split("/")
    if rest:
        return "/".join([FOLDERS.get(first, first), *rest])
    return f".{first}" if first in DOTTED else first


def _filled(text: str, words: Mapping[str, str]) -> str:
    return WORD.sub(lambda found: words[found[1]], text)
