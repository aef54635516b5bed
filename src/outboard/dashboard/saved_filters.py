"""Filters that a person keeps by name: in a file, as the port of a dashboard changes, and with it what a
browser would keep.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from outboard.errors import CommandError
from outboard.host.private_files import write_private

__all__ = ["SavedFilters", "saved_filters_file"]

MOST: Final = 100
LONGEST_NAME: Final = 60


def saved_filters_file(home: Path) -> Path:
    """Where they are kept; `home` is the user's."""
    return home / ".outboard" / "dashboard-filters.json"


class SavedFilters:
    """Names, each with the query of an address. Raises OSError where the file cannot be used."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def all(self) -> Mapping[str, str]:
        """By name, in their order; none where the file is not there, or is not ours."""
        try:
            told = json.loads(self._path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        known = told.items() if isinstance(told, dict) else ()
        found = {name: query for name, query in known if isinstance(query, str) and query.startswith("?")}
        return dict(sorted(found.items(), key=lambda each: each[0].casefold()))

    def save(self, name: str, query: str) -> None:
        """Keep `query` by `name`, in the place of what had it before. Raises CommandError."""
        name = " ".join(name.split())
        if not name or len(name) > LONGEST_NAME:
            raise CommandError(f"a name has 1 to {LONGEST_NAME} characters", "Write another one.")
        if not query:
            raise CommandError("this filter asks for nothing", "Choose what it is to show, and save it then.")
        self._change(lambda known: {**known, name: query})

    def forget(self, name: str) -> None:
        """Remove the one with this name, if it is there. Raises CommandError."""
        self._change(lambda known: {each: query for each, query in known.items() if each != name})

    def _change(self, change: Callable[[Mapping[str, str]], Mapping[str, str]]) -> None:
        fresh = change(self.all())
        if len(fresh) > MOST:
            raise CommandError(f"{MOST} filters are saved already", "Forget one of them first.")
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = json.dumps(fresh, indent=2, ensure_ascii=False)
        write_private(self._path, text.encode("utf-8", "surrogatepass"))
