"""What becomes of an event at each app, as lines for a person and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from outboard.gojson.values import Json
from outboard.live.routing import RouteAnswer, RouteOutcome, RuleAnswer

__all__ = ["route_lines", "route_objects"]

NO_NAME: Final = "an app"
"""Of which only the files are known."""


def route_lines(found: Sequence[RouteAnswer], *, explain: bool, explained_by: str = "--explain") -> list[str]:
    """Who gets the event; with `explain`, or where nobody does, also why the others do not, and each rule.

    `explained_by` is what a person may call to hear that.
    """
    return list(_lines(found, explain, explained_by))


def route_objects(found: Sequence[RouteAnswer]) -> list[Json]:
    """One object for each answer, whatever is explained."""
    return [
        {
            "app": each.app_id,
            "pubsub": each.pubsub,
            "outcome": each.outcome.value,
            "path": each.path,
            "reason": each.reason,
            "rules": [{"match": rule.match, "path": rule.path, "result": rule.result} for rule in each.rules],
            "deadLetterTopic": each.dead_letter_topic,
            "didYouMean": each.meant,
        }
        for each in found
    ]


def _lines(found: Sequence[RouteAnswer], explain: bool, explained_by: str) -> Iterator[str]:
    taken = [each for each in found if each.outcome is not RouteOutcome.NOT]
    explain = explain or not taken
    for each in found if explain else taken:
        yield _line(each)
        if explain:
            yield from map(_rule_line, each.rules)
            yield from [f"  dead letters go to {each.dead_letter_topic}"] if each.dead_letter_topic else []
    if not taken:
        yield "no app gets it"
    if not explain and len(taken) < len(found):
        count = len(found) - len(taken)
        yield f"({count} {'does' if count == 1 else 'do'} not: {explained_by} says why)"


def _line(answer: RouteAnswer) -> str:
    app = answer.app_id or NO_NAME
    where = f" of {answer.pubsub}" if answer.pubsub else ""
    match answer.outcome:
        case RouteOutcome.GETS:
            at = f" at {answer.path}" if answer.path else f": {answer.reason}" if answer.reason else ""
            return f"{app} gets it{where}{at}"
        case RouteOutcome.DEPENDS:
            return f"{app} may get it{where}: {answer.reason}"
        case RouteOutcome.NOT:
            return f"{app} does not get it: {answer.reason}"


def _rule_line(rule: RuleAnswer) -> str:
    match = rule.match.strip() or "(every other event)"
    result = rule.result if isinstance(rule.result, str) else str(rule.result).lower()
    return f"  {match} → {rule.path}: {result}"
