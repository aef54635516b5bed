"""What the folder of a run keeps: the last lines of sidecars and apps, and the hops of their events."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from outboard.doctor.evidence import HopSeen, PublishedSeen, SidecarLine
from outboard.doctor.reading import sidecar_line
from outboard.hops.files.reader import read_record
from outboard.hops.record import Hop, HopKind, is_unwell
from outboard.runs.log import tail

__all__ = ["app_lines", "recorded_hops", "sidecar_lines"]

LINES: Final = 500
MOST_HOPS: Final = 200
PUBLISHED: Final = frozenset({HopKind.PUBLISHED, HopKind.RELAYED, HopKind.REPLAYED, HopKind.STORED})


def sidecar_lines(path: Path | None) -> tuple[SidecarLine, ...]:
    """None where there is no log, or it cannot be read."""
    return tuple(sidecar_line(text) for text in _tail(path))


def app_lines(path: Path | None) -> tuple[str, ...]:
    """The same of an app."""
    return tuple(line for line in _tail(path) if line.strip())


def recorded_hops(folder: Path | None) -> tuple[tuple[HopSeen, ...], tuple[PublishedSeen, ...]]:
    """The last hops of events that did not go well, and who has published to which topic; none where there
    is no record.

    Of those of one event that differ in nothing but their time and attempt the last one counts: there may be
    thousands.
    """
    hops = read_record(folder).hops if folder is not None else ()
    told: dict[tuple[str, ...], Hop] = {}
    for each in sorted(filter(is_unwell, hops), key=lambda each: each.at):
        who = each.app_id, each.instance, each.pubsub, each.topic
        what = each.event.event_id, each.kind.value, each.outcome, each.detail
        told.pop((*who, *what), None)
        told[(*who, *what)] = each
    unwell = list(told.values())[-MOST_HOPS:]
    last: dict[tuple[str, str, str], float] = {}
    for each in hops:
        if each.kind in PUBLISHED and not is_unwell(each):
            where = each.app_id, each.pubsub, each.topic
            last[where] = max(last.get(where, 0.0), each.at)
    published = (PublishedSeen(*where, datetime.fromtimestamp(at, UTC)) for where, at in last.items())
    return tuple(map(_hop, unwell)), tuple(published)


def _hop(hop: Hop) -> HopSeen:
    return HopSeen(
        hop.kind.value,
        hop.app_id,
        hop.pubsub,
        hop.topic,
        hop.event.event_id,
        hop.outcome,
        hop.detail,
        hop.instance,
    )


def _tail(path: Path | None) -> list[str]:
    try:
        return tail(path, LINES) if path is not None else []
    except OSError:  # another user's
        return []
