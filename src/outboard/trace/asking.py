"""The record asked, once or as it grows, and the answer written."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from outboard.gojson.values import Json
from outboard.hops.files.reader import HopFollower, RecordRead, read_record
from outboard.hops.record import Hop
from outboard.hops.selection import Selection
from outboard.trace.following import LiveSteps
from outboard.trace.formats import TraceFormat
from outboard.trace.mermaid import diagram
from outboard.trace.nothing import NoEventFound
from outboard.trace.objects import hop_object, node_objects, story_object
from outboard.trace.question import EventsFound, Question, answer, hops_taken, notes_told, with_conversation
from outboard.trace.text import Line, list_lines, live_line, node_lines

__all__ = ["Writer", "follow", "trace_once"]

PAUSE: Final = 0.3
MOST_LISTED: Final = 50


@dataclass(frozen=True, slots=True)
class Writer:
    """`out` takes the answer, a line at a time; `aside` what is to be known besides."""

    out: Callable[[Line], None]
    aside: Callable[[str], None]


def trace_once(question: Question, folder: Path, output: TraceFormat, write: Writer, where: str = "") -> bool:
    """Answer from the record in `folder`: whether there was anything. `where` is how a person knows the
    folder. Raises OSError.
    """
    record = read_record(folder)
    found = answer(question, record.hops)
    for problem in (*record.problems, *notes_told(record.notes)):
        write.aside(f"Note: {problem}")
    if isinstance(found, NoEventFound):
        write.aside(f"{found.problem} in {where or folder}. {' '.join(found.hints)}")
        if output is TraceFormat.json:
            write.out(Line(_json([])))
        return False
    if found.remark:
        write.aside(f"Note: {found.remark}")
    for line in _written(found, output):
        write.out(line)
    return True


def follow(
    question: Question, folder: Path, output: TraceFormat, write: Writer,
    pause: Callable[[float], None] = time.sleep,
) -> None:  # fmt: skip
    """Write each step that fits, those of the past first, as it comes, as JSON each hop of it; until
    interrupted.

    Where none of the past fits, it is told what there is, as a wrong name would wait for ever.
    """
    follower, live = HopFollower(folder), LiveSteps()
    record, wanted = follower.more(), question.selection
    found = answer(question, record.hops)
    if isinstance(found, NoEventFound) and wanted != Selection():
        write.aside(f"Note: of the record until now: {found.problem}. {' '.join(found.hints)}")
    while True:
        _tell(record, write)
        wanted = with_conversation(wanted, record.hops)
        hops = sorted(hops_taken(wanted, record.hops), key=lambda hop: hop.at)
        is_json = output is TraceFormat.json
        for line in map(_live_json, hops) if is_json else map(live_line, live.of(hops)):
            write.out(line)
        pause(PAUSE)
        record = follower.more()


def _tell(record: RecordRead, write: Writer) -> None:
    for problem in (*record.problems, *notes_told(record.notes)):
        write.aside(f"Note: {problem}")


def _live_json(hop: Hop) -> Line:
    ids: dict[str, Json] = {"id": hop.event.event_id, "key": hop.event.key}
    return Line(_json({**ids, **hop_object(hop)}))


def _written(found: EventsFound, output: TraceFormat) -> Iterator[Line]:
    if output is TraceFormat.json:
        listed: list[Json] = [story_object(story) for story in found.listed]
        yield Line(_json([*node_objects(found.nodes), *listed]))
    elif output is TraceFormat.mermaid:
        told = [story for node in found.nodes for story in node.stories]
        yield Line(diagram([*told, *found.listed]))
    else:
        yield from _text(found)


def _text(found: EventsFound) -> Iterator[Line]:
    yield from node_lines(found.nodes)
    cut: Sequence[object] = found.listed[:-MOST_LISTED]
    if found.nodes and found.listed:
        yield Line("what came of it:")
    if cut:
        yield Line(f"({len(cut)} earlier events; --since, --topic, --key or --failed shows fewer)")
    yield from list_lines(found.listed[-MOST_LISTED:])


def _json(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)
