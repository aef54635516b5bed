"""Dead letters as a person sees them: groups, letters, and what a replay would do or has done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, NamedTuple

from outboard.dashboard.views.letter_query import LettersAsked
from outboard.dashboard.views.mending import has_mask, indented
from outboard.dashboard.views.moments import Day, day
from outboard.kit.deadletters.port import PARKED, Letter, LetterGroup, LetterState
from outboard.kit.deadletters.replaying import ReplayReport

__all__ = [
    "DatabaseLetters",
    "GroupRow",
    "LetterRow",
    "LetterView",
    "ReportView",
    "group_rows",
    "letter_rows",
    "letter_view",
    "report_view",
]

SHOWN_REFUSED: Final = 20
LONGEST: Final = 300


class GroupRow(NamedTuple):
    """`letters` of one cause; `look` is the query that shows them."""

    group: str
    letters: int
    handler: str
    error: str
    pattern: str
    topic: str
    pubsub: str
    first: Day
    last: Day
    look: LettersAsked


class LetterRow(NamedTuple):
    """One letter; `anew` says that it failed again after a replay, and how often it did in all."""

    id: str
    parked: bool
    at: Day
    topic: str
    event_id: str
    handler: str
    error: str
    reason: str
    state: str
    anew: str


class DatabaseLetters(NamedTuple):
    """What one database has of what is asked for: `groups`, or else `letters`. `nothing` is what is
    told where there is neither, `problem` why it cannot be looked into; empty where it can.
    """

    id: str
    title: str
    shown: str
    found: int
    groups: Sequence[GroupRow]
    letters: Sequence[LetterRow]
    query: LettersAsked
    nothing: str = ""
    problem: str = ""


class LetterView(NamedTuple):
    """All of one letter. `data` is what a form begins with, `remark` what there is to know of it."""

    row: LetterRow
    group: str
    pubsub: str
    facts: Sequence[tuple[str, str]]
    reason: str
    data: str
    shown: bool
    remark: str
    replay_error: str


class ReportView(NamedTuple):
    """What a replay would do, or did, in sentences."""

    told: str
    refused: Sequence[tuple[str, str]]
    others: int
    stopped: str
    replayed: int


def group_rows(groups: Sequence[LetterGroup], asked: LettersAsked) -> Sequence[GroupRow]:
    """The largest first, as they come."""
    return [
        GroupRow(
            each.group, each.count, each.handler, each.error, each.pattern, each.topic, each.pubsub,
            _day(each.first_at), _day(each.last_at), replace(asked, group=each.group),
        )
        for each in groups
    ]  # fmt: skip


def letter_rows(letters: Sequence[Letter]) -> Sequence[LetterRow]:
    """As they come."""
    return [_row(each) for each in letters]


def letter_view(letter: Letter, body_data: str) -> LetterView:
    """Of `letter`; `body_data` is the name of what its data is where it is no JSON, empty where it is."""
    facts = (
        ("handler", letter.handler),
        ("topic", f"{letter.topic or 'unknown'} of {letter.pubsub}"),
        ("lies in", letter.dead_letter_topic or "the outbox, parked"),
        ("type", letter.event_type),
        ("source", letter.source),
        ("key", letter.key),
        ("attempts", "" if letter.attempts is None else str(letter.attempts)),
        ("failures", str(letter.failures)),
        ("replayed", _day(letter.replayed_at).clock if letter.replayed_at else ""),
    )
    return LetterView(
        _row(letter), letter.group, letter.pubsub, [(name, value) for name, value in facts if value],
        letter.reason, indented(letter.data or ""), letter.data is not None, _remark(letter, body_data),
        letter.replay_error,
    )  # fmt: skip


def report_view(report: ReplayReport, app_id: str = "") -> ReportView:
    """Of a dry run, or of what was done through the sidecar of `app_id`."""
    through = f", through the sidecar of {app_id}" if app_id else ""
    verb = "would be replayed" if report.dry_run else f"went out{through}"
    told = f"{report.replayed:,} of {_counted(report.found, 'letter')} {verb}."
    refused = [(each.id, each.reason) for each in report.refused[:SHOWN_REFUSED]]
    return ReportView(
        told, refused, max(0, len(report.refused) - SHOWN_REFUSED), report.stopped, report.replayed
    )


def _row(letter: Letter) -> LetterRow:
    anew = letter.failures > 1 and letter.state is LetterState.WAITING
    reason = letter.reason if len(letter.reason) <= LONGEST else f"{letter.reason[: LONGEST - 1]}…"
    return LetterRow(
        letter.id, letter.id.startswith(PARKED), _day(letter.dead_at),
        letter.topic or letter.dead_letter_topic, letter.event_id, letter.handler,
        letter.error, reason, letter.state.value,
        f"failed anew, {letter.failures} times in all" if anew else "",
    )  # fmt: skip


def _remark(letter: Letter, body_data: str) -> str:
    if letter.is_cut:
        return "Its data was too large for a dead letter, and is cut: write all of it."
    if body_data:
        return f"Its data is {body_data}, which is not shown here: what is written here stands in its place."
    if letter.data is None:
        return (
            "Its data is not shown: who collected it does not know what of it is sensitive. "
            "`outboard dead-letters show --raw` shows it."
        )
    if has_mask(letter.data):
        return "What is sensitive is masked: where *** stays, it goes out as it was."
    return ""


def _day(at: datetime) -> Day:
    return day(at.timestamp())


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
