"""Where a database is, as SQLite's own client takes it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

__all__ = ["file_of", "located"]

FILE: Final = "file:"
IN_MEMORY: Final = (":memory:", "mode=memory")


def located(database: str, directory: Path) -> str:
    """`database`, a path, a `file:` URI or `:memory:`; a relative path begins in `directory`."""
    if directory == Path() or any(word in database for word in IN_MEMORY):
        return database
    if not database.startswith(FILE):
        return str(directory / database)
    path, *options = re.split(r"(?=[?#])", database.removeprefix(FILE), maxsplit=1)
    if path.startswith("/"):
        return database
    return (directory.absolute() / unquote(path)).as_uri() + "".join(options)


def file_of(database: str) -> Path | None:
    """The file of `database`, a path or a `file:` URI; None for one in memory, or with no file of its own."""
    if not database or any(word in database for word in IN_MEMORY):
        return None
    return Path(url2pathname(urlsplit(database).path) if database.startswith(FILE) else database)
