"""Which of the last lines of a process says why it ended. Pure."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

__all__ = ["Remembering", "last_words"]

KEPT: Final = 40
TELLING: Final = re.compile(r"error|exception|panic|fatal|cannot|could not|no such|not found", re.IGNORECASE)
OF_NO_USE: Final = re.compile(r"application startup failed|worker failed to boot", re.IGNORECASE)
"""What servers say after the reason: uvicorn, hypercorn and gunicorn."""
TRACEBACK: Final = "Traceback (most recent call last)"
FRAME: Final = re.compile(r'\s+File "(?P<file>[^"]+)", line (?P<line>\d+)')
OF_OTHERS: Final = re.compile(r"\A<|[/\\](?:site-packages|python3\.\d+|Python3\d+[/\\]Lib)[/\\]")
"""Files of Python and of installed packages: nobody corrects an app there."""
OURS: Final = str(Path(__file__).parents[2])
"""Where this package is, also where it is not installed but linked."""


class Remembering:
    """Passes lines on, and keeps the last of them."""

    def __init__(self, take: Callable[[str], None]) -> None:
        self._take = take
        self._lines: deque[str] = deque(maxlen=KEPT)

    def __call__(self, line: str) -> None:
        self._lines.append(line)
        self._take(line)

    @property
    def last_words(self) -> str:
        return last_words(self._lines)


def last_words(lines: Iterable[str]) -> str:
    """The last of `lines` that sounds like a reason, else the last that is not blank; empty for none.

    What comes after the reason is often of no use: the version of the program, or that it shuts down. What
    ends a traceback has the place in the app behind it, unless it names the place itself.
    """
    last, reason, place, inside = "", "", "", False
    for line in filter(str.strip, lines):
        ends_traceback = inside and not line[0].isspace()
        starts_traceback = TRACEBACK in line
        # Of a long traceback the first line is not kept: a frame is enough.
        inside = starts_traceback or FRAME.match(line) is not None or (inside and not ends_traceback)
        last = line.strip()
        if ends_traceback:
            reason = f"{last} ({place})" if place and place not in last else last
        elif TELLING.search(line) and not OF_NO_USE.search(line):
            reason = last
        place = "" if starts_traceback else _place(line) or place
    return reason or last


def _place(line: str) -> str:
    """File and line of a traceback's frame, where they are of the app; else empty."""
    found = FRAME.match(line)
    if found is None or OF_OTHERS.search(found["file"]) or found["file"].startswith(OURS):
        return ""
    return f"{found['file']}:{found['line']}"
