"""Where an app keeps its dead letters and its outbox: told beside the record of its hops, for those who look
at both. A file a database, which stays as long as the record; no password stands in it.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias, cast, get_args

from outboard.host.private_files import write_private

__all__ = ["AppDatabase", "Holding", "databases_told", "tell_database"]

Holding: TypeAlias = Literal["letters", "outbox"]
SUFFIX: Final = ".database.json"
NAME_LENGTH: Final = 16


class AppDatabase(NamedTuple):
    """What the app `app_id` keeps in the database at `url` (SQLAlchemy's, without a password), in tables
    whose names begin with `prefix`.
    """

    app_id: str
    holds: Holding
    url: str
    prefix: str


def tell_database(folder: Path, database: AppDatabase) -> None:
    """Write it down in `folder`, which is made where it is missing. Raises OSError."""
    content = json.dumps(database._asdict()).encode()
    path = folder / f"{hashlib.sha256(content).hexdigest()[:NAME_LENGTH]}{SUFFIX}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(path, content)


def databases_told(folder: Path) -> list[AppDatabase]:
    """All that apps have told in `folder`, in the order of their names; none where it is not there.

    What is not whole, or of another version, is left out. Raises OSError.
    """
    found = [_read(path) for path in folder.glob(f"*{SUFFIX}")]
    return sorted(each for each in found if each is not None)


def _read(path: Path) -> AppDatabase | None:
    try:
        told = json.loads(path.read_bytes())
        texts = [told[name] for name in AppDatabase._fields]
    except (ValueError, KeyError, TypeError, FileNotFoundError):
        return None
    app_id, holds, url, prefix = map(str, texts)
    return AppDatabase(app_id, cast("Holding", holds), url, prefix) if holds in get_args(Holding) else None
