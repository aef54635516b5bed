"""The last lines of a sidecar and of an app, from the folder of their run."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Final

from outboard.doctor.evidence import SidecarLine
from outboard.run.output.logrus import parse_line
from outboard.runs.log import tail

__all__ = ["app_lines", "sidecar_lines"]

LINES: Final = 500
TIME: Final = re.compile(r'time="([^"]+)"')


def sidecar_lines(path: Path | None) -> tuple[SidecarLine, ...]:
    """None where there is no log, or it cannot be read."""
    return tuple(_line(text) for text in _tail(path))


def app_lines(path: Path | None) -> tuple[str, ...]:
    """The same of an app."""
    return tuple(line for line in _tail(path) if line.strip())


def _tail(path: Path | None) -> list[str]:
    try:
        return tail(path, LINES) if path is not None else []
    except OSError:  # another user's
        return []


def _line(text: str) -> SidecarLine:
    level, message = parse_line(text)
    found = TIME.match(text)
    try:
        at = datetime.fromisoformat(found[1]) if found else None
    except ValueError:
        at = None
    return SidecarLine(level, message, at)
