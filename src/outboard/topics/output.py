"""Topics, and what holds their partitions, for a person or a machine."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from outboard.gojson.values import Json
from outboard.host.processes import ProcessIdentity
from outboard.kit.subscriptions.dead_letter import read_envelope
from outboard.sidecar.components.sqlite.log.administration import HeldEvent, TopicSummary
from outboard.topics.control import DeadLetterTo, Outcome
from outboard.topics.finding import LogFile

__all__ = [
    "held_as_json",
    "held_as_text",
    "outcome_as_json",
    "outcome_as_text",
    "plan_as_text",
    "topic_as_json",
    "topics_as_text",
]

HEADINGS = ("topic", "partitions", "events", "group", "not settled", "members", "held")


def topic_as_json(log: LogFile, topic: TopicSummary) -> Json:
    """One topic with its groups."""
    return {
        "file": str(log.path),
        "pubsub": log.pubsub,
        "topic": topic.name,
        "partitions": topic.partitions,
        "events": topic.events,
        "groups": [
            {
                "group": group.name,
                "notSettled": group.unsettled,
                "members": group.members,
                "heldPartitions": group.held,
            }
            for group in topic.groups
        ],
    }


def topics_as_text(log: LogFile, topics: Sequence[TopicSummary]) -> Iterator[str]:
    """A table: a line for each topic and group."""
    yield f"{log.pubsub}, {log.path}"
    if not topics:
        yield "  no topics"
        return
    rows: list[Sequence[object]] = [HEADINGS]
    for topic in topics:
        head: tuple[object, ...] = (topic.name, topic.partitions, topic.events)
        rows += [(*head, each.name, each.unsettled, each.members, each.held) for each in topic.groups]
        if not topic.groups:
            rows.append((*head, "-", "-", "-", "-"))
    widths = [max(len(str(row[column])) for row in rows) for column in range(len(HEADINGS))]
    for row in rows:
        yield "  " + "  ".join(f"{cell!s:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def held_as_json(log: LogFile, held: HeldEvent) -> Json:
    """One event that holds its partition."""
    return {
        "file": str(log.path),
        "pubsub": log.pubsub,
        "topic": held.topic,
        "group": held.group,
        "partition": held.partition,
        "offset": held.event.offset,
        "eventId": _id(held),
        "published": _time(held.published),
        "attempts": held.hold.attempts,
        "failingSince": _time(held.hold.since),
        "reason": held.hold.reason,
        "waitingBehind": held.waiting,
        "settledBehind": held.settled,
        "pid": held.owner.process if held.owner else None,
    }


def held_as_text(log: LogFile, held: HeldEvent) -> Iterator[str]:
    """What holds the partition, and the commands that end it."""
    yield f"{log.pubsub}, {log.path}"
    yield from (f"  {line}" for line in _told(held))
    named = f"{shlex.quote(held.topic)} --partition {held.partition} --offset {held.event.offset}"
    group = f"--group {shlex.quote(held.group)}"
    yield f"  outboard topics skip {named} {group}"
    yield f"  outboard topics dead-letter {named} {group}"


def plan_as_text(log: LogFile, held: HeldEvent, letter: DeadLetterTo | None) -> Iterator[str]:
    """What would be done."""
    yield f"{log.pubsub}, {log.path}"
    yield from (f"  {line}" for line in _told(held))
    where = f"its dead letter goes to topic '{letter.topic}', and " if letter else ""
    yield f"It would be passed over: {where}group '{held.group}' goes on behind it, other groups do not."
    if letter is None:
        yield "Nothing of it is kept for this group: `outboard topics dead-letter` keeps it."
    yield "Nothing was changed: add --yes to do it."


def outcome_as_text(outcome: Outcome, letter: DeadLetterTo | None) -> Iterator[str]:
    """What was done, and who goes on."""
    held = outcome.event
    what = f"event '{_id(held)}' at offset {held.event.offset} of topic '{held.topic}'"
    if letter is None:
        yield f"{what} is skipped for group '{held.group}'."
    else:
        yield f"{what} is passed over for group '{held.group}'."
        yield f"Its dead letter is at offset {outcome.letter} of topic '{letter.topic}'."
    yield _who_goes_on(held, outcome)


def outcome_as_json(
    log: LogFile, held: HeldEvent, letter: DeadLetterTo | None, outcome: Outcome | None
) -> Json:
    """What was done, or would be where there is no outcome yet."""
    described = held_as_json(log, held)
    assert isinstance(described, dict)
    return {
        **described,
        "done": outcome is not None,
        "noticed": outcome.noticed if outcome else None,
        "deadLetterTopic": letter.topic if letter else None,
        "deadLetterOffset": outcome.letter if outcome else None,
    }


def _who_goes_on(held: HeldEvent, outcome: Outcome) -> str:
    if not outcome.noticed:
        return (
            f"{_process(outcome.owner)} has the partition and has not looked yet: it does so within seconds."
        )
    if outcome.owner is None:
        return f"Nobody has partition {held.partition} now: whoever gets it goes on behind the event."
    return f"{_process(outcome.owner)} goes on behind it."


def _told(held: HeldEvent) -> Iterator[str]:
    hold = held.hold
    yield (
        f"topic '{held.topic}', partition {held.partition}, group '{held.group}': "
        f"event '{_id(held)}' at offset {held.event.offset}"
    )
    times = "once" if hold.attempts == 1 else f"{hold.attempts:,} times"
    what = f"failed {times}" if hold.attempts else "under way"
    yield f"  {what} since {_time(hold.since)}: {' '.join(hold.reason.split())}"
    owner = f"{_process(held.owner)} has the partition" if held.owner else "nobody has the partition now"
    yield f"  behind it {held.waiting:,} wait, {held.settled:,} are settled; {owner}"


def _process(owner: ProcessIdentity | None) -> str:
    return f"process {owner.process}" if owner else "a process"


def _id(held: HeldEvent) -> str:
    message = held.event.message
    members: Mapping[str, object] = read_envelope(
        message.data, {"content-type": message.content_type or ""}
    ).members
    return str(members["id"])


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
