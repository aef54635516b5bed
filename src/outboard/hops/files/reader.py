"""The record read: the hops of all files of a folder, and what is not among them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from outboard.hops.files.lines import FileHead, Note, UnreadableHead, read_head, read_line
from outboard.hops.files.segments import record_files
from outboard.hops.record import Hop

__all__ = ["HopFollower", "RecordRead", "read_record"]


@dataclass(frozen=True, slots=True)
class RecordRead:
    """What was found: `hops` in the order of each file, `notes` of hops that are not there, and `problems`
    with files that could not be read.
    """

    hops: Sequence[Hop]
    notes: Sequence[Note] = ()
    problems: Sequence[str] = ()


def read_record(folder: Path) -> RecordRead:
    """All that is in `folder`; nothing where it is not there."""
    return HopFollower(folder).more()


class HopFollower:
    """Reads a folder again and again: each time what came since the last time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._heads: dict[Path, FileHead | None] = {}
        self._read: dict[Path, int] = {}

    def more(self) -> RecordRead:
        """What was not read before; a line whose end is not written yet comes later."""
        hops, notes, problems = list[Hop](), list[Note](), list[str]()
        for path in record_files(self._folder):
            try:
                for found in self._of(path):
                    (hops if isinstance(found, Hop) else notes).append(found)  # type: ignore[arg-type]
            except OSError as error:
                if not isinstance(error, FileNotFoundError):  # which the bounds of the record have removed
                    problems.append(f"{path}: {error.strerror or error}")
            except UnreadableHead as error:
                problems.append(f"{path}: {error}")
        return RecordRead(hops, notes, problems)

    def _of(self, path: Path) -> Iterator[Hop | Note]:
        if path in self._heads and self._heads[path] is None:
            return  # told before
        lines = self._lines(path)
        head = self._heads.get(path)
        if head is None and lines:
            self._heads[path] = None
            head = self._heads[path] = read_head(lines.pop(0))
        if head is None:
            return
        for line in lines:
            if line.strip() and (found := read_line(line, head)) is not None:
                yield found

    def _lines(self, path: Path) -> list[bytes]:
        """The whole lines that are new."""
        with path.open("rb") as file:
            file.seek(self._read.get(path, 0))
            data = file.read()
        whole = data.rfind(b"\n") + 1
        self._read[path] = self._read.get(path, 0) + whole
        return data[:whole].splitlines()
