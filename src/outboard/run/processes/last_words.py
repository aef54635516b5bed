"""Which of the last lines of a process says why it ended. Pure."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

__all__ = ["Remembering", "last_words"]

KEPT: Final = 40
TELLING: Final = re.compile(r"error|exception|panic|fatal|cannot|could not|no such|not found", re.IGNORECASE)
OF_NO_USE: Final = re.compile(r"application startup failed|worker failed to boot", re.IGNORECASE)
"""What servers say after the reason: uvicorn, hypercorn and gunicorn."""
TRACEBACK: Final = "Traceback (most recent call last)"


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

    What comes after the reason is often of no use: the version of the program, or that it shuts down.
    """
    last, reason, inside = "", "", False
    for line in filter(str.strip, lines):
        ends_traceback = inside and not line[0].isspace()
        inside = TRACEBACK in line or (inside and not ends_traceback)
        last = line.strip()
        if ends_traceback or (TELLING.search(line) and not OF_NO_USE.search(line)):
            reason = last
    return reason or last
