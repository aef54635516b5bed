"""Where events end that nobody handled: dead letter topics, and what is parked in an outbox. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from outboard.doctor import commands
from outboard.doctor.evidence import Evidence, HopSeen, OutboxSeen
from outboard.doctor.results import CheckResult, Status
from outboard.hops.record import HopKind
from outboard.wire.deadletters import default_topic

__all__ = ["dead_letters", "event_lost", "outbox_backlog", "outbox_parked"]

TO_DEAD_LETTERS: Final = "went to dead letter topic"
PARKED: Final = "is parked in the outbox"
LINES: Final = 3
WAITS_LONG: Final = 60.0
"""Seconds that an event waits in an outbox, at most, where all is well and its sidecar is there."""
GONE: Final = frozenset({HopKind.DROPPED.value, HopKind.LOST.value})


def dead_letters(seen: Evidence) -> Iterator[CheckResult]:
    """What lies in the dead letter topics, and what the apps have said of it."""
    title = "there are no dead letters"
    told: set[str] = set()
    for broker in seen.brokers:
        wanted = [each for app in seen.apps if app.app_id == broker.app_id for each in app.wanted]
        names = {name for each in wanted for name in (each.dead_letter_topic, default_topic(each.topic))}
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
        hops = [
            each for each in seen.hops if each.kind == HopKind.DEAD_LETTERED and each.app_id == app.app_id
        ]
        lines = [line for line in app.app_log if TO_DEAD_LETTERS in line]
        if app.app_id in told:
            continue
        status = Status.WARNING if hops or lines else Status.PASSED
        fix = "The reason stands behind it: mend it, then publish the event again" if hops or lines else ""
        yield _told("dead-letters", title, app.app_id, status, hops, lines, fix)


def outbox_parked(seen: Evidence) -> Iterator[CheckResult]:
    """Staged events that the sidecar has refused, as the database or else the apps say."""
    title = "nothing is parked in its outbox"
    for outbox in seen.outboxes:
        if outbox.failure:
            evidence = (f"{outbox.database} could not be read: {outbox.failure}",)
            fix = "Name its database as SQLAlchemy does, such as sqlite:///shop.db, and see that it runs"
            yield CheckResult("outbox-parked", title, outbox.database, Status.UNKNOWN, evidence, fix)
        else:
            yield _parked(title, outbox)
    if any(not each.failure for each in seen.outboxes):
        return
    for app in seen.apps:
        hops = [each for each in seen.hops if each.kind == HopKind.PARKED and each.app_id == app.app_id]
        lines = [line for line in app.app_log if PARKED in line]
        status = Status.WARNING if hops or lines else Status.PASSED
        fix = "Mend the reason, then `outbox.retry(...)`, or `outbox.drop(...)`" if hops or lines else ""
        yield _told("outbox-parked", title, app.app_id, status, hops, lines, fix)


def _parked(title: str, outbox: OutboxSeen) -> CheckResult:
    if not outbox.parked:
        return CheckResult("outbox-parked", title, _of(outbox), Status.PASSED)
    events = [
        f"event {event_id} of '{topic}' is parked: {reason}"
        for event_id, topic, reason in outbox.parked_events[:LINES]
    ]
    evidence = (f"parked: {outbox.parked}, the oldest first", *events)
    fix = "Mend the reason, then `outbox.retry(...)`, or `outbox.drop(...)`"
    return CheckResult("outbox-parked", title, _of(outbox), Status.WARNING, evidence, fix)


def outbox_backlog(seen: Evidence) -> Iterator[CheckResult]:
    """Staged events that should have left, where the database is named."""
    title = "what is staged in its outbox leaves it"
    for outbox in seen.outboxes:
        if outbox.failure:
            continue  # which is told of what is parked
        evidence = (f"{outbox.waiting} wait, the oldest for {outbox.oldest_age:.0f} s",)
        if outbox.oldest_age < WAITS_LONG:
            yield CheckResult("outbox-backlog", title, _of(outbox), Status.PASSED, evidence)
            continue
        fix = "The app publishes them as long as it runs and its sidecar takes them: its log says why not"
        yield CheckResult("outbox-backlog", title, _of(outbox), Status.WARNING, evidence, fix)


def _of(outbox: OutboxSeen) -> str:
    return f"{outbox.table} in {outbox.database}"


def event_lost(seen: Evidence) -> Iterator[CheckResult]:
    """Events that were acknowledged without having been handled, as the record of hops has them."""
    title = "no event was dropped"
    for app in seen.apps:
        hops = [each for each in seen.hops if each.kind in GONE and each.app_id == app.app_id]
        status = Status.WARNING if hops else Status.PASSED
        fix = "A dead letter topic keeps what cannot be handled" if hops else ""
        yield _told("event-lost", title, app.app_id, status, hops, [], fix)


def _told(
    code: str,
    title: str,
    app_id: str,
    status: Status,
    hops: Sequence[HopSeen],
    lines: Sequence[str],
    fix: str,
) -> CheckResult:
    """With what the record of hops says, or else the app's log."""
    said = [f"event {each.event_id} of '{each.topic}' is {each.kind}: {each.detail}" for each in hops]
    command = commands.same(f"outboard trace {hops[-1].event_id}") if hops else None
    evidence = tuple(dict.fromkeys(said or lines))[-LINES:]
    return CheckResult(code, title, app_id, status, evidence, fix, command)
