"""Where events end that nobody handled: dead letter topics, and what is parked in an outbox. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from outboard.doctor.evidence import Evidence
from outboard.doctor.results import CheckResult, Status

__all__ = ["dead_letters", "outbox_parked"]

TO_DEAD_LETTERS: Final = "went to dead letter topic"
PARKED: Final = "is parked in the outbox"
LINES: Final = 3


def dead_letters(seen: Evidence) -> Iterator[CheckResult]:
    """What lies in the dead letter topics, and what the apps have said of it."""
    title = "there are no dead letters"
    told: set[str] = set()
    for broker in seen.brokers:
        wanted = [each for app in seen.apps if app.app_id == broker.app_id for each in app.wanted]
        names = {name for each in wanted for name in (each.dead_letter_topic, f"{each.topic}-dead")}
        for topic in broker.now:
            if topic.topic not in names or not topic.events:
                continue
            told.add(broker.app_id)
            why = f", the latest because {topic.last_reason}" if topic.last_reason else ""
            evidence = (f"{topic.events} lie on '{topic.topic}'{why}",)
            fix = "Read why, mend it, then publish them again"
            yield CheckResult(
                "dead-letters",
                title,
                f"{broker.app_id}, {topic.topic} of {broker.component}",
                Status.WARNING,
                evidence,
                fix,
            )
    for app in seen.apps:
        lines = [line for line in app.app_log if TO_DEAD_LETTERS in line]
        if lines and app.app_id not in told:
            fix = "The reason stands behind it: mend it, then publish the event again"
            yield CheckResult("dead-letters", title, app.app_id, Status.WARNING, tuple(lines[-LINES:]), fix)
        elif app.app_id not in told:
            yield CheckResult("dead-letters", title, app.app_id, Status.PASSED)


def outbox_parked(seen: Evidence) -> Iterator[CheckResult]:
    """Staged events that the sidecar has refused, as the apps have said."""
    title = "nothing is parked in its outbox"
    for app in seen.apps:
        lines = [line for line in app.app_log if PARKED in line]
        status = Status.WARNING if lines else Status.PASSED
        fix = "Mend the reason, then `outbox.retry(...)`, or `outbox.drop(...)`" if lines else ""
        yield CheckResult("outbox-parked", title, app.app_id, status, tuple(lines[-LINES:]), fix)
