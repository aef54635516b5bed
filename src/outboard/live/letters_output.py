"""Dead letters as lines for a person, and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from outboard.gojson.values import Json
from outboard.kit.deadletters.port import Letter, LetterGroup, LetterState
from outboard.kit.deadletters.replaying import ReplayReport

__all__ = [
    "group_lines",
    "group_objects",
    "letter_lines",
    "letter_object",
    "list_lines",
    "report_lines",
    "report_object",
]

SHOWN_REFUSED: Final = 10
LONGEST: Final = 100


def group_lines(groups: Sequence[LetterGroup], waiting: int) -> Iterator[str]:
    """The largest first, with the commands that go on."""
    for each in groups:
        error = f"{each.error}: " if each.error else ""
        yield f"{each.count:>7}  {each.handler}  {error}{_short(each.pattern)}"
        span = _time(each.first_at) + ("" if each.count == 1 else f" to {_time(each.last_at)}")
        yield f"         group {each.group}, topic {each.topic or 'unknown'} of {each.pubsub}, {span}"
    if not groups:
        yield "no dead letters wait"
        return
    one = groups[0]
    yield f"{_counted(waiting, 'letter')} in {_counted(len(groups), 'group')}. Go on with, for instance:"
    yield f"  outboard dead-letters show {one.example}"
    yield f"  outboard dead-letters replay --group {one.group}"


def list_lines(letters: Sequence[Letter]) -> Iterator[str]:
    """A line for each."""
    for each in letters:
        error = f"{each.error}: " if each.error else ""
        state = "" if each.state is LetterState.WAITING else f" ({each.state})"
        yield (
            f"{each.id:>7}  {_time(each.dead_at)}  {each.topic or each.dead_letter_topic}  {each.event_id}  "
            f"{each.handler}  {error}{_short(each.reason)}{state}"
        )
    if not letters:
        yield "no dead letters wait"


def letter_lines(letter: Letter) -> Iterator[str]:
    """All of one."""
    replayed = f", replayed {_time(letter.replayed_at)}" if letter.replayed_at else ""
    rows = (
        ("letter", f"{letter.id} of group {letter.group}: {letter.state}{replayed}"),
        ("handler", letter.handler),
        ("topic", f"{letter.topic or 'unknown'} of {letter.pubsub}"),
        ("lies in", letter.dead_letter_topic or "the outbox, parked"),
        ("event", f"{letter.event_id} of {letter.source}, {letter.event_type}"),
        ("key", letter.key),
        ("since", _time(letter.dead_at)),
        ("error", letter.error),
        ("reason", letter.reason),
        ("attempts", "" if letter.attempts is None else str(letter.attempts)),
        ("failures", str(letter.failures) if letter.failures > 1 else ""),
        ("replay", f"could not be published: {letter.replay_error}" if letter.replay_error else ""),
        ("data", _data(letter)),
    )
    for name, value in rows:
        if value:
            yield f"{name:<9} {value}"


def report_lines(report: ReplayReport, app_id: str = "") -> Iterator[str]:
    """What was done, or would be."""
    through = f" through the sidecar of {app_id}" if app_id else ""
    would = "would be replayed" if report.dry_run else f"replayed{through}"
    yield f"{report.replayed} of {report.found} {would}"
    for each in report.refused[:SHOWN_REFUSED]:
        yield f"  {each.id}: {each.reason}"
    if len(report.refused) > SHOWN_REFUSED:
        yield f"  and {len(report.refused) - SHOWN_REFUSED} others"
    if report.stopped:
        yield f"stopped: {report.stopped}"
    if report.dry_run and report.replayed:
        yield "Nothing was done; --yes does it."


def group_objects(groups: Sequence[LetterGroup]) -> list[Json]:
    """One object for each."""
    return [
        {
            "group": each.group,
            "count": each.count,
            "app": each.app_id,
            "route": each.route,
            "pubsub": each.pubsub,
            "topic": each.topic,
            "error": each.error,
            "pattern": each.pattern,
            "firstAt": each.first_at.isoformat(),
            "lastAt": each.last_at.isoformat(),
            "example": each.example,
        }
        for each in groups
    ]


def letter_object(letter: Letter) -> Json:
    """All of one. `data` is JSON text, as it is shown."""
    return {
        "id": letter.id,
        "group": letter.group,
        "state": letter.state.value,
        "app": letter.app_id,
        "route": letter.route,
        "pubsub": letter.pubsub,
        "topic": letter.topic,
        "deadLetterTopic": letter.dead_letter_topic,
        "eventId": letter.event_id,
        "source": letter.source,
        "type": letter.event_type,
        "key": letter.key,
        "error": letter.error,
        "reason": letter.reason,
        "attempts": letter.attempts,
        "failures": letter.failures,
        "deadAt": letter.dead_at.isoformat(),
        "replayedAt": letter.replayed_at.isoformat() if letter.replayed_at else None,
        "replayError": letter.replay_error,
        "data": letter.data,
    }


def report_object(report: ReplayReport, app_id: str = "") -> Json:
    """What was done, or would be."""
    return {
        "found": report.found,
        "replayed": report.replayed,
        "refused": [{"id": each.id, "reason": each.reason} for each in report.refused],
        "stopped": report.stopped,
        "dryRun": report.dry_run,
        "throughApp": app_id,
    }


def _data(letter: Letter) -> str:
    if letter.data is None:
        return "not shown: who collected it does not know what of it is sensitive; --raw shows all"
    return letter.data or "(not JSON; --raw shows all)"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
