"""Erasing what the record has of the events of one key, also while apps write to it.

A line is written over with blanks: nothing moves, so that who writes at the end of a file, or reads it, is
not disturbed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from outboard.hops.files.failures import failure_files
from outboard.hops.files.lines import FileHead, UnreadableHead, read_head, read_line
from outboard.hops.files.segments import record_files
from outboard.hops.record import Hop

__all__ = ["Erasure", "erase"]


@dataclass(frozen=True, slots=True)
class Erasure:
    """So many `hops` of so many `events` were found, and erased if that was asked for; `problems` are with
    files that could not be looked at.
    """

    events: int
    hops: int
    problems: Sequence[str]


def erase(folder: Path, key: str, *, dry: bool) -> Erasure:
    """Erase each hop of the events with this ordering key, whoever recorded it; with `dry` only count them.

    What apps have in memory comes to the record a second later.
    """
    problems: list[str] = []
    events = {
        hop.event.event_id
        for path in record_files(folder)
        for _, _, hop in _hops(path, problems.append)
        if hop.event.key == key
    }
    hops = 0
    for path in record_files(folder):
        found = [
            (at, size)
            for at, size, hop in _hops(path, lambda _: None)
            if hop.event.key == key or (hop.event.event_id in events and hop.event.event_id)
        ]
        hops += len(found)
        if found and not dry:
            try:
                _blank(path, found)
            except OSError as error:
                problems.append(f"{path}: {error.strerror or error}")
    if not dry:
        for path in failure_files(folder):
            try:
                _blank(path, list(_named(path, events)))
            except OSError as error:
                problems.append(f"{path}: {error.strerror or error}")
    return Erasure(len(events), hops, problems)


def _named(path: Path, events: set[str]) -> Iterator[tuple[int, int]]:
    """The lines that name one of `events` to other processes."""
    at = 0
    for line in path.read_bytes().splitlines(keepends=True):
        name = line.rstrip(b"\n")
        if name.decode("utf-8", "replace") in events - {""}:
            yield at, len(name)
        at += len(line)


def _hops(path: Path, tell: Callable[[str], None]) -> Iterator[tuple[int, int, Hop]]:
    """Each hop with the place and the size of its line."""
    try:
        lines = path.read_bytes().splitlines(keepends=True)
        head = read_head(lines[0]) if lines else FileHead("", "", "")
    except (OSError, UnreadableHead) as error:
        tell(f"{path}: {error}")
        return
    at = 0
    for line in lines:
        found = read_line(line, head) if at else None
        if isinstance(found, Hop):
            yield at, len(line.rstrip(b"\n")), found
        at += len(line)


def _blank(path: Path, places: Sequence[tuple[int, int]]) -> None:
    with path.open("r+b") as file:
        for at, size in places:
            file.seek(at)
            file.write(b" " * size)
