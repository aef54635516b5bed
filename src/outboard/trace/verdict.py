"""Where an event is, in one sentence. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from outboard.hops.record import FAILED, Hop, HopKind
from outboard.hops.story import EventStory, Passage, Reception, StoryStep

__all__ = ["Verdict", "verdict"]


class Verdict(NamedTuple):
    """`well` is None where the event is on its way, as far as the record tells."""

    text: str
    well: bool | None


NOT_HERE: Final = "its hops are not in this record"


def verdict(story: EventStory) -> Verdict:
    """What a person wants to know first."""
    if not story.passages:
        return Verdict(NOT_HERE, None)
    last = story.passages[-1]
    letter = _last(story, HopKind.DEAD_LETTERED)
    if letter is not None and not _has(last, HopKind.REPLAYED):
        return Verdict(f"is a dead letter on {letter.topic}{_because(letter)}", False)
    if last.receptions:
        return _received(last.receptions)
    return _published(last)


def _received(receptions: tuple[Reception, ...]) -> Verdict:
    each = [_of_app(reception) for reception in receptions]
    bad = [verdict for verdict in each if verdict.well is False]
    going = [verdict for verdict in each if verdict.well is None]
    well = False if bad else None if going else True
    return Verdict("; ".join(verdict.text for verdict in (*bad, *going, *(e for e in each if e.well))), well)


def _of_app(reception: Reception) -> Verdict:
    app, last = reception.app_id, reception.steps[-1].hop
    tries = f" at attempt {last.attempt}" if last.attempt > 1 else ""
    if last.kind is HopKind.LOST:
        return Verdict(f"{app} lost it{_because(last)}", False)
    if last.kind is HopKind.DROPPED or last.outcome == "DROP":
        return Verdict(f"{app} dropped it{_because(last)}", False)
    if last.kind is HopKind.RETRIED:
        failed = _last_attempt(reception.steps)
        return Verdict(
            f"{app} did not handle it{tries}{_because(failed)}; it comes again {last.detail}", None
        )
    if last.outcome == "SUCCESS":
        return Verdict(f"{app} handled it{tries}", True)
    return Verdict(f"{app} has not handled it{tries}{_because(last)}", False)


def _published(passage: Passage) -> Verdict:
    if not passage.publishing:
        return Verdict(NOT_HERE, None)
    last = passage.publishing[-1].hop
    where = f"{passage.topic} of {passage.pubsub}"
    if last.kind is HopKind.STAGED:
        return Verdict(f"is staged by {last.app_id}, and was not published to {where} yet", None)
    if last.kind is HopKind.PARKED:
        return Verdict(f"is parked in the outbox of {last.app_id}{_because(last)}", False)
    if last.kind is HopKind.UNSENT:
        return Verdict(f"was let go of by the outbox of {last.app_id}{_because(last)}", True)
    if last.outcome == FAILED:
        return Verdict(f"was not published to {where}{_because(last)}", False)
    return Verdict(f"is on {where}; no app of this record has received it", None)


def _has(passage: Passage, kind: HopKind) -> bool:
    return any(hop.kind is kind for step in passage.publishing for hop in step.hops)


def _last(story: EventStory, kind: HopKind) -> Hop | None:
    found = [hop for step in story.steps for hop in step.hops if hop.kind is kind]
    return found[-1] if found else None


def _last_attempt(steps: tuple[StoryStep, ...]) -> Hop:
    attempts = [step.hop for step in steps if step.hop.outcome]
    return attempts[-1] if attempts else steps[-1].hop


def _because(hop: Hop) -> str:
    return f": {hop.detail}" if hop.detail else ""
