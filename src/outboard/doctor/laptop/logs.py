"""What the folder of a run keeps: the last lines of sidecars and apps, and the hops of their events."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Final

from outboard.doctor.evidence import HopSeen, SidecarLine
from outboard.hops.files.reader import read_record
from outboard.hops.record import is_unwell
from outboard.run.output.logrus import parse_line
from outboard.runs.log import tail

__all__ = ["app_lines", "sidecar_lines", "unwell_hops"]

LINES: Final = 500
MOST_HOPS: Final = 200
TIME: Final = re.compile(r'time="([^"]+)"')


def sidecar_lines(path: Path | None) -> tuple[SidecarLine, ...]:
    """None where there is no log, or it cannot be read."""
    return tuple(_line(text) for text in _tail(path))


def app_lines(path: Path | None) -> tuple[str, ...]:
    """The same of an app."""
    return tuple(line for line in _tail(path) if line.strip())


def unwell_hops(folder: Path | None) -> tuple[HopSeen, ...]:
    """The last hops of events that did not go well; none where there is no record."""
    hops = read_record(folder).hops if folder is not None else ()
    return tuple(
        HopSeen(
            each.kind.value,
            each.app_id,
            each.pubsub,
            each.topic,
            each.event.event_id,
            each.outcome,
            each.detail,
            each.instance,
        )
        for each in sorted(filter(is_unwell, hops), key=lambda each: each.at)[-MOST_HOPS:]
    )


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
