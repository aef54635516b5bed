"""`llms.txt`: the map of the pages for language models, and all of their text in one file. Pure.

Source: the proposal "The /llms.txt file".
"""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["llms_full_text", "llms_text"]


def llms_text(index: str, name: str, description: str) -> str:
    """The map that `index` is, with links to the pages of the site."""
    sections = index[index.index("\n## ") :]
    links = re.sub(r"\]\(([\w/-]+)\.md(#[\w-]*)?\)", r"](\1.html\2)", sections)
    return f"# {name}\n\n> {description}.\n{links}"


def llms_full_text(sources: Mapping[str, str]) -> str:
    """Every page as it is written, each below its path."""
    return "\n\n".join(f"<!-- {path} -->\n\n{text.strip()}" for path, text in sorted(sources.items())) + "\n"
