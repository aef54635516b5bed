"""The modules of a code base, read and looked through."""

from __future__ import annotations

import os
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from outboard.errors import CommandError
from outboard.migrate.finding import Place, places_in

__all__ = ["Looked", "look_through"]

OTHERS: Final = frozenset({"node_modules", "site-packages", "__pycache__", "build", "dist", "venv"})
"""Folders that hold what others have written, or what was made; those that begin with a dot, too."""


class Looked:
    """How many files were read, and what was found in them."""

    def __init__(self, files: int, places: list[Place]) -> None:
        self.files: Final = files
        self.places: Final = places


def look_through(paths: list[Path]) -> Looked:
    """Read each module below `paths`. Raises CommandError for a path that is not there, or has none."""
    files = list(dict.fromkeys(file for path in paths for file in _modules(path)))
    if not files:
        raise CommandError(f"there is no Python in {', '.join(map(str, paths))}", "Name files or folders.")
    return Looked(len(files), [place for file in files for place in _places(file)])


def _modules(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    if not path.is_dir():
        raise CommandError(f"{path} does not exist", "Name files or folders of Python source.")
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(each for each in folders if each not in OTHERS and not each.startswith("."))
        found = (Path(folder, name) for name in sorted(names) if name.endswith(".py"))
        yield from (each for each in found if each.is_file() or not each.exists())  # and no pipe, say


def _places(file: Path) -> list[Place]:
    try:
        with tokenize.open(file) as opened:  # in the encoding that the file says
            source = opened.read()
    except (OSError, SyntaxError, UnicodeDecodeError) as error:
        told = error.strerror if isinstance(error, OSError) else str(error)
        return [Place(str(file), 1, 1, "unreadable", f"it could not be read: {told}", "Correct it.")]
    return places_in(source, str(file))
