"""The files of a record in pieces: told, read, and put together again in another folder."""

from __future__ import annotations

from pathlib import Path

from outboard.hops.files.segments import record_files
from outboard.wire.shown_record import RecordFile

__all__ = ["RecordCopy", "files_told", "piece_of"]


def files_told(folder: Path) -> list[RecordFile]:
    """The files of the record in `folder`, with their sizes. Raises OSError."""
    found: list[RecordFile] = []
    for path in record_files(folder):
        try:
            found.append(RecordFile(path.name, path.stat().st_size))
        except FileNotFoundError:  # which the bounds of the record have removed
            continue
    return found


def piece_of(folder: Path, name: str, begin: int, most: int) -> bytes | None:
    """At most `most` bytes of the file from `begin` on; None where the record has no such file. Raises
    OSError.
    """
    path = next((path for path in record_files(folder) if path.name == name), None)
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            file.seek(begin)
            return file.read(most)
    except FileNotFoundError:
        return None


class RecordCopy:
    """A record that is copied into `folder` bit by bit, up to `most` bytes."""

    def __init__(self, folder: Path, most: int) -> None:
        self._folder = folder
        self._room = most
        self._copied: dict[str, int] = {}

    @property
    def is_full(self) -> bool:
        return self._room <= 0

    def missing(self, file: RecordFile) -> int | None:
        """From which byte on the copy of `file` lacks something; None where it has all."""
        begin = self._copied.get(file.name, 0)
        return begin if begin < file.size else None

    def add(self, name: str, piece: bytes) -> None:
        """What comes next in the file. Raises OSError."""
        with (self._folder / name).open("ab") as file:
            file.write(piece)
        self._copied[name] = self._copied.get(name, 0) + len(piece)
        self._room -= len(piece)
